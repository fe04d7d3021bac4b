"""What stops entries for a while because something is wrong with the market or the exchange, not with the trades.

Three things are watched: a price that jumps, orders that the exchange refuses one after the other, and answers that
take too long. What they lead to ends by itself, or by an admin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Protocol

from core.risk.halts import Cause

HUNDRED: Final = Decimal(100)
SLOW_IN_A_ROW: Final = 5
JUMP_WITHIN: Final = timedelta(minutes=1)  # of the market


class BreakerSettings(Protocol):
    """The settings that breakers follow (``shared.src.config.Settings`` has them)."""

    @property
    def max_price_jump_percent(self) -> Decimal: ...
    @property
    def max_rejects_in_a_row(self) -> int: ...
    @property
    def max_order_latency_s(self) -> float: ...
    @property
    def breaker_minutes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class BreakerRules:
    """Percent of the price, orders, wall seconds; ``rest``: how long entries stop, in market time."""

    jump_percent: Decimal
    rejects: int
    latency_s: float
    rest: timedelta

    @classmethod
    def of(cls, settings: BreakerSettings) -> BreakerRules:
        return cls(
            jump_percent=settings.max_price_jump_percent,
            rejects=settings.max_rejects_in_a_row,
            latency_s=settings.max_order_latency_s,
            rest=timedelta(minutes=settings.breaker_minutes),
        )


@dataclass(frozen=True, slots=True)
class AnswerRuns:
    """How the exchange answered the last orders: refusals in a row, slow answers in a row."""

    refused: int = 0
    slow: int = 0

    def after(self, *, refused: bool | None, seconds: float, rules: BreakerRules) -> AnswerRuns:
        """The runs after one more answer; ``refused`` is None when nobody knows what became of the order."""
        slow = self.slow + 1 if seconds > rules.latency_s else 0
        if refused is None:
            return replace(self, slow=slow)
        return AnswerRuns(self.refused + 1 if refused else 0, slow)

    def breaches(self, rules: BreakerRules) -> dict[Cause, str]:
        """The breakers that these runs trip, in words."""
        found: dict[Cause, str] = {}
        if self.refused >= rules.rejects:
            found[Cause.REJECTS] = f"the exchange refused {self.refused} orders in a row, MAX_REJECTS_IN_A_ROW"
        if self.slow >= SLOW_IN_A_ROW:
            found[Cause.LATENCY] = (
                f"{self.slow} orders in a row took over {rules.latency_s:g} s to be answered, MAX_ORDER_LATENCY_S"
            )
        return found


@dataclass(frozen=True, slots=True)
class RecentPrices:
    """The best bids and asks of a symbol seen within the last minute of the market, the oldest first.

    A jump moves both: one side that thins out or is empty for a moment is no jump.
    """

    seen: tuple[tuple[datetime, Decimal, Decimal], ...] = ()

    def with_price(self, bid: Decimal, ask: Decimal, now: datetime) -> RecentPrices:
        """With one more look; one at which a side was empty tells nothing."""
        kept = tuple(point for point in self.seen if now - point[0] <= JUMP_WITHIN)
        return RecentPrices((*kept, (now, bid, ask)) if bid > 0 and ask > 0 else kept)

    def breach(self, rules: BreakerRules) -> str:
        """Why entries in the symbol stop; empty when its price is calm."""
        if not self.seen:
            return ""
        moved = min(_moved([bid for _, bid, _ in self.seen]), _moved([ask for _, _, ask in self.seen]))
        if moved < rules.jump_percent:
            return ""
        return f"the price moved {moved:.1f} % within a minute, MAX_PRICE_JUMP_PERCENT {rules.jump_percent}"


def _moved(prices: Sequence[Decimal]) -> Decimal:
    """By how many percent the highest is over the lowest."""
    return HUNDRED * (max(prices) - min(prices)) / min(prices)
