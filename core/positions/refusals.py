"""What a request that failed proves of its order, and what the exchange's refusals mean."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from core.positions.model import Order
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, RootTradingError, TransientError
from shared.src.domain.orders import OrderStatus, OrderType, Side

# Binance's codes.
FILTER_FAILURE: Final = -1013
NEW_ORDER_REJECTED: Final = -2010
CANCEL_REJECTED: Final = -2011
NO_SUCH_ORDER: Final = -2013
ARCHIVED: Final = -2026
NOT_THERE: Final = frozenset({NO_SUCH_ORDER, ARCHIVED})
TOO_PRECISE: Final = -1111
NO_SUCH_SYMBOL: Final = -1121
# An order that breaks the symbol's rules: those it was made by may be old.
RULES_REFUSED: Final = frozenset({FILTER_FAILURE, TOO_PRECISE, NO_SUCH_SYMBOL})
# A sale that was refused is tried again after the first, each time after twice as long, at last after the second.
SALE_AGAIN: Final = timedelta(seconds=1), timedelta(seconds=30)
SIZE_FILTERS: Final = ("NOTIONAL", "LOT_SIZE")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of a placement that failed. ``code``: the exchange's, None where it did not speak."""

    status: OrderStatus
    code: int | None = None


def outcome_of(error: RootTradingError) -> Outcome | None:
    """What the error of a placement proves of its order; None when it says nothing of it."""
    match error:
        case OutcomeUnknownError():
            return Outcome(OrderStatus.UNKNOWN)
        case RejectedError(code=code) if code == NEW_ORDER_REJECTED and "uplicate" in str(error):
            # an earlier attempt under this id is open: it is found by its id and adopted
            return Outcome(OrderStatus.UNKNOWN)
        case RejectedError(code=code):
            return Outcome(OrderStatus.REJECTED, code)
        case TransientError():
            return Outcome(OrderStatus.REJECTED)
        case _:
            return None


def lacks_units(refused: Order) -> bool:
    """Whether a sale was refused because the account has less than the fills say."""
    return refused.reject_code == NEW_ORDER_REJECTED and "insufficient" in refused.reason


def breaks_rules(order: Order) -> bool:
    """Whether the exchange refused the order because it breaks the symbol's rules."""
    return order.status is OrderStatus.REJECTED and order.reject_code in RULES_REFUSED


def is_not_traded(refused: Order) -> bool:
    """Whether the symbol does not trade now, or is not listed: the refusal says nothing of the order itself."""
    if refused.reject_code == NO_SUCH_SYMBOL:
        return True
    return refused.reject_code == NEW_ORDER_REJECTED and "Market is closed" in refused.reason


def is_too_small(order: Order) -> bool:
    """Whether a filter of size refused the order."""
    if order.status is not OrderStatus.REJECTED or order.reject_code != FILTER_FAILURE:
        return False
    return any(name in order.reason for name in SIZE_FILTERS)


def refused_protections(orders: Iterable[Order]) -> list[Order]:
    """Attempts to protect that the exchange refused since the last one it took, one order of each."""
    attempts: dict[int, Order] = {}
    for order in sorted(
        (item for item in orders if item.is_protection and not is_sale(item)), key=lambda item: item.attempt
    ):
        if order.status is not OrderStatus.REJECTED:
            attempts.clear()
        elif order.reject_code is not None and not is_not_traded(order):
            attempts.setdefault(order.attempt, order)
    return list(attempts.values())


def sale_again_at(orders: Iterable[Order]) -> datetime | None:
    """When a position may be offered at market again, after sales that brought nothing; None when the last one did.

    A refusal by rules that were read again since says nothing of the market: the first one is tried again at once.
    """
    sales = sorted((order for order in orders if is_sale(order)), key=lambda order: order.attempt)
    if sales and breaks_rules(sales[-1]) and not any(map(breaks_rules, sales[-2:-1])):
        del sales[-1]
    vain = 0
    for order in reversed(sales):
        if not _was_in_vain(order):
            break
        vain += 1
    if not vain:
        return None
    first, most = SALE_AGAIN
    return sales[-1].created_at + min(first * (1 << min(vain, 16) - 1), most)


def is_sale(order: Order) -> bool:
    """At market, and at once: of everything, or of a part whose profit is taken."""
    return order.side is Side.SELL and order.type is OrderType.MARKET


def _was_in_vain(sale: Order) -> bool:
    """Whether the exchange refused the sale, or found nobody who buys; one that never arrived says neither."""
    if sale.status is OrderStatus.REJECTED:
        return sale.reject_code is not None
    return sale.is_done and not sale.executed_quantity
