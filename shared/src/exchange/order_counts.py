"""How many orders the account has placed of those that the exchange allows, by the exchange's own count.

It tells the count with each order that it takes (X-MBX-ORDER-COUNT-10S and so on), and the limits in exchangeInfo. Over
a limit it refuses every order (-1015), the stop of an open position too: so entries leave a part of each limit alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from shared.src.domain.clock import Clock

HEADER: Final = re.compile(r"(?i)^x-mbx-order-count-(\d+)([smhd])$")
UNITS_MS: Final = {"S": 1000, "M": 60_000, "H": 3_600_000, "D": 86_400_000}
# The share of a limit that entries may use; the rest is for exits.
FOR_ENTRIES: Final = 0.8


class OrderCounts:
    """Counts by interval (ms). Intervals begin where the clock divides by them."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._limits: dict[int, int] = {}
        self._counts: dict[int, tuple[int, int]] = {}  # which interval it was since the epoch, and the count in it

    def learn(self, rate_limits: Iterable[Mapping[str, Any]]) -> None:
        """Take the limits of exchangeInfo (``rateLimits``); what is not about orders is left out."""
        for row in rate_limits:
            unit = UNITS_MS.get(str(row.get("interval", ""))[:1])
            if row.get("rateLimitType") == "ORDERS" and unit is not None:
                self._limits[int(row["intervalNum"]) * unit] = int(row["limit"])

    def observe(self, headers: Mapping[str, str]) -> None:
        """Take the counts that an answer tells."""
        for name, value in headers.items():
            found = HEADER.match(name)
            if found is not None and value.isdigit():
                interval_ms = int(found[1]) * UNITS_MS[found[2].upper()]
                self._counts[interval_ms] = (self._clock.now_ms() // interval_ms, int(value))

    def entries_wait_s(self) -> float:
        """For how many seconds entries are to wait for exits to have room; 0 when there is enough."""
        now_ms = self._clock.now_ms()
        waits = [
            (interval_ms - now_ms % interval_ms) / 1000
            for interval_ms, limit in self._limits.items()
            if self._count(interval_ms, now_ms) >= limit * FOR_ENTRIES
        ]
        return max(waits, default=0.0)

    def _count(self, interval_ms: int, now_ms: int) -> int:
        number, count = self._counts.get(interval_ms, (0, 0))
        return count if number == now_ms // interval_ms else 0
