"""Feature frames in the order of market time, whatever order and however many partitions they come from.

A strategy may read other symbols' bars that closed before its own. So a bar is released only when every symbol has
reached the bar before it: then the decision depends on the market alone, not on which replica was faster. Live, that is
always the case already. A symbol that stays silent is waited for once, and then no longer until it is heard again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

from shared.src.bus.ports import Delivery
from shared.src.contracts.market import FeatureFrame
from shared.src.domain.candles import Timeframe

# wall seconds; longer than a replica needs to take over from one that stopped (Kafka notices after 6)
GRACE_S = 15.0
Entry = tuple[int, int, str, int, Delivery[FeatureFrame]]


class Watermark:
    """Holds deliveries back until they may be decided on."""

    def __init__(self, symbols: Iterable[str], *, monotonic: Callable[[], float], grace_s: float = GRACE_S) -> None:
        self._symbols = frozenset(symbols)
        self._monotonic = monotonic
        self._grace_s = grace_s
        self._silent: set[str] = set()
        self._blocked_since: float | None = None
        self._reached: dict[tuple[str, Timeframe], int] = {}
        self._held: list[Entry] = []
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

    def hold(self, delivery: Delivery[FeatureFrame]) -> None:
        """Take a frame in; those of one symbol in order."""
        frame = delivery.message
        self.reached(frame.symbol, frame.timeframe, frame.time)
        self._count += 1
        entry = (frame.close_time, frame.timeframe.milliseconds, frame.symbol, self._count, delivery)
        heapq.heappush(self._held, entry)

    def release(self, most: int) -> list[Delivery[FeatureFrame]]:
        """The next deliveries that may be decided on, ``most`` at most, by close time, time frame and symbol."""
        released: list[Delivery[FeatureFrame]] = []
        behind: dict[Timeframe, int] = {}
        while self._held and len(released) < most:
            frame = self._held[0][-1].message
            if frame.timeframe not in behind:
                behind[frame.timeframe] = self._slowest(frame.timeframe)
            if behind[frame.timeframe] < frame.time - frame.timeframe.milliseconds:
                if not self._waited_enough(frame):
                    break
                behind.clear()
            else:
                self._blocked_since = None
                released.append(heapq.heappop(self._held)[-1])
        return released

    def _slowest(self, timeframe: Timeframe) -> int:
        present = self._symbols - self._silent
        return min((self._reached.get((symbol, timeframe), -1) for symbol in present), default=1 << 62)

    def _waited_enough(self, frame: FeatureFrame) -> bool:
        """Whether the grace is over; then those that are waited for count as silent."""
        now = self._monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
        if now - self._blocked_since < self._grace_s:
            return False
        due = frame.time - frame.timeframe.milliseconds
        self._silent |= {name for name in self._symbols if self._reached.get((name, frame.timeframe), -1) < due}
        return True
