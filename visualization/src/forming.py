"""The candle of a higher time frame while it forms, from the 1m candles that arrive live."""

from __future__ import annotations

from collections.abc import Iterable

from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe, joined


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
        start = self._timeframe.open_of(minute.time)
        if start < self._start:
            return None
        if start > self._start:
            self._start, self._minutes = start, {}
        known = self._minutes.get(minute.time)
        if known is None or minute.is_closed or not known.is_closed:
            self._minutes[minute.time] = minute
        minutes = [self._minutes[time] for time in sorted(self._minutes)]
        ends_interval = minutes[-1].time == start + self._timeframe.milliseconds - MINUTE_MS
        return joined(minutes, self._timeframe, is_closed=ends_interval and minutes[-1].is_closed)
