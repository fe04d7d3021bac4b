"""The trader's store in memory: each method all or nothing, with a fuse before and after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from pydantic import BaseModel

from core.positions.lifecycle import merged
from core.positions.model import Cycle, CycleState, Fill, Order
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import OrderFailed, OrderIntent
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED
from shared.src.domain.errors import InvariantError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import ENDED
from shared.src.exchange.models import ExchangeOrder
from tests.unit.trader.fake_exchange import Fuse
from trader.src.execution.messages import cycle_updated, execution
from trader.src.ports import Booked, OutboxMessage, Pause, RiskFacts


@dataclass
class FakeStore:
    clock: ManualClock
    fuse: Fuse
    intents: dict[str, str] = field(default_factory=dict)
    decisions: list[OrderIntent] = field(default_factory=list)
    cycles: dict[str, Cycle] = field(default_factory=dict)
    rows: dict[str, Order] = field(default_factory=dict)
    fills: dict[tuple[str, int], Fill] = field(default_factory=dict)
    paused: dict[str, Pause] = field(default_factory=dict)
    told: list[tuple[str, BaseModel]] = field(default_factory=list)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.fuse.burn()
        yield
        self.fuse.burn()

    async def refuse(self, failed: OrderFailed) -> bool:
        with self._transaction():
            if failed.intent_id in self.intents:
                return False
            self.intents[failed.intent_id] = failed.reason
            self.told.append((ORDER_FAILED.name, failed))
            return True

    async def open_cycle(self, cycle: Cycle, entry: Order) -> bool:
        with self._transaction():
            if cycle.intent_id in self.intents:
                return False
            self.intents[cycle.intent_id] = ""
            self.cycles[cycle.id] = cycle
            self.rows[entry.client_order_id] = entry
            self.told.append((CYCLE_UPDATED.name, cycle_updated(cycle, self.clock.now())))
            return True

    async def accept(self, intent_id: str, orders: Sequence[Order] = (), *, reason: str = "") -> bool:
        with self._transaction():
            if intent_id in self.intents:
                return False
            self.intents[intent_id] = reason
            self.rows |= {order.client_order_id: order for order in orders}
            return True

    async def accept_exit(self, intent_id: str, cycle_ids: Sequence[str]) -> bool:
        with self._transaction():
            if intent_id in self.intents:
                return False
            self.intents[intent_id] = "exit"
            for cycle_id in cycle_ids:
                self._request_exit(cycle_id, "signal", intent_id)
            return True

    async def add_orders(self, orders: Sequence[Order]) -> None:
        with self._transaction():
            for order in orders:
                self.rows.setdefault(order.client_order_id, order)

    async def book(self, report: ExchangeOrder, fills: Sequence[Fill]) -> Booked | None:
        with self._transaction():
            order = self._known(report)
            if order is None:
                return None
            after = merged(order, report)
            self.rows[order.client_order_id] = after
            fresh = [fill for fill in fills if (fill.symbol, fill.trade_id) not in self.fills]
            strategy = self.cycles[order.cycle_id].strategy if order.cycle_id else ""
            for fill in fresh:
                self.fills[fill.symbol, fill.trade_id] = fill
                self.told.append((EXECUTION.name, execution(fill, after, strategy=strategy, demo=True)))
            booked = sum((f.quantity for f in self.fills.values() if f.client_order_id == order.client_order_id), ZERO)
            if booked > order.quantity:
                raise InvariantError(f"{order.client_order_id}: {booked} filled of {order.quantity}")
            return Booked(after, tuple(fresh), changed=after != order or bool(fresh))

    async def reported(self, report: ExchangeOrder) -> Order | None:
        return self._known(report)

    def _known(self, report: ExchangeOrder) -> Order | None:
        by_id = (o for o in self.rows.values() if (o.symbol, o.exchange_order_id) == (report.symbol, report.order_id))
        return next(by_id, self.rows.get(report.client_order_id))

    async def settle(self, order: Order) -> None:
        with self._transaction():
            if self.rows[order.client_order_id].is_unresolved:
                self.rows[order.client_order_id] = replace(
                    self.rows[order.client_order_id],
                    status=order.status,
                    reject_code=order.reject_code,
                    reason=order.reason,
                )

    async def request_exit(self, cycle_id: str, reason: str) -> None:
        with self._transaction():
            self._request_exit(cycle_id, reason)

    def _request_exit(self, cycle_id: str, reason: str, exit_intent_id: str = "") -> None:
        cycle = self.cycles[cycle_id]
        if not cycle.exit_reason and cycle.status not in ENDED:
            self.cycles[cycle_id] = replace(cycle, exit_reason=reason, exit_intent_id=exit_intent_id)

    async def save_cycle(self, cycle: Cycle, failed: OrderFailed | None = None) -> None:
        with self._transaction():
            old = self.cycles[cycle.id]
            self.cycles[cycle.id] = replace(
                cycle,
                exit_reason=cycle.exit_reason or old.exit_reason,
                min_price=old.min_price,
                max_price=old.max_price,
                metadata=old.metadata | cycle.metadata,
            )
            self.told.append((CYCLE_UPDATED.name, cycle_updated(cycle, self.clock.now())))
            if failed is not None:
                self.told.append((ORDER_FAILED.name, failed))

    async def note_prices(self, symbol: str, price: Decimal) -> None:
        for cycle in await self.open_cycles():
            low, high = min(cycle.min_price or price, price), max(cycle.max_price or price, price)
            self.cycles[cycle.id] = replace(cycle, min_price=low, max_price=high)

    async def view(self, cycle_id: str) -> CycleState:
        with self._transaction():
            orders = tuple(order for order in self.rows.values() if order.cycle_id == cycle_id)
            ids = {order.client_order_id for order in orders}
            fills = sorted((f for f in self.fills.values() if f.client_order_id in ids), key=lambda f: f.trade_id)
            return CycleState(self.cycles[cycle_id], orders, tuple(fills))

    async def open_cycles(self) -> list[Cycle]:
        return [cycle for cycle in self.cycles.values() if not cycle.is_ended]

    async def order(self, client_order_id: str) -> Order | None:
        return self.rows.get(client_order_id)

    async def order_by_exchange_id(self, symbol: str, exchange_order_id: int) -> Order | None:
        wanted = (symbol, exchange_order_id)
        return next((o for o in self.rows.values() if (o.symbol, o.exchange_order_id) == wanted), None)

    def booked(self, order: Order) -> Decimal:
        mine = (fill.quantity for fill in self.fills.values() if fill.client_order_id == order.client_order_id)
        return sum(mine, ZERO)

    async def live_orders(self) -> list[Order]:
        return [o for o in self.rows.values() if not o.is_done or o.executed_quantity > self.booked(o)]

    async def last_trade_ids(self) -> dict[str, int]:
        symbols = {order.symbol for order in self.rows.values()}
        return {s: max((n for symbol, n in self.fills if symbol == s), default=-1) for s in symbols}

    async def risk_facts(self, day_start: datetime) -> RiskFacts:
        ended = (c.profit_loss for c in self.cycles.values() if c.completed_at and c.completed_at >= day_start)
        result = sum((profit for profit in ended if profit is not None), ZERO)
        return RiskFacts(tuple(await self.open_cycles()), tuple(self.paused.values()), result)

    async def pauses(self) -> list[Pause]:
        return list(self.paused.values())

    async def pause(self, scope: str, reason: str, since: datetime) -> None:
        self.paused[scope] = Pause(scope, reason, since)

    async def resume(self, scope: str) -> bool:
        return self.paused.pop(scope, None) is not None

    async def pending_intents(self, since: datetime) -> list[OrderIntent]:
        return [intent for intent in self.decisions if intent.message_id not in self.intents]

    async def outbox(self, limit: int) -> list[OutboxMessage]:
        return []

    async def sent(self, messages: Sequence[OutboxMessage]) -> None:
        return None
