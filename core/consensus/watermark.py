"""Bars of several symbols in the order of market time, whatever order and however many partitions they come from.

A strategy may read other symbols' bars that closed before its own. So a bar is released only when every symbol has
reached the bar before it: then the decision depends on the market alone, not on which replica was faster. Live, that is
always the case already. A symbol that stays silent is waited for once, and then no longer until it is heard again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any, Final, Generic, NamedTuple, TypeVar

from shared.src.domain.candles import Timeframe

# wall seconds; longer than a replica needs to take over from one that stopped (Kafka notices after 6)
GRACE_S: Final = 15.0
T = TypeVar("T")


class _Held(NamedTuple, Generic[T]):
    """In the order of release: the number of arrival tells two apart that are equal so far."""

    close_time: int
    milliseconds: int
    symbol: str
    number: int
    timeframe: Timeframe
    what: T

    @property
    def before(self) -> int:
        """Open time of the bar before it."""
        return self.close_time + 1 - 2 * self.milliseconds


class Watermark(Generic[T]):
    """Holds what belongs to bars back until it may be decided on."""

    def __init__(self, symbols: Iterable[str], *, grace_s: float = GRACE_S) -> None:
        self._symbols = frozenset(symbols)
        self._grace_s = grace_s
        self._silent: set[str] = set()
        self._blocked_since: float | None = None
        self._reached: dict[tuple[str, Timeframe], int] = {}
        self._held: list[_Held[T]] = []
        self._count = 0

    def reset(self) -> None:
        """Forget what is held and what was reached."""
        self._held.clear()
        self._reached.clear()
        self._silent.clear()
        self._blocked_since = None

    def expect(self, symbols: Iterable[str]) -> None:
        """Wait for these symbols from now on."""
        self._symbols = frozenset(symbols)

    def statistics(self) -> dict[str, Any]:
        return {"held": len(self._held), "silent_symbols": sorted(self._silent)}

    def reached(self, symbol: str, timeframe: Timeframe, time_ms: int) -> None:
        """The bars of a symbol are known up to the one that opens at ``time_ms``."""
        key = (symbol, timeframe)
        self._reached[key] = max(time_ms, self._reached.get(key, time_ms))
        self._silent.discard(symbol)

    def hold(self, what: T, symbol: str, timeframe: Timeframe, time_ms: int) -> None:
        """Take in what belongs to the bar that opens at ``time_ms``; the bars of one symbol in order."""
        self.reached(symbol, timeframe, time_ms)
        self._count += 1
        step = timeframe.milliseconds
        heapq.heappush(self._held, _Held(time_ms + step - 1, step, symbol, self._count, timeframe, what))

    def release(self, most: int, *, now_s: float) -> list[T]:
        """The next that may be decided on, ``most`` at most, by close time, time frame and symbol.

        ``now_s`` is a monotonic clock's, which the grace of a silent symbol is measured by.
        """
        released: list[T] = []
        behind: dict[Timeframe, int] = {}
        while self._held and len(released) < most:
            first = self._held[0]
            if first.timeframe not in behind:
                behind[first.timeframe] = self._slowest(first.timeframe)
            if behind[first.timeframe] < first.before:
                if not self._waited_enough(first, now_s):
                    break
                behind.clear()
            else:
                self._blocked_since = None
                released.append(heapq.heappop(self._held).what)
        return released

    def _slowest(self, timeframe: Timeframe) -> int:
        present = self._symbols - self._silent
        return min((self._reached.get((symbol, timeframe), -1) for symbol in present), default=1 << 62)

    def _waited_enough(self, first: _Held[T], now_s: float) -> bool:
        """Whether the grace is over; then those that are waited for count as silent."""
        if self._blocked_since is None:
            self._blocked_since = now_s
        if now_s - self._blocked_since < self._grace_s:
            return False
        self._silent |= {
            symbol for symbol in self._symbols if self._reached.get((symbol, first.timeframe), -1) < first.before
        }
        return True
