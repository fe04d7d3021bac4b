"""No rule knows a later candle: its own, that of a time frame above, or that of another symbol.

Every symbol's history is cut, and replaced behind the cut by another market; what was decided up to there stays, in
every number. A rule that never votes before the cut would prove nothing, so each must.
"""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest

from analyzer.strategies.base_strategy import Decisions
from core.rules.frames import BarFrame, ColumnFrame, LookaheadError
from tests.unit.analyzer.strategies.histories import Series, frames, recordings
from tests.unit.analyzer.strategies.markets import SYMBOLS, rules, timeframe_of
from tests.unit.core.features.market import Bar, generated
from tests.unit.core.features.recordings import FOLDER

BARS = {"1m": 2_400, "4h": 2_400, "1d": 1_500}
CUTS = (0.41, 0.66, 0.93)
Found = dict[str, dict[str, Decisions]]


@cache
def whole(market: str) -> Series:
    """A generated market by its time frame, or a recorded one by its period."""
    if market in BARS:
        made = {symbol: generated(BARS[market], seed=seed, timeframe=market) for symbol, seed in SYMBOLS.items()}
        return Series(market, {symbol: tuple(bars) for symbol, bars in made.items()})
    return recordings(4_000)[market]


def cut_time(series: Series, share: float) -> int:
    bars = next(iter(series.candles.values()))
    return bars[int(share * len(bars))].time


@cache
def decided(market: str, share: float | None = None, replaced: bool = False) -> Found:
    """What every rule decides on the market; on what is left of it before the cut; or with another future behind it."""
    series = whole(market)
    if share is not None:
        at = cut_time(series, share)
        series = Series(
            series.timeframe,
            {
                symbol: tuple(bar for bar in bars if bar.time < at) + (_future(bars, at) if replaced else ())
                for symbol, bars in series.candles.items()
            },
        )
    return {
        symbol: {name: rule.evaluate(frame) for name, rule in rules().items() if _runs_on(name, series.timeframe)}
        for symbol, frame in frames(series).items()
    }


def _runs_on(name: str, timeframe: str) -> bool:
    wanted = rules()[name].timeframes
    return timeframe == "1m" or timeframe == "5m" if wanted is None else timeframe in wanted


def _future(bars: tuple[Bar, ...], at: int) -> tuple[Bar, ...]:
    """The same bars behind the cut, every one of them another: falling where it rose, and far more violent."""
    pivot = next(bar for bar in bars if bar.time >= at).open
    result = []
    for bar in bars:
        if bar.time >= at:
            opened, close = pivot**3 / bar.open**2, pivot**3 / bar.close**2
            high, low = max(opened, close) * 1.01, min(opened, close) * 0.99
            volume = 3.0 * bar.volume + 1.0
            result.append(dataclasses.replace(bar, open=opened, high=high, low=low, close=close, volume=volume))
    return tuple(result)


def markets_of(name: str) -> tuple[str, ...]:
    own = timeframe_of(rules()[name])
    has_recordings = FOLDER.exists() and rules()[name].timeframes is None
    return (own, "1m-2025-06", "5m-2025q2") if has_recordings else (own,)


@pytest.mark.parametrize("share", CUTS)
@pytest.mark.parametrize("name", sorted(rules()))
def test_what_was_decided_stays_whatever_comes_later(name: str, share: float) -> None:
    votes = 0
    for market in markets_of(name):
        series = whole(market)
        at = cut_time(series, share)
        for symbol, bars in series.candles.items():
            until = sum(bar.time < at for bar in bars)
            expected = decided(market)[symbol][name]
            for other in (decided(market, share), decided(market, share, True)):
                for part in dataclasses.fields(Decisions):
                    before, after = (getattr(found, part.name)[:until] for found in (expected, other[symbol][name]))
                    np.testing.assert_array_equal(before, after, err_msg=f"{name} {market} {symbol} {part.name}")
            votes += int((expected.side[:until] != 0).sum())
    assert votes > 0, "it never voted before the cut: this proves nothing"


def test_the_other_future_is_another_in_every_bar_and_changes_decisions_behind_the_cut() -> None:
    series = whole("1m")
    at = cut_time(series, CUTS[0])
    for bars in series.candles.values():
        old = [bar for bar in bars if bar.time >= at]
        assert all(new.volume != was.volume for new, was in zip(_future(bars, at), old, strict=True))
    same = different = 0
    for symbol, found in decided("1m").items():
        for name, expected in found.items():
            equal = np.array_equal(expected.side, decided("1m", CUTS[0], True)[symbol][name].side)
            same, different = same + equal, different + (not equal)
    assert different > 0.9 * (same + different)


@pytest.mark.parametrize("frame", [BarFrame([{"close": 1.0}] * 3), ColumnFrame({"close": np.ones(3)}, length=3)])
def test_a_frame_refuses_to_look_ahead(frame: BarFrame | ColumnFrame) -> None:
    with pytest.raises(LookaheadError, match="1 bars ahead"):
        frame.prev("close", -1)
