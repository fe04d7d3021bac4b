"""Whether an entry may be sent now, and how large: the limits, then the market, then the exchange's filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal

from core.execution.arrival import arrival_of
from core.risk.account import AccountView
from core.risk.exchange_room import Occupancy, band_refusal, room_refusal
from core.risk.exit_levels import ExitRules, settle_order
from core.risk.limits import (
    HUNDRED,
    Candidate,
    RiskLimits,
    cost_refusal,
    market_refusal,
    refusal_of,
    rooms,
    shown,
    stop_refusal,
)
from core.risk.verdicts import Approved, Refused
from shared.src.domain.money import ONE, ZERO, wire
from shared.src.domain.orders import Side
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules

Level = tuple[Decimal, Decimal]


@dataclass(frozen=True, slots=True)
class EntryOrder:
    """The order that an entry wants. ``price``: its limit, None when it takes the market's. ``trigger``: the price at
    which it starts, None at once. ``reference_price``: what the decision was made at. ``quantity`` in base units, None
    for as much as ``reserved`` buys: the quote units set aside for it, 0 when nobody did. ``spent``: quote units that
    earlier orders of the same entry paid; limits count them, what is reserved is beside them.
    """

    candidate: Candidate
    quantity: Decimal | None
    price: Decimal | None
    reference_price: Decimal
    pocket: str
    trigger: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    reserved: Decimal = ZERO
    spent: Decimal = ZERO

    @property
    def takes_at_once(self) -> bool:
        """Whether it buys what the book offers now."""
        return self.price is None and self.trigger is None


def judge_order(
    order: EntryOrder,
    view: AccountView,
    ticker: BookTicker,
    limits: RiskLimits,
    exits: ExitRules,
    *,
    asks: Iterable[Level] | None = None,
    standing: Occupancy | None = None,
    average: Decimal | None = None,
) -> Approved | Refused:
    """Judge an entry by everything its gate can know.

    An entry by hand is spared the questions about its decision (age, drift), never a limit. ``asks``: what the book
    offers, best first, where it was asked; None when the best ask alone is enough. ``standing``: what stands in the
    symbol; None to whom it is not told. ``average``: what the exchange measures price bands from, None: the middle.
    """
    rules = order.candidate.rules
    market = order.price is None
    price = order.price or order.trigger or ticker.ask
    bound = drift_bound(order.reference_price, limits)
    quantity = rules.floor_quantity(_wanted(order, price, bound), market=market)
    rate = view.rates.get(rules.quote, ZERO)
    cost = quantity * price * rate
    allowed = rooms(order.candidate, view, limits)
    levels = settle_order(price, order.stop_loss, order.take_profit, exits)
    reference = None if order.candidate.is_manual else order.reference_price

    def refusals() -> Iterator[str]:
        yield refusal_of(order.candidate, view, limits)
        yield cost_refusal(cost + order.spent * rate, allowed)
        yield _levels_refusal(order, price) if order.candidate.is_manual else ""
        yield market_refusal(ticker, reference, order.stop_loss, limits)
        yield _bound_refusal(price, bound) if market else ""
        yield rules.refusal(quantity, price, market=market)
        yield stop_refusal(quantity, levels.stop_loss, rules)
        yield _funds_refusal(quantity * price, rules.quote, view)
        yield band_refusal(levels, order.price, average or ticker.middle, rules)
        if standing is not None:
            yield room_refusal(quantity, rules, standing, waits=order.trigger is not None)

    reason = next((found for found in refusals() if found), "")
    if reason:
        return Refused(reason)
    arrival = arrival_of(ticker, Side.BUY)
    if not market:
        return Approved(quantity, cost, order.pocket, levels, arrival=arrival)
    funds = (*(room / rate - order.spent for room in allowed.values()), *_told(order.reserved, rules.quote, view))
    price_max = rules.floor_price(min(bound, *(amount / quantity for amount in funds)))
    if asks is not None and order.takes_at_once:
        thin = _thin_book_refusal(asks, quantity, price_max, levels.stop_loss, rules)
        if thin:
            return Refused(thin)
    return Approved(quantity, cost, order.pocket, levels, price_max, arrival)


def drift_bound(reference: Decimal, limits: RiskLimits) -> Decimal:
    """The most that an entry at market may pay: the price of its decision, and what it may drift from there."""
    return reference * (ONE + limits.max_price_drift_percent / HUNDRED)


def most_spent(quantity: Decimal, price: Decimal, limit: Decimal | None, limits: RiskLimits) -> Decimal:
    """Quote units that an entry by hand may spend: at its ``limit`` price, or else at the most that one at market pays
    where the market stands at ``price``.
    """
    return quantity * (limit or drift_bound(price, limits))


def _wanted(order: EntryOrder, price: Decimal, bound: Decimal) -> Decimal:
    """Base units: what was asked for, or as much as what is reserved buys at the worst price, where that is less."""
    if order.quantity is None or (order.price is None and order.reserved and order.quantity * price > order.reserved):
        return order.reserved / bound
    return order.quantity


def _bound_refusal(price: Decimal, bound: Decimal) -> str:
    return f"the price {wire(price)} is over {wire(bound)}, MAX_PRICE_DRIFT_PERCENT" if price > bound else ""


def _told(reserved: Decimal, quote: str, view: AccountView) -> Iterator[Decimal]:
    """What is set aside and what is free, in quote units, as far as it is told."""
    if reserved:
        yield reserved
    if view.free is not None:
        yield view.free.get(quote, ZERO)


def _levels_refusal(order: EntryOrder, price: Decimal) -> str:
    """Why what a person chose cannot be meant. A strategy's levels were chosen at the price of then: it is spared."""
    if order.stop_loss is not None and order.stop_loss >= price:
        return f"the stop {wire(order.stop_loss)} is not under the price {wire(price)}"
    if order.take_profit is not None and order.take_profit <= price:
        return f"the target {wire(order.take_profit)} is not over the price {wire(price)}"
    return ""


def _thin_book_refusal(
    asks: Iterable[Level], quantity: Decimal, price_max: Decimal, stop: Decimal, rules: SymbolRules
) -> str:
    """Why the book has too little to buy; what it has may be less than was wanted, but must be worth protecting."""
    offered = min(quantity, sum((units for price, units in asks if price <= price_max), ZERO))
    if not stop_refusal(offered, stop, rules):
        return ""
    most = f"{wire(offered)} {rules.base} up to {wire(price_max)}"
    return f"the book offers {most}, too little for a position that could be sold"


def _funds_refusal(amount: Decimal, asset: str, view: AccountView) -> str:
    """Why the account cannot pay; empty when it can, and to whom balances are not told."""
    if view.free is None:
        return ""
    free = view.free.get(asset, ZERO)
    return f"needs {shown(amount)} {asset}, free are {shown(max(ZERO, free))}" if amount > free else ""
