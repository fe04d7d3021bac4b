"""Every feature once more, from the literature's formulas, by other means than the engine's.

``TALIB`` calls TA-Lib over the whole history. ``TEXTBOOK`` is NumPy over windows, or a plain loop, for what TA-Lib does
not have; those functions may read the columns that come before them. Unknown is NaN.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import talib

from core.rules.frames import Column
from core.rules.labels import code_of
from tests.unit.core.features.textbook_parts import (
    Known,
    anchored,
    before,
    divergence,
    either,
    held_three_bars,
    labelled,
    latch,
    levels,
    marks,
    profile,
    ramp,
    rank_of,
    ratio,
    windows,
)

SMA, EMA = talib.MA_Type.SMA, talib.MA_Type.EMA  # type: ignore[attr-defined]


def _talib(name: str, *columns: str, pick: int | None = None, **parameters: Any) -> Callable[[Known], Column]:
    def compute(known: Known) -> Column:
        outputs = getattr(talib, name)(*(known[column] for column in columns), **parameters)
        output = outputs if pick is None else outputs[pick]
        return np.asarray(output, dtype=np.float64)

    return compute


HLC = ("high", "low", "close")
_direction = _talib("SUPERTREND", *HLC, timeperiod=10, multiplier=3.0, pick=1)
TALIB: dict[str, Callable[[Known], Column]] = {
    **{f"ema_{n}": _talib("EMA", "close", timeperiod=n) for n in (7, 12, 21, 26, 50, 99)},
    **{f"sma_{n}": _talib("SMA", "close", timeperiod=n) for n in (20, 50)},
    "sma_short": _talib("SMA", "close", timeperiod=5),
    "sma_long": _talib("SMA", "close", timeperiod=20),
    "wma_20": _talib("WMA", "close", timeperiod=20),
    "dema_12": _talib("DEMA", "close", timeperiod=12),
    "tema_12": _talib("TEMA", "close", timeperiod=12),
    "kama_14": _talib("KAMA", "close", timeperiod=14),
    "hull_20": _talib("HMA", "close", timeperiod=20),
    **{f"rsi_{n}": _talib("RSI", "close", timeperiod=n) for n in (14, 21)},
    "rsi_user": _talib("RSI", "close", timeperiod=14),
    "macd_line": _talib("MACD", "close", pick=0),
    "macd_signal": _talib("MACD", "close", pick=1),
    "macd_histogram": _talib("MACD", "close", pick=2),
    "ppo": _talib("PPO", "close", fastperiod=12, slowperiod=26, matype=EMA),
    "ppo_signal": _talib("EMA", "ppo", timeperiod=9),
    "trix": _talib("TRIX", "close", timeperiod=15),
    "trix_signal": _talib("EMA", "trix", timeperiod=9),
    **{f"roc_{n}": _talib("ROC", "close", timeperiod=n) for n in (7, 10, 20)},
    "momentum_10": _talib("MOM", "close", timeperiod=10),
    **{
        name: _talib("BBANDS", "close", timeperiod=20, nbdevup=2.0, nbdevdn=2.0, pick=at % 3)
        for at, name in enumerate(
            ("bb_upper", "bb_middle", "bb_lower", "bb_user_upper", "bb_user_middle", "bb_user_lower")
        )
    },
    "stddev_20": _talib("STDDEV", "close", timeperiod=20, nbdev=1.0),
    "atr_14": _talib("ATR", *HLC, timeperiod=14),
    "natr": _talib("NATR", *HLC, timeperiod=14),
    "true_range": _talib("TRANGE", *HLC),
    "adx_14": _talib("ADX", *HLC, timeperiod=14),
    "adxr": _talib("ADXR", *HLC, timeperiod=14),
    "dx": _talib("DX", *HLC, timeperiod=14),
    "plus_di": _talib("PLUS_DI", *HLC, timeperiod=14),
    "minus_di": _talib("MINUS_DI", *HLC, timeperiod=14),
    "cci_20": _talib("CCI", *HLC, timeperiod=20),
    "williams_r": _talib("WILLR", *HLC, timeperiod=14),
    "mfi_14": _talib("MFI", *HLC, "volume", timeperiod=14),
    **{
        name: _talib(
            "STOCH", *HLC, fastk_period=14, slowk_period=3, slowk_matype=SMA, slowd_period=3, slowd_matype=SMA, pick=at
        )
        for at, name in enumerate(("stoch_k", "stoch_d"))
    },
    **{
        name: _talib("STOCHF", *HLC, fastk_period=14, fastd_period=3, fastd_matype=SMA, pick=at)
        for at, name in enumerate(("stoch_fast_k", "stoch_fast_d"))
    },
    **{
        name: _talib("STOCHRSI", "close", timeperiod=14, fastk_period=14, fastd_period=3, pick=at)
        for at, name in enumerate(("stoch_rsi", "stoch_rsi_d"))
    },
    "highest_20": _talib("MAX", "high", timeperiod=20),
    "lowest_20": _talib("MIN", "low", timeperiod=20),
    "highest_5": _talib("MAX", "high", timeperiod=5),
    "lowest_5": _talib("MIN", "low", timeperiod=5),
    "obv": _talib("OBV", "close", "volume"),
    "obv_ma_10": _talib("SMA", "obv", timeperiod=10),
    "ad_line": _talib("AD", *HLC, "volume"),
    "psar": _talib("SAR", "high", "low", acceleration=0.02, maximum=0.2),
    "regression_slope": _talib("LINEARREG_SLOPE", "close", timeperiod=14),
    "supertrend": _talib("SUPERTREND", *HLC, timeperiod=10, multiplier=3.0, pick=0),
    # an integer in TA-Lib, with zeros before the first value
    "supertrend_direction": lambda k: np.where(np.isnan(k["supertrend"]), np.nan, _direction(k)),
    "keltner_upper": _talib("KC", *HLC, timeperiod=20, atrperiod=10, nbdev=2.0, pick=0),
    "keltner_lower": _talib("KC", *HLC, timeperiod=20, atrperiod=10, nbdev=2.0, pick=2),
}


def regime_of_bar(k: Known) -> Column:
    close, upper, lower = k["close"], k["donchian_upper"], k["donchian_lower"]
    over, under = close > upper, close < lower
    over = over | (before(close) > before(upper)) | (before(close, 2) > before(upper, 2))
    under = under | (before(close) < before(lower)) | (before(close, 2) < before(lower, 2))
    bull, rising, trend = k["plus_di"] > k["minus_di"], k["ema_12"] > k["ema_26"], k["trend_latch"] == 1
    rank = k["atr_percentile"]
    rules = (
        ("RANGING", k["adx_14"] < 20),
        ("VOLATILE", rank >= 90),
        ("TRENDING_BULL", trend & bull & rising),
        ("TRENDING_BEAR", trend & ~bull & ~rising),
        ("BREAKOUT_BULL", (rank >= 80) & over & bull),
        ("BREAKOUT_BEAR", (rank >= 80) & under & ~bull),
    )
    return labelled("market_regime", "TRANSITION", rules, rank, k["adx_14"], k["ema_26"], upper)


def clearness(k: Known) -> Column:
    moving = 0.6 * ramp(k["adx_14"], 15, 45) + 0.4 * ramp(np.abs(k["trend_alignment"]), 0, 1)
    return np.where(k["market_regime"] == code_of("market_regime", "RANGING"), ramp(25 - k["adx_14"], 0, 15), moving)


def graded(feature: str, score: Column, bounds: Sequence[tuple[str, float]], lowest: str, needed: Column) -> Column:
    return labelled(feature, lowest, [(text, score >= bound) for text, bound in bounds], needed)


def vote(k: Known) -> Any:
    """The sign of each opinion; what differs by a billionth of what is compared does not differ."""
    price = k["close"]
    opinions = (
        (2.0, (k["ema_12"] - k["ema_26"]) / price),
        (1.5, (k["close"] - k["ema_50"]) / price),
        (1.0, k["rsi_14"] - 50),
        (2.0, (k["macd_line"] - k["macd_signal"]) / price),
        (1.0, k["stoch_k"] - k["stoch_d"]),
        (2.5, np.where(k["adx_14"] >= 20, k["plus_di"] - k["minus_di"], 0.0) + 0 * k["adx_14"]),
        (1.5, k["obv_oscillator"]),
        (1.0, (k["close"] - k["bb_middle"]) / price),
        (1.5, k["supertrend_direction"]),
    )
    signs = [weight * np.sign(np.where(np.abs(opinion) <= 1e-9, 0.0, opinion)) for weight, opinion in opinions]
    return np.sum(signs, axis=0) / 14.0


def alignment(k: Known) -> Any:
    pairs = (("ema_7", "ema_12"), ("ema_12", "ema_26"), ("ema_26", "ema_50"), ("ema_50", "ema_99"), ("close", "ema_26"))
    signs = [np.sign(k[left] - k[right]) for left, right in pairs]
    return (np.sum(signs, axis=0) + np.sign(k["ema_26"] - before(k["ema_26"]))) / 6


def momentum(k: Known) -> Column:
    histogram = np.clip(ratio(k["macd_histogram"], 0.5 * k["atr_14"]), -1, 1)
    trend = np.clip(k["adx_14"] / 50, 0, 1) * np.where(k["plus_di"] > k["minus_di"], 1, -1)
    move = np.clip(ratio(k["roc_10"], 5 * k["natr"]), -1, 1)
    return 50 + 50 * (0.4 * (k["rsi_14"] - 50) / 50 + 0.3 * histogram + 0.2 * trend + 0.1 * move)


def macd_trend(k: Known) -> Column:
    line, histogram = k["macd_line"], k["macd_histogram"]
    points = np.sum(
        [line > k["macd_signal"], line > 0, histogram > before(histogram), line > before(line)], axis=0, dtype=float
    )
    return labelled("macd_trend", "NEUTRAL", (("BULLISH", points >= 3), ("BEARISH", points <= 1)), line, before(line))


def band_break(k: Known) -> Column:
    over = windows((k["close"] / k["bb_upper"] - 1 > 1e-9).astype(float), 3)
    under = windows((1 - k["close"] / k["bb_lower"] > 1e-9).astype(float), 3)
    rules = (
        ("DOWN", (under[:, 2] == 1) & (under[:, :2].sum(axis=1) >= 1)),
        ("UP", (over[:, 2] == 1) & (over[:, :2].sum(axis=1) >= 1)),
    )
    return labelled("bb_breakout_direction", "NONE", rules, before(k["bb_upper"], 2))


def spike(k: Known) -> tuple[Column, Column, Column]:
    ratio_, move, run = k["volume_ratio"], k["move_atr"], ratio(k["roc_10"], k["natr"])
    upper, lower, close = k["donchian_upper"], k["donchian_lower"], k["close"]
    rules = (
        ("VOLUME_SPIKE", ratio_ >= 3),
        ("PRICE_SPIKE_UP", move > 2.5),
        ("PRICE_SPIKE_DOWN", move < -2.5),
        ("LIQUIDITY_SWEEP_LOW", (k["low"] < lower) & (close > lower) & (ratio_ >= 1.5)),
        ("LIQUIDITY_SWEEP_HIGH", (k["high"] > upper) & (close < upper) & (ratio_ >= 1.5)),
        ("PUMP", (run > 5) & (ratio_ >= 3)),
        ("DUMP", (run < -5) & (ratio_ >= 3)),
    )
    needed = (move, ratio_, run, upper)
    pattern = labelled("pattern_detected", "NONE", rules, *needed)
    sure = 40 + 30 * ramp(ratio_, 1.5, 6) + 30 * ramp(np.abs(move), 1, 5)
    confidence = np.where(pattern == code_of("pattern_detected", "NONE"), 0.0, sure)
    confidence[np.isnan(pattern)] = np.nan
    return pattern, confidence, either((np.abs(move) > 6) | (ratio_ > 10), *needed)


def volume_context(k: Known) -> Column:
    rank, rsi, close = k["atr_percentile"], k["rsi_14"], k["close"]
    rules = (
        ("LOW_VOLATILITY", rank <= 10),
        ("HIGH_VOLATILITY", rank >= 90),
        ("TREND_CONTINUATION", k["adx_14"] > 25),
        ("DEEP_OVERSOLD", (rsi < 30) & (k["cci_20"] < -150)),
        ("OVERSOLD_BOUNCE", (rsi >= 30) & (before(rsi) < 30)),
        ("BREAKOUT", (close > k["donchian_upper"]) | (close < k["donchian_lower"])),
        ("PUMP_START", (k["roc_10"] > 5 * k["natr"]) & (k["volume_ratio"] >= 3)),
    )
    return labelled("volume_context", "NEUTRAL", rules, rank, k["volume_ratio"], k["cci_20"])


def volume_quality(k: Known) -> Column:
    ideal = {
        "NEUTRAL": (0.3, 1.5), "DEEP_OVERSOLD": (0.4, 1.8), "OVERSOLD_BOUNCE": (0.6, 2.2),
        "LOW_VOLATILITY": (0.25, 1.3), "HIGH_VOLATILITY": (0.6, 2.5), "BREAKOUT": (0.75, 3.0),
        "TREND_CONTINUATION": (0.4, 1.8), "PUMP_START": (1.25, 5.0),
    }  # fmt: skip
    points = {"NORMAL": 0.5, "SPIKE": 0.9, "BUILDUP": 1.0, "SUSTAINED_HIGH": 0.8, "DECLINING": 0.0}
    context, pattern, volume = k["volume_context"], k["volume_pattern"], k["volume_ratio"]
    score = np.full(len(volume), np.nan)
    for situation, bounds in ideal.items():
        for name, worth in points.items():
            here = (context == code_of("volume_context", situation)) & (pattern == code_of("volume_pattern", name))
            score[here] = 70 * ramp(volume, *bounds)[here] + 30 * worth
    score[np.isnan(volume)] = np.nan
    return score


def pressure(k: Known) -> Column:
    support, resistance, close, atr = k["nearest_support"], k["nearest_resistance"], k["close"], k["atr_14"]
    nearer = np.where(np.isnan(resistance) | (close - support <= resistance - close), support, resistance)
    nearer = np.where(np.abs(close - support) <= np.abs(close - resistance), support, nearer)
    nearer = np.where(np.abs(close - support) > np.abs(close - resistance), resistance, nearer)
    nearer = np.where(np.isnan(support) & ~np.isnan(resistance), resistance, nearer)
    near = np.abs(windows(close, 7) - nearer[:, None]) <= 0.5 * atr[:, None]
    return np.where(np.isnan(nearer + atr), np.nan, near.sum(axis=1) / 10)


def quality(k: Known) -> Column:
    rules = (("GOOD", ~np.isnan(k["adx_14"] + k["ema_26"])), ("EXCELLENT", ~np.isnan(k["atr_percentile"])))
    return labelled("data_quality", "WARMING", rules, k["close"])


def strength_label(feature: str) -> Callable[[Known], Column]:
    touches = feature.replace("strength", "touches")
    bounds = (("MODERATE", 2), ("STRONG", 3), ("MAJOR", 5))
    return lambda k: graded(feature, k[touches], bounds, "WEAK", k[touches])


def typical(k: Known) -> Column:
    return (k["high"] + k["low"] + k["close"]) / 3


def steps_up(k: Known) -> Column:
    six = windows(k["volume"], 6)
    return np.where(np.isnan(six[:, 0]), np.nan, ((six[:, 1:] >= 1.1 * six[:, :-1]) & (six[:, :-1] > 0)).sum(axis=1))


def volume_pattern(k: Known) -> Column:
    share = ratio(4 * k["volume_sum_5"], k["volume_sum_20"])
    rules = (
        ("DECLINING", share < 0.7),
        ("SUSTAINED_HIGH", share > 1.5),
        ("BUILDUP", k["volume_buildup_periods"] >= 3),
        ("SPIKE", k["volume_spike_multiplier"] > 2.5),
    )
    return labelled("volume_pattern", "NORMAL", rules, share)


def signal_strength(k: Known) -> Column:
    score = (
        0.4 * k["confluence_agreement"] / 100
        + 0.2 * ramp(k["adx_14"], 15, 45)
        + 0.15 * k["regime_confidence"] / 100
        + 0.15 * k["volume_quality_score"] / 100
        + 0.1 * k["pattern_confidence"] / 100
    )
    return graded("signal_strength", score, (("MODERATE", 0.3), ("STRONG", 0.5), ("VERY_STRONG", 0.7)), "WEAK", score)


def volatility(k: Known) -> Column:
    rank = k["atr_percentile"]
    rules = (("normal", rank > 25), ("high", rank > 75), ("extreme", rank > 90))
    return labelled("volatility_regime", "low", rules, rank)


def trend_strength(k: Known) -> Column:
    bounds = (("weak", 20), ("strong", 25), ("very_strong", 50), ("extreme", 75))
    return graded("trend_strength", k["adx_14"], bounds, "absent", k["adx_14"])


def bias(k: Known) -> Column:
    bull, quiet = k["plus_di"] > k["minus_di"], k["adx_14"] < 20
    return labelled("directional_bias", "BEARISH", (("BULLISH", bull), ("NEUTRAL", quiet)), k["adx_14"])


def zscore(k: Known, over: Column) -> Column:
    return np.where(k["bb_width"] > 1e-9, over, np.nan)


def flat(k: Known) -> Column:
    height, drift = k["donchian_upper"] - k["donchian_lower"], np.abs(before(k["close"]) - before(k["close"], 21))
    # closes at the two ends of the range, as a rate of change of the bar before
    drift = np.abs(100 * (before(k["close"]) / before(k["close"], 21) - 1)) * before(k["close"]) / 100
    return either((k["range_height_atr"] <= 6) & (drift <= 0.5 * height), k["range_height_atr"], drift)


def sums(column: str, bars: int) -> Callable[[Known], Column]:
    return lambda k: windows(k[column], bars).sum(axis=1)


def against(column: str, bars: int) -> Callable[[Known], Column]:
    """The value against its mean of the bars before."""
    return lambda k: ratio(k[column], windows(before(k[column]), bars).mean(axis=1))


# a name, or several of one function; in the order in which they may read one another
TEXTBOOK: dict[str | tuple[str, ...], Callable[[Known], Any]] = {
    ("anchored_vwap", "vwap_upper_band", "vwap_lower_band"): anchored,
    "atr_percentile": lambda k: rank_of(k["natr"]),
    "bb_width": lambda k: (k["bb_upper"] - k["bb_lower"]) / k["bb_middle"],
    "bb_position": lambda k: zscore(k, ratio(k["close"] - k["bb_lower"], k["bb_upper"] - k["bb_lower"])),
    "zscore_20": lambda k: zscore(k, ratio(k["close"] - k["bb_middle"], k["stddev_20"])),
    "bb_width_percentile": lambda k: rank_of(k["bb_width"]),
    "bb_width_mean_8": lambda k: windows(k["bb_width"], 8).mean(axis=1),
    "bb_squeeze": lambda k: either(k["bb_width_percentile"] <= 20, k["bb_width_percentile"]),
    "bb_expansion": lambda k: either(
        (k["bb_width"] > before(k["bb_width"])) & (k["bb_width"] > before(k["bb_width_mean_8"])),
        before(k["bb_width_mean_8"]),
    ),
    "bb_breakout_direction": band_break,
    "donchian_upper": lambda k: windows(before(k["high"]), 20).max(axis=1),
    "donchian_lower": lambda k: windows(before(k["low"]), 20).min(axis=1),
    "atr_stop_long": lambda k: k["close"] - 2 * k["atr_14"],
    "atr_stop_short": lambda k: k["close"] + 2 * k["atr_14"],
    "macd_zero_cross": lambda k: either(
        (k["macd_line"] > 0) != (before(k["macd_line"]) > 0), k["macd_line"], before(k["macd_line"])
    ),
    "macd_signal_cross": lambda k: either(
        (k["macd_line"] > k["macd_signal"]) != (before(k["macd_line"]) > before(k["macd_signal"])),
        k["macd_line"],
        before(k["macd_line"]),
    ),
    "macd_trend": macd_trend,
    "ppo_histogram": lambda k: k["ppo"] - k["ppo_signal"],
    "stoch_signal": lambda k: labelled(
        "stoch_signal",
        "NEUTRAL",
        (
            ("OVERSOLD", np.maximum(k["stoch_k"], k["stoch_d"]) < 20),
            ("OVERBOUGHT", np.minimum(k["stoch_k"], k["stoch_d"]) > 80),
        ),
        k["stoch_k"],
        k["stoch_d"],
    ),
    "momentum_score": momentum,
    "volume_sum_20": sums("volume", 20),
    "volume_sum_5": sums("volume", 5),
    "volume_sum_10": sums("volume", 10),
    "quote_sum_20": sums("quote_asset_volume", 20),
    "quote_sum_10": sums("quote_asset_volume", 10),
    "trades_sum_20": sums("number_of_trades", 20),
    "turnover_10": lambda k: windows(typical(k) * k["volume"], 10).sum(axis=1),
    "active_bars_20": lambda k: np.where(
        np.isnan(k["volume_sum_20"]), np.nan, (windows(k["volume"], 20) > 0).sum(axis=1)
    ),
    "volume_ratio": against("volume", 20),
    "relative_volume": against("volume", 5),
    "quote_volume_ratio": against("quote_asset_volume", 20),
    "trade_intensity": against("number_of_trades", 20),
    "avg_volume_20": lambda k: windows(k["volume"], 20).mean(axis=1),
    "avg_trade_size": lambda k: ratio(k["volume"], k["number_of_trades"]),
    "vwap_10": lambda k: ratio(k["turnover_10"], k["volume_sum_10"]),
    "vwap_quote_10": lambda k: ratio(k["quote_sum_10"], k["volume_sum_10"]),
    "obv_oscillator": lambda k: ratio(k["obv"] - k["obv_ma_10"], k["avg_volume_20"]),
    "confluence_score": lambda k: 50 + 50 * vote(k),
    "confluence_agreement": lambda k: 100 * np.abs(vote(k)),
    "trend_latch": latch,
    "regime_of_bar": regime_of_bar,
    ("market_regime", "regime_duration"): held_three_bars,
    "trend_alignment": alignment,
    "regime_strength": lambda k: graded(
        "regime_strength",
        clearness(k),
        (("MODERATE", 0.25), ("STRONG", 0.5), ("EXTREME", 0.75)),
        "WEAK",
        k["market_regime"],
    ),
    "regime_confidence": lambda k: np.where(
        np.isnan(k["market_regime"]),
        np.nan,
        50 * clearness(k) + 30 * ramp(k["regime_duration"], 0, 20) + 20 * ramp(k["volume_ratio"], 0.5, 1.5),
    ),
    "volume_spike_multiplier": against("volume", 4),
    "volume_buildup_periods": steps_up,
    "volume_pattern": volume_pattern,
    "volume_context": volume_context,
    "volume_quality_score": volume_quality,
    "move_atr": lambda k: ratio(k["close"] - before(k["close"]), before(k["atr_14"])),
    ("pattern_detected", "pattern_confidence", "anomaly_detected"): spike,
    "signal_strength": signal_strength,
    "data_quality": quality,
    ("volume_profile_poc", "volume_profile_vah", "volume_profile_val"): profile,
    "swing_high": lambda k: marks(k, True),
    "swing_low": lambda k: marks(k, False),
    ("nearest_support", "nearest_resistance", "support_touches", "resistance_touches", "pivot_count"): lambda k: tuple(
        levels(k).values()
    ),
    "support_strength": strength_label("support_strength"),
    "resistance_strength": strength_label("resistance_strength"),
    "break_probability": pressure,
    "rsi_divergence": lambda k: divergence(k, "rsi_14"),
    "obv_divergence": lambda k: divergence(k, "obv"),
    "stochastic_divergence": lambda k: divergence(k, "stoch_k"),
    "stoch_divergence": lambda k: np.abs(k["stochastic_divergence"]),
    "range_height_atr": lambda k: ratio(k["donchian_upper"] - k["donchian_lower"], before(k["atr_14"])),
    "range_is_flat": flat,
    "range_position": lambda k: ratio(k["close"] - k["donchian_lower"], k["donchian_upper"] - k["donchian_lower"]),
    "trend_strength": trend_strength,
    "directional_bias": bias,
    "regression_gradient": lambda k: 14 * k["regression_slope"] / k["close"],
    "regression_arc": lambda k: np.arctan(k["regression_gradient"]),
    "trend_angle": lambda k: np.degrees(np.arctan(k["regression_gradient"])),
    "volatility_regime": volatility,
}


# Where a price does not move, TA-Lib answers 0 for nothing divided by nothing: of which prices, over how many bars.
UNMOVED: dict[str, tuple[tuple[str, ...], int]] = {
    **{"rsi_14": (("close",), 15), "rsi_21": (("close",), 22), "rsi_user": (("close",), 15)},
    **dict.fromkeys(("stoch_rsi", "stoch_rsi_d"), (("close",), 15)),
    **dict.fromkeys(("stoch_k", "stoch_d", "stoch_fast_k", "stoch_fast_d", "williams_r"), (HLC, 14)),
    "mfi_14": (HLC, 15),
}


def _known_where_it_moved(name: str, output: Column, known: Known) -> Column:
    columns, bars = UNMOVED[name]
    high = np.max([windows(known[column], bars).max(axis=1) for column in columns], axis=0)
    low = np.min([windows(known[column], bars).min(axis=1) for column in columns], axis=0)
    return np.where((high == low) & (output == 0), np.nan, output)


def reference(candles: Known) -> Known:
    """Every feature of a history."""
    known = dict(candles)
    with np.errstate(all="ignore"):
        for name, compute in TALIB.items():
            known[name] = compute(known)
            if name in UNMOVED:
                known[name] = _known_where_it_moved(name, known[name], known)
        for names, compute in TEXTBOOK.items():
            outputs = compute(known)
            if isinstance(names, str):
                known[names] = outputs
            else:
                known |= dict(zip(names, outputs, strict=True))
    return known


def difference(left: Column, right: Column) -> Column:
    """Relative, bar by bar: to the value, or to the column's own median size where the value is smaller.

    0 where both are unknown, infinite where only one is.
    """
    sizes = np.abs(right[~np.isnan(right)])
    usual = float(np.median(sizes[sizes > 0])) if (sizes > 0).any() else 1.0
    with np.errstate(all="ignore"):
        apart = np.abs(left - right) / np.maximum(np.abs(right), usual)
    apart[left == right] = 0.0
    apart[np.isnan(left) & np.isnan(right)] = 0.0
    apart[np.isnan(left) != np.isnan(right)] = np.inf
    return apart
