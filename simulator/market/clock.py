"""The clock of the twin's market: real, accelerated or moved by hand, and a server clock that may be off.

``market_ms`` moves the market: prices, trades, candles. ``now_ms`` is what clients are told and measured against:
market time plus the skew set through the control API. Market time never runs backwards.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from shared.src.clocks import SystemClock


class ClockMode(StrEnum):
    """How market time moves."""

    REAL = "real"
    ACCELERATED = "accelerated"
    STEPPED = "stepped"


def wall_ms() -> int:
    """Milliseconds since 1970 on this machine's clock."""
    return SystemClock().now_ms()


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Market and wall time of one moment, enough to follow an accelerated market from outside."""

    mode: str
    speed: float
    market_ms: int
    wall_ms: int


class MarketClock:
    """Market time in ms. ``speed`` is market seconds per wall second; 1 in real mode, 0 when stepped."""

    def __init__(
        self,
        mode: ClockMode = ClockMode.REAL,
        *,
        speed: float = 1.0,
        start_ms: int | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        wall: Callable[[], int] = wall_ms,
    ) -> None:
        if speed <= 0:
            raise ValueError(f"speed must be above 0, not {speed}")
        self.mode: str = mode.value
        self.speed = {ClockMode.REAL: 1.0, ClockMode.STEPPED: 0.0}.get(mode, float(speed))
        self.skew_ms = 0
        self._monotonic = monotonic
        self._wall = wall
        self.start_ms = wall() if start_ms is None else start_ms
        self._anchor_ms = self.start_ms
        self._anchor_s = monotonic()

    def market_us(self) -> int:
        """Market time in microseconds. In real mode it is the wall's, so that clients on this machine agree with it."""
        if self.mode == ClockMode.REAL:
            self._anchor_ms = max(self._anchor_ms, self._wall())
            return self._anchor_ms * 1000
        elapsed = self._monotonic() - self._anchor_s
        return self._anchor_ms * 1000 + int(elapsed * self.speed * 1_000_000)

    def market_ms(self) -> int:
        """Market time in milliseconds."""
        return self.market_us() // 1000

    def now_ms(self) -> int:
        """The time clients see: market time plus the skew."""
        return self.market_ms() + self.skew_ms

    def wall_ms(self) -> int:
        """This machine's time and the skew, for signed requests of clients that live on it."""
        return self._wall() + self.skew_ms

    def resume(self, market_ms: int, *, skew_ms: int = 0) -> None:
        """Go on at ``market_ms``, in a later life of the twin; the start stays what it was."""
        self._anchor_ms = market_ms
        self._anchor_s = self._monotonic()
        self.skew_ms = skew_ms

    def advance(self, step_ms: int) -> int:
        """Move a stepped clock forward; returns the new market time. Raises ValueError otherwise."""
        if self.mode != ClockMode.STEPPED:
            raise ValueError("only a stepped clock can be advanced")
        if step_ms < 0:
            raise ValueError("time does not run backwards")
        self._anchor_ms += step_ms
        return self._anchor_ms

    def wall_seconds_until(self, market_ms: int) -> float:
        """Wall seconds until the market reaches ``market_ms``; infinite when stepped."""
        missing = market_ms * 1000 - self.market_us()
        if missing <= 0:
            return 0.0
        return missing / 1_000_000 / self.speed if self.speed else float("inf")

    async def sleep_until(self, market_ms: int) -> None:
        """Wait until the market reaches ``market_ms``; never returns on a stepped clock."""
        wait = self.wall_seconds_until(market_ms)
        if wait == float("inf"):
            await asyncio.Event().wait()
        await asyncio.sleep(wait)

    def reading(self) -> ClockReading:
        """Both clocks at this moment."""
        return ClockReading(self.mode, self.speed, self.market_ms(), self._wall())
