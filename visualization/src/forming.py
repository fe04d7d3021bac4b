"""The candle of a higher time frame while it forms, from the 1m candles that arrive live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe


class FormingCandle:
    """Keeps the minutes of one interval. A minute that was not seen is left out; nothing is invented."""

    def __init__(self, timeframe: Timeframe, minutes: Iterable[Candle] = ()) -> None:
        self._timeframe = timeframe
        self._minutes: dict[int, Candle] = {}
        self._start = 0
        for minute in minutes:
            self.apply(minute)

    def apply(self, minute: Candle) -> Candle | None:
        """Take a 1m candle, open or closed; answers the interval so far, None for an interval that is over."""
        start = self._timeframe.open_of(minute.open_time_ms)
        if start < self._start:
            return None
        if start > self._start:
            self._start, self._minutes = start, {}
        known = self._minutes.get(minute.open_time_ms)
        if known is None or minute.is_closed or not known.is_closed:
            self._minutes[minute.open_time_ms] = minute
        return joined([self._minutes[time] for time in sorted(self._minutes)], self._timeframe)


def joined(minutes: Sequence[Candle], timeframe: Timeframe) -> Candle:
    """One candle of the ordered minutes of one interval, closed when its last minute is."""
    first, last = minutes[0], minutes[-1]
    start = timeframe.open_of(first.open_time_ms)
    ends_interval = last.open_time_ms == start + timeframe.milliseconds - MINUTE_MS
    return Candle(
        symbol=first.symbol,
        timeframe=timeframe,
        open_time_ms=start,
        open=first.open,
        high=max(minute.high for minute in minutes),
        low=min(minute.low for minute in minutes),
        close=last.close,
        volume=sum((minute.volume for minute in minutes), Decimal(0)),
        is_closed=ends_interval and last.is_closed,
    )
