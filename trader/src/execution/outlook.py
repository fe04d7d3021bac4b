"""What the trader sees of the account: when it was last compared, and whether its events arrive."""

from __future__ import annotations

from core.risk.sight import blind_refusal
from shared.src.domain.clock import Clock
from trader.src.ports import Exchange

LOOK_AGAIN_S = 0.1


class Outlook:
    """Asked before every entry."""

    def __init__(self, exchange: Exchange, clock: Clock) -> None:
        self._exchange = exchange
        self._clock = clock
        self._compared_at: float | None = None

    def note_comparison(self, began_at: float) -> None:
        """A whole comparison that began then (monotonic seconds) has succeeded."""
        self._compared_at = began_at

    @property
    def is_new(self) -> bool:
        """Whether there was no comparison yet since the start."""
        return self._compared_at is None

    async def clears(self, within_s: float) -> None:
        """Return as soon as something may be opened, or after ``within_s`` wall seconds."""
        until = self._clock.monotonic() + within_s
        while self.refusal() and self._clock.monotonic() < until:
            await self._clock.sleep(LOOK_AGAIN_S)

    def refusal(self) -> str:
        """Why nothing may be opened now; empty when it may."""
        ago = None if self._compared_at is None else self._clock.monotonic() - self._compared_at
        return blind_refusal(ago, hears=self._exchange.hears)
