"""The features of recorded candles, bar by bar, as the live platform computes them.

Nothing looks ahead: a row depends on the bars up to its own, so a history cut anywhere gives the same rows up to the
cut. As live, an engine starts over where a bar is missing.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Iterator

from core.features.engine import IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.market.series import Built, CandleSeries, above
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES
from shared.src.domain.candles import Candle, Gap, Timeframe
from shared.src.domain.features import BarFeatures


def decided_on(base: Timeframe, asked: Iterable[Timeframe]) -> tuple[Timeframe, ...]:
    """The time frames that strategies vote on: that of the candles, and those asked for that they make up."""
    wanted = set(asked)
    return tuple(frame for frame in Timeframe if frame is base or (frame in above(base) and frame in wanted))


def watched(decided: Collection[Timeframe]) -> frozenset[Timeframe]:
    """The time frames whose features are needed: those decided on and those their strategies look up to."""
    looked_up = {Timeframe(name) for frame in decided for name in HIGHER_TIMEFRAMES.get(frame, ())}
    return frozenset(decided) | looked_up


def features_of(
    series: CandleSeries, candles: Iterable[Candle], parameters: IndicatorParameters, timeframes: Collection[Timeframe]
) -> Iterator[BarFeatures]:
    """The features of every bar of these time frames as it closes, of the candles' own first.

    ``series`` is that of the candles, which are in order and differ.
    """
    engines: dict[Timeframe, IndicatorEngine] = {}
    for candle in candles:
        for closed in _closed(series, candle):
            if closed.timeframe in timeframes:
                yield _features(engines, closed, parameters)


def in_order(streams: Iterable[Iterator[BarFeatures]]) -> Iterator[BarFeatures]:
    """The bars of several symbols as they close."""
    return heapq.merge(*streams, key=lambda bar: bar.close_time)


def _closed(series: CandleSeries, candle: Candle) -> tuple[Candle, ...]:
    """The candle and what it completes. Nothing fills a hole of a recording: the line starts anew behind it."""
    built = series.append(candle)
    if isinstance(built, Gap):
        series.last_open_ms = None
        built = series.append(candle)
    assert isinstance(built, Built), "recorded candles are in order and differ"
    return built.candles


def _features(
    engines: dict[Timeframe, IndicatorEngine], candle: Candle, parameters: IndicatorParameters
) -> BarFeatures:
    timeframe = candle.timeframe
    engine = engines.get(timeframe)
    if engine is None or not _follows(engine, candle):
        engine = engines[timeframe] = IndicatorEngine(candle.symbol, timeframe.value, parameters)
    return BarFeatures(candle.symbol, timeframe, candle.time, engine.update(candle))


def _follows(engine: IndicatorEngine, candle: Candle) -> bool:
    last = engine.last_open_time_ms
    return last is not None and candle.timeframe.next_open(last) == candle.time
