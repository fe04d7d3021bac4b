"""Which single streams went silent while their connection speaks, and which candles are late.

A 1m candle stream closes a candle every minute even when nothing trades; the others may rest for long, so that their
limits are wide: subscribing again costs two messages and harms nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from shared.src.domain.clock import Clock

SILENCE_S_MAX = {"kline_1m": 75.0, "bookTicker": 300.0, "depth@100ms": 300.0, "miniTicker": 300.0, "aggTrade": 900.0}
RENEW_MORE_S_MAX = 3600.0
LATE_S = 3.0  # wall seconds after which a candle that should have closed is asked for
LATE_S_MAX = 60.0


class StreamWatch:
    """Told of every frame; asked now and then. A stream that stays silent is renewed ever more rarely."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seen: set[str] = set()
        self._last_s: dict[str, float] = {}
        self._patience_s: dict[str, float] = {}
        self._renewed_s: dict[str, float] = {}
        self.renewed = 0

    def set_streams(self, streams: Iterable[str]) -> None:
        """Watch exactly these."""
        now = self._clock.monotonic()
        self._last_s = {stream: self._last_s.get(stream, now) for stream in streams}

    def saw(self, stream: str) -> None:
        """A frame of this stream came. Called for every frame: the time is noted when someone asks."""
        self._seen.add(stream)

    def _note(self) -> float:
        now = self._clock.monotonic()
        for stream in self._seen & self._last_s.keys():
            self._last_s[stream] = now
            self._patience_s.pop(stream, None)
            self._renewed_s.pop(stream, None)
        self._seen.clear()
        return now

    def silent(self) -> dict[str, float]:
        """Seconds of silence of the streams that should have spoken."""
        now = self._note()
        return {
            stream: round(now - last, 1)
            for stream, last in self._last_s.items()
            if now - last > SILENCE_S_MAX[stream.partition("@")[2]]
        }

    def due_for_renewal(self) -> list[str]:
        """Silent streams to subscribe again now."""
        due = []
        for stream in self.silent():
            now = self._clock.monotonic()
            patience = self._patience_s.get(stream, SILENCE_S_MAX[stream.partition("@")[2]])
            if now - self._renewed_s.get(stream, float("-inf")) > patience:
                due.append(stream)
                self._renewed_s[stream] = now
                self._patience_s[stream] = min(2 * patience, RENEW_MORE_S_MAX)
        self.renewed += len(due)
        return due


class LateAsks:
    """When to ask for candles that are late: soon, then ever more rarely while asking brings nothing. An exchange that
    pauses must not use up the weight that the repair needs when it is back.
    """

    def __init__(self) -> None:
        self._ask_at: dict[str, float] = {}
        self._patience_s: dict[str, float] = {}

    def due(self, late: Collection[str], now: float) -> list[str]:
        """The symbols among ``late`` to ask for now; those that are not late any more are forgotten."""
        self._patience_s = {symbol: self._patience_s.get(symbol, LATE_S) for symbol in late}
        self._ask_at = {symbol: self._ask_at.get(symbol, now + LATE_S) for symbol in late}
        overdue = sorted(symbol for symbol, at in self._ask_at.items() if now >= at)
        for symbol in overdue:
            self._patience_s[symbol] = min(2 * self._patience_s[symbol], LATE_S_MAX)
            self._ask_at[symbol] = now + self._patience_s[symbol]
        return overdue
