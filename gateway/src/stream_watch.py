"""Which single streams went silent while their connection speaks.

A 1m candle stream closes a candle every minute even when nothing trades; the others may rest for long, so that their
limits are wide: subscribing again costs two messages and harms nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from shared.src.domain.clock import Clock

SILENCE_S_MAX = {"kline_1m": 75.0, "bookTicker": 300.0, "depth@100ms": 300.0, "miniTicker": 300.0, "aggTrade": 900.0}
RENEW_MORE_S_MAX = 3600.0


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
