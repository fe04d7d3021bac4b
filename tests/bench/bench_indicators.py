"""Cost of one closed bar, live, against recomputing the same over the last 500 bars; and that of all strategies.

    python -m tests.bench.bench_indicators

Three pairs: the 28 functions that peers were measured with, every TA-Lib function of the set, and the whole set
(TA-Lib, detectors, scores). Thread time, interleaved in blocks, so that a busy machine slows both alike; the best block
counts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import talib
from talib import stream

from analyzer.src.strategy_loader import StrategyLoader
from core.consensus.strategy_set import set_of
from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.features.indicators.base import IndicatorParameters, TalibCall, TalibIndicator
from core.features.registry import indicator_classes
from core.features.window import FeatureWindow
from core.rules.frames import ColumnFrame
from tests.unit.core.features.market import Bar, generated

WARM = 1000
BLOCK = 100
# recomputing the whole set takes milliseconds; fewer bars tell it as well
SHORT_BLOCK = 5
BLOCKS = 20
WINDOW = 500
# the columns that the peers' 28 functions fill (bands, MACD and Donchian channel have several)
PEERS_SET = (
    *("rsi_14", "macd_line", "bb_upper", "atr_14", "adx_14", "cci_20", "stoch_k", "williams_r", "obv", "mfi_14"),
    *("ema_7", "ema_12", "ema_26", "ema_50", "ema_99", "sma_20", "sma_50", "tema_12", "trix", "ppo", "roc_10", "psar"),
    *("kama_14", "vwap_10", "highest_20", "lowest_20", "stoch_rsi"),
)
Arrays = dict[str, Any]


def peers_set(a: Arrays) -> list[Any]:
    """Those functions as a platform without streams computes them on every bar, with this engine's periods."""
    h, low, c, v = a["high"], a["low"], a["close"], a["volume"]
    sma, ema = talib.MA_Type.SMA, talib.MA_Type.EMA  # type: ignore[attr-defined]
    upper, lower = talib.MAX(h, 20), talib.MIN(low, 20)
    return [
        *(talib.RSI(c, 14), talib.MACD(c), talib.BBANDS(c, 20), talib.ATR(h, low, c, 14), talib.ADX(h, low, c, 14)),
        *(talib.CCI(h, low, c, 20), talib.STOCH(h, low, c, 14, 3, sma, 3, sma), talib.WILLR(h, low, c, 14)),
        *(talib.OBV(c, v), talib.MFI(h, low, c, v, 14), *(talib.EMA(c, n) for n in (7, 12, 26, 50, 99))),
        *(talib.SMA(c, 20), talib.SMA(c, 50), talib.TEMA(c, 12), talib.TRIX(c, 15), talib.PPO(c, 12, 26, ema)),
        *(talib.ROC(c, 10), talib.SAR(h, low, 0.02, 0.2), talib.KAMA(c, 14)),
        np.divide(talib.SUM((h + low + c) / 3 * v, 10), np.maximum(talib.SUM(v, 10), 1e-9)),
        *(upper, lower, (upper + lower) / 2, talib.STOCHRSI(c, 14, 14, 3, sma)),
    ]


def raw_streams(a: Arrays) -> Callable[[float, float, float, float], object]:
    """The floor: TA-Lib's own streams of those functions and nothing around them."""
    h, low, c, v = a["high"], a["low"], a["close"], a["volume"]
    of_close: list[Callable[..., Any]] = [
        *(stream.RSI(c, 14).update, stream.MACD(c).update, stream.BBANDS(c, 20).update, stream.TEMA(c, 12).update),
        *(stream.TRIX(c, 15).update, stream.PPO(c, 12, 26, 1).update, stream.ROC(c, 10).update),
        *(stream.KAMA(c, 14).update, stream.STOCHRSI(c, 14, 14, 3, 0).update),
        *(stream.EMA(c, n).update for n in (7, 12, 26, 50, 99)),
        *(stream.SMA(c, n).update for n in (20, 50)),
    ]
    of_three: list[Callable[..., Any]] = [
        *(stream.ATR(h, low, c, 14).update, stream.ADX(h, low, c, 14).update, stream.CCI(h, low, c, 20).update),
        *(stream.STOCH(h, low, c, 14, 3, 0, 3, 0).update, stream.WILLR(h, low, c, 14).update),
    ]
    sar, obv, mfi = stream.SAR(h, low, 0.02, 0.2).update, stream.OBV(c, v).update, stream.MFI(h, low, c, v, 14).update
    turnover, volume = stream.SUM((h + low + c) / 3 * v, 10).update, stream.SUM(v, 10).update
    top, bottom = stream.MAX(h, 20).update, stream.MIN(low, 20).update

    def step(high: float, lowest: float, close: float, traded: float) -> object:
        upper, lower = top(high), bottom(lowest)
        vwap = turnover((high + lowest + close) / 3 * traded) / max(volume(traded), 1e-9)
        return [
            *[update(close) for update in of_close],
            *[update(high, lowest, close) for update in of_three],
            *(sar(high, lowest), obv(close, traded), mfi(high, lowest, close, traded)),
            *(vwap, upper, lower, (upper + lower) / 2),
        ]

    return step


def every_call() -> tuple[list[TalibCall], list[str]]:
    """Every TA-Lib function of the set, and the columns they fill."""
    made = [cls(IndicatorParameters()) for cls in indicator_classes()]
    talibs = [found for found in made if isinstance(found, TalibIndicator)]
    calls = [call for found in talibs for call in found.calls(IndicatorParameters())]
    return calls, [name for found in talibs for name in found.writes]


def block_us(work: Callable[[int], object], start: int, count: int) -> float:
    """Thread time per bar of one block, in microseconds."""
    begin = time.thread_time_ns()
    for index in range(start, start + count):
        work(index)
    return (time.thread_time_ns() - begin) / count / 1000


def updating(candles: list[Bar], features: list[str] | None = None) -> Callable[[int], object]:
    """An engine that goes on from ``WARM``."""
    engine = IndicatorEngine("BENCH", "1m", features=features)
    engine.warm_up(candles[:WARM])
    return lambda index: engine.update(candles[index])


def measure(candles: list[Bar]) -> dict[str, float]:
    arrays = columns_of(candles)
    calls, talib_columns = every_call()
    batch = IndicatorEngine("BENCH", "1m")
    known = batch.batch(arrays)
    functions = [(getattr(talib, call.function), call) for call in calls]
    whole = updating(candles)
    rows: list[Any] = []
    strategy_set = set_of(StrategyLoader().load().loaded, "1m")
    window = FeatureWindow()
    raw = raw_streams({name: column[:WARM] for name, column in arrays.items()})

    def last_500(index: int) -> Arrays:
        return {name: column[index - WINDOW : index] for name, column in arrays.items()}

    def recompute_calls(index: int) -> None:
        part = slice(index - WINDOW, index)
        for function, call in functions:
            function(*(known[name][part] for name in call.reads), **call.parameters)

    def vote(index: int) -> None:
        window.push("BENCH", "1m", index, rows[index - WARM])
        data = window.market_data("BENCH", "1m", start_time=index)
        for member in strategy_set.speaking(data):
            member.strategy.generate_signal(data)

    works: dict[str, tuple[Callable[[int], object], int]] = {
        "peers_set": (updating(candles, [*PEERS_SET]), BLOCK),
        "peers_raw": (lambda at: raw(candles[at].high, candles[at].low, candles[at].close, candles[at].volume), BLOCK),
        "peers_recomputed": (lambda index: peers_set(last_500(index)), BLOCK),
        "talib_set": (updating(candles, talib_columns), BLOCK),
        "talib_recomputed": (recompute_calls, BLOCK),
        "whole_set": (lambda index: rows.append(whole(index)), BLOCK),
        "whole_recomputed": (lambda index: batch.batch(last_500(index)), SHORT_BLOCK),
        "strategies": (vote, BLOCK),
    }
    best = dict.fromkeys(works, float("inf"))
    for number in range(BLOCKS):
        for name, (work, count) in works.items():
            best[name] = min(best[name], block_us(work, WARM + number * BLOCK, count))
    return best


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
    best = measure(generated(WARM + BLOCK * BLOCKS + 1))
    features_s, strategies_s = batch_seconds(100_000)
    result = {
        "features": len(IndicatorEngine("BENCH", "1m").features),
        "talib_functions": len(every_call()[0]),
        **{f"{name}_us": round(value, 1) for name, value in best.items()},
        "share_of_recomputing_peers_set": round(best["peers_set"] / best["peers_recomputed"], 3),
        "share_of_recomputing_talib_set": round(best["talib_set"] / best["talib_recomputed"], 3),
        "share_of_recomputing_whole_set": round(best["whole_set"] / best["whole_recomputed"], 3),
        "batch_features_s_per_100k": round(features_s, 2),
        "batch_strategies_s_per_100k": round(strategies_s, 2),
        "numpy": np.__version__,
        "talib": talib.__version__,
    }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
