"""How often each rule speaks on recorded markets: somewhere, and never on more than a twentieth of the bars."""

from __future__ import annotations

from functools import cache

import pytest

from market_analyzer.src.indicators.engine import IndicatorEngine, columns_of
from shared.src.indicators.frames import Aligned, ColumnFrame, align
from shared.src.indicators.multi_timeframe import HIGHER_TIMEFRAMES
from tests.unit.indicators.market import close_times, merged
from tests.unit.indicators.recordings import NAMES, recorded
from tests.unit.strategies.markets import Features, rules

BARS = 6_000
# rules for daily and four-hour charts have too few bars in a month
RULES = sorted(name for name, rule in rules().items() if rule.timeframes is None)


@cache
def features(recording: str, timeframe: str) -> Features:
    symbol, native, _ = recording.split("-", 2)
    candles = recorded(recording, BARS)
    minutes = {"1m": 1, "5m": 5, "15m": 15, "1h": 60}
    aligned = next(index for index, bar in enumerate(candles) if bar.open_time_ms % (60_000 * minutes[timeframe]) == 0)
    series = candles if timeframe == native else merged(candles[aligned:], native, timeframe)
    return IndicatorEngine(symbol, timeframe).batch(columns_of(series))


@cache
def frame(recording: str) -> ColumnFrame:
    symbol, native, _ = recording.split("-", 2)
    own = features(recording, native)
    close = close_times(own, native)

    def beside(other: str, timeframe: str) -> Aligned:
        found = features(other, timeframe)
        return align(found, close_times(found, timeframe), close)

    return ColumnFrame(
        own,
        length=len(close),
        symbol=symbol,
        timeframe=native,
        higher={timeframe: beside(recording, timeframe) for timeframe in HIGHER_TIMEFRAMES[native]},
        peers={
            other.split("-")[0]: beside(other, native)
            for other in NAMES
            if other != recording and other.split("-", 1)[1] == recording.split("-", 1)[1]
        },
    )


@cache
def shares(name: str) -> dict[str, float]:
    return {recording: float((rules()[name].evaluate(frame(recording)).side != 0).mean()) for recording in NAMES}


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_not_silent_on_every_recording_and_chatters_on_none(name: str) -> None:
    found = shares(name)
    assert max(found.values()) > 0
    assert max(found.values()) <= 0.05, found
