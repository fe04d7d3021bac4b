"""What time is to the platform, and how it is counted.

``now`` is market time: what decisions are made on and rows are stamped with. ``monotonic`` and ``sleep`` are
wall time: timeouts, leases, backoff. They run at the same pace, except in an accelerated demo, where market
time runs N times faster and operational deadlines must not.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    @property
    def speed(self) -> float:
        """Market seconds that pass in a wall second."""
        ...

    def now(self) -> datetime:
        """Market time, aware, UTC."""
        ...

    def now_ms(self) -> int:
        """Market time in milliseconds since the epoch, as Binance counts."""
        ...

    def monotonic(self) -> float:
        """Wall seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait wall seconds."""
        ...


def from_ms(milliseconds: int) -> datetime:
    """The aware UTC time of an epoch in milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def to_ms(moment: datetime) -> int:
    """Milliseconds since the epoch; naive times are refused, since they mean nothing."""
    if moment.tzinfo is None:
        raise ValueError("a naive time has no place on the time line")
    return round(moment.timestamp() * 1000)
