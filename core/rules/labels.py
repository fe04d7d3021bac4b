"""The textual features and their codes: frames hold numbers only, so a label is its position in its tuple.

A label that is not known yet is NaN, like every other feature.
"""

from __future__ import annotations

from typing import Final

_LEVELS: Final = ("WEAK", "MODERATE", "STRONG", "VERY_STRONG")
_TOUCHES: Final = ("WEAK", "MODERATE", "STRONG", "MAJOR")

LABELS: Final[dict[str, tuple[str, ...]]] = {
    "market_regime": (
        "TRENDING_BULL",
        "TRENDING_BEAR",
        "RANGING",
        "VOLATILE",
        "BREAKOUT_BULL",
        "BREAKOUT_BEAR",
        "TRANSITION",
    ),
    "regime_strength": ("WEAK", "MODERATE", "STRONG", "EXTREME"),
    "volatility_regime": ("low", "normal", "high", "extreme"),
    "trend_strength": ("absent", "weak", "strong", "very_strong", "extreme"),
    "directional_bias": ("BEARISH", "NEUTRAL", "BULLISH"),
    "macd_trend": ("BEARISH", "NEUTRAL", "BULLISH"),
    "bb_breakout_direction": ("DOWN", "NONE", "UP"),
    "stoch_signal": ("OVERSOLD", "NEUTRAL", "OVERBOUGHT"),
    "support_strength": _TOUCHES,
    "resistance_strength": _TOUCHES,
    "signal_strength": _LEVELS,
    "volume_context": (
        "NEUTRAL",
        "DEEP_OVERSOLD",
        "OVERSOLD_BOUNCE",
        "LOW_VOLATILITY",
        "HIGH_VOLATILITY",
        "BREAKOUT",
        "TREND_CONTINUATION",
        "PUMP_START",
    ),
    "volume_pattern": ("NORMAL", "SPIKE", "BUILDUP", "SUSTAINED_HIGH", "DECLINING"),
    "pattern_detected": (
        "NONE",
        "PRICE_SPIKE_UP",
        "PRICE_SPIKE_DOWN",
        "VOLUME_SPIKE",
        "LIQUIDITY_SWEEP_LOW",
        "LIQUIDITY_SWEEP_HIGH",
        "PUMP",
        "DUMP",
    ),
    "data_quality": ("WARMING", "GOOD", "EXCELLENT"),
}

BOOLEANS: Final = frozenset(
    {
        "macd_zero_cross",
        "macd_signal_cross",
        "bb_squeeze",
        "bb_expansion",
        "stoch_divergence",
        "anomaly_detected",
    }
)
INTEGERS: Final = frozenset({"regime_duration", "pivot_count", "volume_buildup_periods"})

_CODES: Final = {name: {label: float(code) for code, label in enumerate(labels)} for name, labels in LABELS.items()}


def code_of(feature: str, label: str) -> float:
    """The number that stands for ``label``.

    Raises:
        KeyError: the feature has no such label; a misspelt rule must not read as "never true".
    """
    return _CODES[feature][label]
