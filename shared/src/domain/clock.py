"""The one place that reads time.

``now`` is market time: what decisions are made on and rows are stamped with. ``monotonic`` and ``sleep`` are
wall time: timeouts, leases, backoff. They run at the same pace, except in an accelerated demo, where market
time runs N times faster and operational deadlines must not.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
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


class SystemClock:
    """Real time."""

    speed = 1.0

    def now(self) -> datetime:
        return from_ms(self.now_ms())

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ScaledClock(SystemClock):
    """Market time that left ``market_ms`` at wall time ``wall_ms`` and runs ``speed`` times as fast."""

    def __init__(self, *, speed: float, market_ms: int, wall_ms: int) -> None:
        if speed <= 0:
            raise ValueError("a clock runs forward: speed must be positive")
        self.speed = speed
        self._market_ms = market_ms
        self._wall_ms = wall_ms

    def now_ms(self) -> int:
        return self._market_ms + round((super().now_ms() - self._wall_ms) * self.speed)

    @classmethod
    def parse(cls, text: str) -> ScaledClock:
        """Read ``<speed>@<market_ms>@<wall_ms>``, the form in which processes hand a clock to each other."""
        try:
            speed, market_ms, wall_ms = text.split("@")
            return cls(speed=float(speed), market_ms=int(market_ms), wall_ms=int(wall_ms))
        except ValueError as error:
            raise ValueError(f"not a clock of the form speed@market_ms@wall_ms: {text!r}") from error


class ManualClock:
    """Time that stands still until it is advanced: tests and backtests."""

    speed = 1.0

    def __init__(self, start: datetime | None = None) -> None:
        self._now = start or datetime(2026, 1, 1, tzinfo=UTC)
        self._elapsed = 0.0

    def now(self) -> datetime:
        return self._now

    def now_ms(self) -> int:
        return to_ms(self._now)

    def monotonic(self) -> float:
        return self._elapsed

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)
