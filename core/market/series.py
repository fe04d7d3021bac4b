"""The unbroken line of a symbol's closed 1m candles, and the higher frames built from it.

Invariant: what leaves ``append`` is contiguous: the next candle opens exactly where the last one closed. A candle
that would leave a hole is refused with ``Gap``; the caller fetches what is missing and appends it first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from shared.src.domain.candles import STORED_TIMEFRAMES, Candle, Gap, Timeframe, merge


def above(base: Timeframe) -> tuple[Timeframe, ...]:
    """The stored time frames that whole candles of ``base`` make up."""
    step = base.milliseconds
    return tuple(frame for frame in STORED_TIMEFRAMES if frame.milliseconds > step and frame.milliseconds % step == 0)


HIGHER = above(Timeframe.M1)


@dataclass(frozen=True, slots=True)
class Built:
    """Closed candles in the order in which they may be published: 1m first, then what it completed.

    ``incomplete`` names higher intervals that ended but whose minutes were not all seen: they must be fetched.
    """

    candles: tuple[Candle, ...]
    incomplete: tuple[tuple[Timeframe, int], ...] = ()


class CandleSeries:
    """One symbol. ``last_open_ms`` is the open time of the newest candle taken in, None before the first.

    ``base`` is the time frame of the candles taken in: 1m from the exchange; recordings may have longer ones.
    """

    def __init__(self, symbol: str, base: Timeframe = Timeframe.M1) -> None:
        self.symbol = symbol
        self.last_open_ms: int | None = None
        self._base = base
        self._forming: dict[Timeframe, list[Candle]] = {timeframe: [] for timeframe in above(base)}

    def append(self, candle: Candle) -> Built | Gap | None:
        """Take in a closed candle; None when it is already known."""
        assert candle.is_closed, "an open candle is never part of the series"
        assert candle.timeframe is self._base
        if self.last_open_ms is not None:
            if candle.time <= self.last_open_ms:
                return None
            expected = self._base.next_open(self.last_open_ms)
            if candle.time > expected:
                return Gap(expected, candle.time)
        self.last_open_ms = candle.time
        built, incomplete = [candle], []
        for timeframe in self._forming:
            finished = self._grow(timeframe, candle)
            if isinstance(finished, Candle):
                built.append(finished)
            elif finished is not None:
                incomplete.append((timeframe, finished))
        return Built(tuple(built), tuple(incomplete))

    def _grow(self, timeframe: Timeframe, candle: Candle) -> Candle | int | None:
        """The higher candle that ``candle`` completes, or its open time when minutes of it are missing."""
        start = timeframe.open_of(candle.time)
        minutes = self._forming[timeframe]
        if minutes and timeframe.open_of(minutes[0].time) != start:
            minutes.clear()
        minutes.append(candle)
        if candle.time + self._base.milliseconds != start + timeframe.milliseconds:
            return None
        # a hole the exchange itself has may lie between the first and the last of them
        complete = len(minutes) == timeframe.milliseconds // self._base.milliseconds
        result: Candle | int = merge(minutes, timeframe) if complete else start
        minutes.clear()
        return result


def unbroken(candles: Sequence[Candle]) -> Iterator[Sequence[Candle]]:
    """The candles of a series, oldest first, cut wherever one is missing."""
    start = 0
    for place, (before, after) in enumerate(pairwise(candles), start=1):
        if after.time != before.time + before.timeframe.milliseconds:
            yield candles[start:place]
            start = place
    if candles:
        yield candles[start:]
