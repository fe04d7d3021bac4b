"""Which features are columns of ``analyzer_data`` and which go to its ``extra`` object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from market_analyzer.src.indicators.registry import CANDLE_COLUMNS

V = TypeVar("V")

ANALYZER_COLUMNS: Final = (
    "wma_20", "dema_12", "tema_12", "hull_20", "kama_14", "rsi_14", "rsi_21", "ema_7", "ema_12", "ema_26", "ema_50",
    "ema_99", "sma_20", "sma_50", "macd_line", "macd_signal", "macd_histogram", "ppo", "macd_zero_cross",
    "macd_signal_cross", "macd_trend", "bb_upper", "bb_middle", "bb_lower", "bb_position", "bb_width", "bb_squeeze",
    "bb_expansion", "bb_breakout_direction", "keltner_upper", "keltner_lower", "stoch_k", "stoch_d", "stoch_rsi",
    "stoch_fast_k", "stoch_fast_d", "stoch_divergence", "stoch_signal", "atr_14", "atr_percentile", "natr",
    "volatility_regime", "atr_stop_long", "atr_stop_short", "adx_14", "plus_di", "minus_di", "dx", "adxr",
    "trend_strength", "directional_bias", "trend_angle", "williams_r", "mfi_14", "cci_20", "momentum_10", "roc_10",
    "roc_20", "vwap_10", "vwap_quote_10", "anchored_vwap", "vwap_upper_band", "vwap_lower_band", "volume_ratio",
    "avg_volume_20", "quote_volume_ratio", "avg_trade_size", "trade_intensity", "obv", "obv_ma_10", "obv_oscillator",
    "ad_line", "volume_profile_poc", "volume_profile_vah", "volume_profile_val", "market_regime", "regime_strength",
    "regime_confidence", "regime_duration", "trend_alignment", "momentum_score", "support_levels",
    "resistance_levels", "nearest_support", "nearest_resistance", "support_strength", "resistance_strength",
    "break_probability", "pivot_count", "volume_context", "volume_pattern", "volume_quality_score",
    "relative_volume", "volume_buildup_periods", "volume_spike_multiplier", "pattern_detected",
    "pattern_confidence", "signal_strength", "confluence_score", "data_quality", "anomaly_detected",
)  # fmt: skip


def split_row(row: Mapping[str, V]) -> tuple[dict[str, V | None], dict[str, V]]:
    """A row of the engine as the values of the table's columns and the object of everything else."""
    columns: dict[str, V | None] = {name: row.get(name) for name in ANALYZER_COLUMNS}
    extra = {name: value for name, value in row.items() if name not in columns and name not in CANDLE_COLUMNS}
    return columns, extra
