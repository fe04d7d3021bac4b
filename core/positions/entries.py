"""How a position begins: its cycle, its entry order, and whether an entry that got lost is tried again."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from core.execution.next_order import BuyMore
from core.execution.plan import EntryPlan
from core.positions.dust import smallest_cost
from core.positions.model import IMMEDIATE_OR_CANCEL, MANUAL, Cycle, CycleState, Order, Purpose
from core.risk.verdicts import Approved
from shared.src.domain.clock import from_ms
from shared.src.domain.ids import client_order_id, derived_id
from shared.src.domain.orders import CycleStatus, ManagedBy, OrderStatus, OrderType, Side
from shared.src.exchange.rules import SymbolRules

GOOD_TILL_CANCELED = "GTC"
# Orders with a price and a time in force.
RESTING = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})
# Entries at market are sent with the most that they may pay: no book makes them dearer than that.
BOUNDED = {
    OrderType.MARKET: OrderType.LIMIT,
    OrderType.STOP_LOSS: OrderType.STOP_LOSS_LIMIT,
    OrderType.TAKE_PROFIT: OrderType.TAKE_PROFIT_LIMIT,
}


class EntryDecision(Protocol):
    """An approved decision to buy (``shared.src.contracts.orders.OrderIntent`` is one). Prices and funds in quote."""

    @property
    def message_id(self) -> str: ...
    @property
    def correlation_id(self) -> str: ...
    @property
    def consensus_id(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def strategy(self) -> str: ...
    @property
    def pocket(self) -> str: ...
    @property
    def managed_by(self) -> ManagedBy: ...
    @property
    def type(self) -> OrderType: ...
    @property
    def price(self) -> Decimal | None: ...
    @property
    def reference_price(self) -> Decimal: ...
    @property
    def reserved(self) -> Decimal: ...
    @property
    def stop_loss(self) -> Decimal | None: ...
    @property
    def take_profit(self) -> Decimal | None: ...
    @property
    def trailing_delta_bips(self) -> int | None: ...
    @property
    def decided_on(self) -> int: ...


def opened(
    decision: EntryDecision,
    approved: Approved,
    rules: SymbolRules,
    now: datetime,
    *,
    resting_max: timedelta | None = None,
    plan: EntryPlan | None = None,
) -> Cycle:
    """The cycle of a decision that its gate approved.

    ``resting_max``: how long its entry may rest in the book. ``plan``: of an entry that is bought in several orders.
    """
    price = approved.price_max or decision.price or decision.reference_price
    resting = decision.type is not OrderType.MARKET
    return Cycle(
        id=derived_id("cy", decision.message_id),
        intent_id=decision.message_id,
        symbol=decision.symbol,
        strategy=decision.strategy,
        status=CycleStatus.INITIATING,
        created_at=now,
        stop_price=decision.stop_loss,
        take_profit_price=decision.take_profit,
        trailing_delta=decision.trailing_delta_bips,
        correlation_id=decision.correlation_id,
        consensus_id=decision.consensus_id,
        pocket=decision.pocket,
        managed_by=decision.managed_by,
        reference_price=decision.reference_price,
        reserved=max(decision.reserved, approved.quantity * price),
        dust_cost_max=smallest_cost(rules, decision.reference_price),
        resting=resting,
        decided_at=from_ms(decision.decided_on),
        expires_at=now + resting_max if resting and resting_max is not None else None,
        plan=plan,
        entering=plan is not None,
    )


def entry_order(
    decision: EntryDecision, cycle: Cycle, approved: Approved, rules: SymbolRules, *, trigger: Decimal | None = None
) -> Order:
    """The first attempt to buy what was approved. ``trigger``: the stop price of an order by hand.

    One at market takes what the book offers up to the approved price, and leaves the rest of its quantity.
    """
    kind = BOUNDED.get(decision.type, decision.type)
    price = approved.price_max if decision.type in BOUNDED else decision.price
    lasts = IMMEDIATE_OR_CANCEL if decision.type is OrderType.MARKET else GOOD_TILL_CANCELED
    return Order(
        client_order_id=client_order_id(decision.message_id, "entry", 1),
        intent_id=decision.message_id,
        cycle_id=cycle.id,
        attempt=1,
        purpose=Purpose.MANUAL if decision.strategy == MANUAL else Purpose.ENTRY,
        symbol=decision.symbol,
        side=Side.BUY,
        type=kind,
        quantity=approved.quantity,
        created_at=cycle.created_at,
        time_in_force=lasts if kind in RESTING else None,
        price=None if price is None else rules.round_price(price, Side.BUY),
        stop_price=trigger,
        correlation_id=decision.correlation_id,
        arrival=approved.arrival,
        asked=None if kind is decision.type else decision.type,
    )


def further_entry(view: CycleState, wanted: BuyMore, approved: Approved, rules: SymbolRules, now: datetime) -> Order:
    """The next order of an entry that is bought in several. Its gate has approved it as of now: no dearer."""
    cycle = view.cycle
    attempt = max((order.attempt for order in view.of(Side.BUY)), default=0) + 1
    price = wanted.price if approved.price_max is None else min(wanted.price, approved.price_max)
    return Order(
        client_order_id=client_order_id(cycle.intent_id, "entry", attempt),
        intent_id=cycle.intent_id,
        cycle_id=cycle.id,
        attempt=attempt,
        purpose=Purpose.MANUAL if cycle.strategy == MANUAL else Purpose.ENTRY,
        symbol=cycle.symbol,
        side=Side.BUY,
        type=wanted.type,
        quantity=min(wanted.quantity, approved.quantity),
        created_at=now,
        time_in_force=wanted.time_in_force,
        price=rules.round_price(price, Side.BUY),
        correlation_id=cycle.correlation_id,
        arrival=approved.arrival,
    )


def fitted(order: Order, rules: SymbolRules) -> Order | None:
    """A refused order on the rules as they are known now; None when they leave it as it was, or nothing of it."""
    quantity = rules.floor_quantity(order.quantity, market=order.price is None)
    price, stop_price = (
        rules.round_price(level, order.side) if level is not None else None for level in (order.price, order.stop_price)
    )
    if quantity <= 0 or (quantity, price, stop_price) == (order.quantity, order.price, order.stop_price):
        return None
    return replace(order, quantity=quantity, price=price, stop_price=stop_price)


def next_attempt(cycle: Cycle, lost: Order, approved: Approved, rules: SymbolRules, now: datetime) -> Order:
    """The entry under a new id, after one that never arrived or that broke rules which have changed since.

    Its gate has approved it as of now: no more of it than the lost one wanted, and no dearer.
    """
    attempt = lost.attempt + 1
    price = lost.price if approved.price_max is None else approved.price_max
    return replace(
        lost,
        client_order_id=client_order_id(cycle.intent_id, "entry", attempt),
        attempt=attempt,
        quantity=approved.quantity,
        price=None if price is None else rules.round_price(price, Side.BUY),
        stop_price=None if lost.stop_price is None else rules.round_price(lost.stop_price, Side.BUY),
        status=OrderStatus.INTENT,
        reject_code=None,
        reason="",
        created_at=now,
    )
