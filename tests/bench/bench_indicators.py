"""Cost of one closed bar: the full feature set and all strategies, against TA-Lib recomputed over 500 bars.

    python -m tests.bench.bench_indicators

Thread time, interleaved in blocks, so that a busy machine slows both alike; the best block counts.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import talib

from analyzer.src.strategy_loader import StrategyLoader
from analyzer.strategies.feature_window import FeatureWindow
from market_analyzer.src.indicators.engine import IndicatorEngine, columns_of
from shared.src.indicators.frames import ColumnFrame
from tests.unit.indicators.market import Bar, generated

WARM = 1000
BLOCK = 100
BLOCKS = 25
WINDOW = 500
SMA = talib.MA_Type.SMA  # type: ignore[attr-defined]
EMA = talib.MA_Type.EMA  # type: ignore[attr-defined]
# the columns those 28 functions fill
SAME_SET = (
    *("ema_7", "ema_12", "ema_26", "ema_50", "ema_99", "sma_20", "sma_50", "wma_20", "dema_12", "tema_12", "kama_14"),
    *("rsi_14", "rsi_21", "stoch_rsi", "momentum_10", "roc_10", "macd_line", "ppo", "bb_upper", "stoch_k", "atr_14"),
    *("adx_14", "plus_di", "minus_di", "cci_20", "williams_r", "mfi_14", "obv"),
)
Arrays = dict[str, Any]


def talib_set(a: Arrays) -> list[Any]:
    """28 functions that a platform recomputes on every bar."""
    h, low, c, v = a["high"], a["low"], a["close"], a["volume"]
    return [
        *(talib.EMA(c, n) for n in (7, 12, 26, 50, 99)),
        *(talib.SMA(c, n) for n in (20, 50)),
        *(talib.WMA(c, 20), talib.DEMA(c, 12), talib.TEMA(c, 12), talib.KAMA(c, 14), talib.RSI(c, 14)),
        *(talib.RSI(c, 21), talib.STOCHRSI(c, 14, 14, 3), talib.MOM(c, 10), talib.ROC(c, 10), talib.MACD(c)),
        *(talib.PPO(c, 12, 26, EMA), talib.BBANDS(c, 20), talib.STOCH(h, low, c, 14, 3, SMA, 3, SMA)),
        *(talib.ATR(h, low, c, 14), talib.ADX(h, low, c, 14), talib.PLUS_DI(h, low, c, 14)),
        *(talib.MINUS_DI(h, low, c, 14), talib.CCI(h, low, c, 20), talib.WILLR(h, low, c, 14)),
        *(talib.MFI(h, low, c, v, 14), talib.OBV(c, v)),
    ]


def block_us(work: Callable[[int], object], start: int) -> float:
    """Thread time per bar of one block, in microseconds."""
    begin = time.thread_time_ns()
    for index in range(start, start + BLOCK):
        work(index)
    return (time.thread_time_ns() - begin) / BLOCK / 1000


def measure(candles: list[Bar]) -> dict[str, list[float]]:
    engine = IndicatorEngine("BENCH", "1m")
    engine.warm_up(candles[:WARM])
    arrays = columns_of(candles)
    strategies = [loaded.create() for loaded in StrategyLoader().load().loaded]
    window = FeatureWindow()
    rows: list[Any] = []

    def update(index: int) -> None:
        rows.append(engine.update(candles[index]))

    same = IndicatorEngine("BENCH", "1m", features=SAME_SET)
    same.warm_up(candles[:WARM])

    def update_same(index: int) -> None:
        same.update(candles[index])

    def recompute(index: int) -> None:
        talib_set({name: column[index - WINDOW : index] for name, column in arrays.items()})

    def vote(index: int) -> None:
        window.push("BENCH", "1m", index, rows[index - WARM])
        data = window.market_data("BENCH", "1m", start_time=index)
        for strategy in strategies:
            strategy.generate_signal(data)

    costs: dict[str, list[float]] = {"update": [], "same": [], "recompute": [], "strategies": []}
    works = (("update", update), ("same", update_same), ("recompute", recompute), ("strategies", vote))
    for number in range(BLOCKS):
        start = WARM + number * BLOCK
        for name, work in works:
            costs[name].append(block_us(work, start))
    return costs


def batch_seconds(bars: int) -> tuple[float, float]:
    """All features, then all strategies, over whole columns."""
    columns = columns_of(generated(bars))
    strategies = [loaded.create() for loaded in StrategyLoader().load().loaded if loaded.family != "monitor"]
    begin = time.thread_time()
    features = IndicatorEngine("BENCH", "1m").batch(columns)
    middle = time.thread_time()
    frame = ColumnFrame(features, length=bars, timeframe="1m")
    for strategy in strategies:
        strategy.evaluate(frame)  # type: ignore[attr-defined]
    return middle - begin, time.thread_time() - middle


def main() -> None:
    costs = measure(generated(WARM + BLOCK * BLOCKS + 1))
    best = {name: min(values) for name, values in costs.items()}
    features_s, strategies_s = batch_seconds(100_000)
    result = {
        "features": len(IndicatorEngine("BENCH", "1m").features),
        "update_us": round(best["update"], 1),
        "update_us_median": round(statistics.median(costs["update"]), 1),
        "talib_28_functions_500_bars_us": round(best["recompute"], 1),
        "update_of_those_28_us": round(best["same"], 1),
        "share_of_recomputing_same_28": round(best["same"] / best["recompute"], 3),
        "share_of_recomputing_all_features": round(best["update"] / best["recompute"], 3),
        "all_strategies_us": round(best["strategies"], 1),
        "batch_features_s_per_100k": round(features_s, 2),
        "batch_strategies_s_per_100k": round(strategies_s, 2),
        "numpy": np.__version__,
        "talib": talib.__version__,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
