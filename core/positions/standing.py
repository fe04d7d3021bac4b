"""What stands on the exchange to sell a position, and how much of it a stop covers.

Protected means that open *stops* sell all that is held. A target sells only when things go well: it protects nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.positions.model import CycleState, Order, Purpose
from shared.src.domain.money import ZERO
from shared.src.domain.orders import Side


@dataclass(frozen=True, slots=True)
class StandingExit:
    """An open order that protects or takes profit, or a pair of them of which one cancels the other: its open legs.

    Cancelling any leg ends all of them.
    """

    legs: tuple[Order, ...]

    @property
    def leg(self) -> Order:
        """The one to name when it is cancelled."""
        return self.legs[0]

    @property
    def is_filling(self) -> bool:
        return bool(self.leg.executed_quantity)

    @property
    def locked(self) -> Decimal:
        """Base units that it holds; the legs of a pair hold the same ones."""
        return max(order.remaining for order in self.legs)

    @property
    def covered(self) -> Decimal:
        """Base units that its stop would sell."""
        return max((order.remaining for order in self.legs if order.purpose is Purpose.STOP_LOSS), default=ZERO)


def standing_exits(view: CycleState) -> list[StandingExit]:
    """The oldest first. The legs of a pair are one attempt; once one has begun to fill, the other is gone."""
    found: dict[int, tuple[Order, ...]] = {}
    for order in view.of(Side.SELL):
        if order.is_open and order.is_protection:
            found[order.attempt] = (*found.get(order.attempt, ()), order)
    filling = {attempt: tuple(leg for leg in legs if leg.executed_quantity) for attempt, legs in found.items()}
    return [StandingExit(filling[attempt] or legs) for attempt, legs in found.items()]


def covered(standing: Iterable[StandingExit]) -> Decimal:
    """Base units that stops would sell."""
    return sum((item.covered for item in standing), ZERO)


def locked(standing: Iterable[StandingExit]) -> Decimal:
    """Base units that are not free for another sale."""
    return sum((item.locked for item in standing), ZERO)


def protects(view: CycleState, order: Order) -> bool:
    """Whether a stop goes when the order is cancelled: itself, or its pair."""
    return any(item.covered for item in standing_exits(view) if order in item.legs)


def is_bereft(view: CycleState, target: Order) -> bool:
    """Whether a target has filled nothing, as far as is known, although its stop is gone: so something has filled."""
    stops = (order for order in view.orders if order.attempt == target.attempt and order.purpose is Purpose.STOP_LOSS)
    return target.purpose is Purpose.TAKE_PROFIT and not target.executed_quantity and any(o.is_done for o in stops)
