"""Whether an entry may be sent now, and how large: the limits, then the market, then the exchange's filters."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.risk.account import AccountView
from core.risk.exit_levels import ExitRules, settle_order
from core.risk.limits import Candidate, RiskLimits, cost_refusal, market_refusal, refusal_of, rooms, shown, stop_refusal
from core.risk.verdicts import Approved, Refused
from shared.src.domain.money import ZERO
from shared.src.exchange.models import BookTicker


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """The order that an entry wants. ``price``: its limit, None when it takes the market's. ``trigger``: the price at
    which it starts, None at once. ``reference_price``: what the decision was made at. ``quantity`` in base units.
    """

    candidate: Candidate
    quantity: Decimal
    price: Decimal | None
    reference_price: Decimal
    pocket: str
    trigger: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None


def judge_order(
    order: EntryOrder, view: AccountView, ticker: BookTicker, limits: RiskLimits, exits: ExitRules
) -> Approved | Refused:
    """Judge an entry by everything its gate can know.

    An entry by hand is spared the questions about its decision (age, drift), never a limit.
    """
    rules = order.candidate.rules
    market = order.price is None
    price = order.price or order.trigger or ticker.ask
    quantity = rules.floor_quantity(order.quantity, market=market)
    cost = quantity * price * view.rates.get(rules.quote, ZERO)
    levels = settle_order(price, order.stop_loss, order.take_profit, exits)
    reference = None if order.candidate.is_manual else order.reference_price

    def refusals() -> Iterator[str]:
        yield refusal_of(order.candidate, view, limits)
        yield cost_refusal(cost, rooms(order.candidate, view, limits))
        yield market_refusal(ticker, reference, order.stop_loss, limits)
        yield rules.refusal(quantity, price, market=market)
        yield stop_refusal(quantity, levels.stop_loss, rules)
        yield _funds_refusal(quantity * price, rules.quote, view)

    reason = next((found for found in refusals() if found), "")
    return Refused(reason) if reason else Approved(quantity, cost, order.pocket, levels)


def _funds_refusal(amount: Decimal, asset: str, view: AccountView) -> str:
    """Why the account cannot pay; empty when it can, and to whom balances are not told."""
    if view.free is None:
        return ""
    free = view.free.get(asset, ZERO)
    return f"needs {shown(amount)} {asset}, free are {shown(max(ZERO, free))}" if amount > free else ""
