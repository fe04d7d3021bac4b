"""The trader's store in the memory of one process, for the platform in one process and for tests.

No method waits for anything between its first and its last change, so each is one transaction; what it refuses, it
refuses before it changes anything. What is asked for often (open cycles, live orders, the orders and fills of one
cycle) is kept at hand, so that a long history costs nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TypeVar

from pydantic import BaseModel

from core.positions.by_hand import with_hand_sales
from core.positions.lifecycle import merged
from core.positions.model import Cycle, CycleState, Fill, HandSale, Order, Purpose
from core.positions.trade_cursors import TradeCursor
from core.risk.fees import FeeModel
from core.risk.halts import Cause, Pause
from core.risk.loss import LossMark
from core.risk.protections import EndedTrade
from shared.src.contracts.orders import ExecutionEvent, OrderFailed, OrderIntent
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED, Topic
from shared.src.domain.clock import Clock
from shared.src.domain.errors import InvariantError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus, IntentKind, Side
from shared.src.exchange.models import ExchangeOrder, OddRow
from trader.src.execution.messages import cycle_updated, execution
from trader.src.ports import ApprovedEntry, Booked, OutboxMessage, RiskFacts, SetAside

M = TypeVar("M", bound=BaseModel)

RECENT = timedelta(days=7)

ApprovedSince = Callable[[datetime], Awaitable[Sequence[OrderIntent]]]


class MemoryStore:
    """Implements ``trader.src.ports.Store``.

    ``approved``: the coordinator's approved decisions made since a time, oldest first.
    """

    def __init__(self, clock: Clock, approved: ApprovedSince, *, demo: bool = True) -> None:
        self._clock = clock
        self._approved = approved
        self._demo = demo
        self._handled: dict[str, str] = {}
        self._cycles: dict[str, Cycle] = {}
        self._cycle_of_intent: dict[str, str] = {}
        self._open: dict[str, None] = {}
        self._ended: dict[str, None] = {}  # in the order in which they ended
        self._orders: dict[str, Order] = {}
        self._live: dict[str, None] = {}
        self._by_exchange_id: dict[tuple[str, int], str] = {}
        self._by_cycle: dict[str, list[str]] = {}
        self._by_intent: dict[str, list[str]] = {}
        self._fills: dict[tuple[str, int], Fill] = {}
        self._by_order: dict[str, list[Fill]] = {}
        self._trade_cursors: dict[str, TradeCursor] = {}
        self._newest_order: dict[str, datetime] = {}
        self._pauses: dict[tuple[str, Cause], Pause] = {}
        self._loss_mark: LossMark | None = None
        self.fees: dict[str, FeeModel] = {}
        self._aside: dict[tuple[str, str], SetAside] = {}
        self._outbox: dict[int, OutboxMessage] = {}
        self._told = 0
        self._outbox_changed = asyncio.Event()

    # Intents

    async def refuse(self, failed: OrderFailed) -> bool:
        if failed.intent_id in self._handled:
            return False
        self._handled[failed.intent_id] = failed.reason
        self._tell(ORDER_FAILED, failed)
        return True

    async def open_cycle(self, cycle: Cycle, entry: Order | None, exits: Sequence[Order] = ()) -> bool:
        if cycle.intent_id in self._handled:
            return False
        self._handled[cycle.intent_id] = ""
        self._put_cycle(cycle)
        if entry is not None:
            self._add_order(entry)
        for order in exits:
            self._add_order(order)
        self._tell(CYCLE_UPDATED, cycle_updated(cycle, self._clock.now()))
        return True

    async def accept(self, intent_id: str, orders: Sequence[Order] = (), *, reason: str = "") -> bool:
        if intent_id in self._handled:
            return False
        self._handled[intent_id] = reason
        for order in orders:
            self._add_order(order)
        return True

    async def accept_exit(self, intent_id: str, cycle_ids: Sequence[str]) -> bool:
        if intent_id in self._handled:
            return False
        self._handled[intent_id] = f"exit of {len(cycle_ids)} position(s)"
        for cycle_id in cycle_ids:
            self._ask_for_exit(cycle_id, "signal", intent_id)
        return True

    async def pending_intents(self, since: datetime, *, exits_since: datetime | None = None) -> list[OrderIntent]:
        oldest = {IntentKind.ENTRY: since, IntentKind.EXIT: exits_since or since}
        approved = await self._approved(min(oldest.values()))
        waiting = (intent for intent in approved if intent.message_id not in self._handled)
        return [intent for intent in waiting if intent.occurred_at > oldest[intent.kind]]

    # Orders and fills

    async def add_orders(self, orders: Sequence[Order]) -> None:
        for order in orders:
            self._add_order(order)

    async def adopt(self, order: Order, sales: Mapping[str, HandSale]) -> bool:
        if order.client_order_id in self._orders:
            return False
        self._add_order(order)
        self._add_hand_sales(sales)
        return True

    def _add_hand_sales(self, sales: Mapping[str, HandSale]) -> None:
        for cycle_id, sale in sales.items():
            cycle = self._cycles[cycle_id]
            self._put_cycle(replace(cycle, hand_sales=(*cycle.hand_sales, sale)))

    async def book(self, report: ExchangeOrder, fills: Sequence[Fill]) -> Booked | None:
        order = self._reported(report)
        if order is None:
            return None
        after = merged(order, report)
        fresh = self._fresh(fills)
        total = sum((fill.quantity for fill in fresh), self._booked(order))
        if fresh and total > order.quantity:
            raise InvariantError(f"{order.client_order_id}: {total} filled of {order.quantity}")
        for fill in fresh:
            self._add_fill(fill, after)
        self._put_order(after)
        return Booked(after, tuple(fresh), changed=after != order or bool(fresh))

    async def mark_cancel(self, order: Order) -> None:
        for known in self._pair_of(order):
            self._put_order(replace(known, cancel_asked=True))

    def _pair_of(self, order: Order) -> list[Order]:
        pair = order.order_list_id
        return [
            known
            for known in self._orders.values()
            if known.client_order_id == order.client_order_id
            or (pair is not None and known.order_list_id == pair and known.symbol == order.symbol)
        ]

    async def settle(self, order: Order) -> None:
        known = self._orders.get(order.client_order_id)
        if known is not None and known.is_unresolved:
            decided = replace(known, status=order.status, reject_code=order.reject_code, reason=order.reason)
            self._put_order(decided)

    async def order(self, client_order_id: str) -> Order | None:
        return self._orders.get(client_order_id)

    async def order_by_exchange_id(self, symbol: str, exchange_order_id: int) -> Order | None:
        return self._orders.get(self._by_exchange_id.get((symbol, exchange_order_id), ""))

    async def reported(self, report: ExchangeOrder) -> Order | None:
        return self._reported(report)

    async def live_orders(self) -> list[Order]:
        since = self._clock.now() - RECENT
        live = (self._orders[name] for name in self._live)
        return [order for order in live if not order.is_done or order.created_at > since]

    async def touched_symbols(self) -> list[str]:
        since = self._clock.now() - RECENT
        touched = {symbol: None for symbol, newest in self._newest_order.items() if newest > since}
        touched |= {self._orders[name].symbol: None for name in self._live if not self._orders[name].is_done}
        touched |= {self._cycles[name].symbol: None for name in self._open}
        return list(touched)

    async def known_orders(self, symbol: str, exchange_order_ids: Sequence[int]) -> set[int]:
        return {order_id for order_id in exchange_order_ids if (symbol, order_id) in self._by_exchange_id}

    async def booked_trades(self, symbol: str, trade_ids: Sequence[int]) -> set[int]:
        return {trade_id for trade_id in trade_ids if (symbol, trade_id) in self._fills}

    async def trade_cursors(self) -> dict[str, TradeCursor]:
        return dict(self._trade_cursors)

    async def begin_trade_cursor(self, symbol: str, begins_after: int) -> None:
        self._trade_cursors.setdefault(symbol, TradeCursor(begins_after, begins_after))

    async def move_trade_cursor(self, symbol: str, compared_to: int) -> None:
        known = self._trade_cursors[symbol]
        self._trade_cursors[symbol] = replace(known, compared_to=max(known.compared_to, compared_to))

    async def sales_by_hand(self, symbol: str, since: datetime) -> list[Order]:
        others = (order for order in self._orders.values() if order.purpose is Purpose.EXTERNAL and not order.cycle_id)
        sales = (order for order in others if order.symbol == symbol and order.side is Side.SELL)
        return sorted((order for order in sales if order.created_at >= since), key=_by_age)

    async def attribute(self, order: Order, sales: Mapping[str, HandSale]) -> None:
        known = self._orders[order.client_order_id]
        if known.cycle_id is None and order.cycle_id is not None:
            self._put_order(
                replace(known, cycle_id=order.cycle_id, intent_id=order.intent_id, correlation_id=order.correlation_id)
            )
            self._by_cycle.setdefault(order.cycle_id, []).append(order.client_order_id)
            self._by_intent.setdefault(order.intent_id, []).append(order.client_order_id)
            self._add_hand_sales(sales)

    # Cycles

    async def request_exit(self, cycle_id: str, reason: str) -> None:
        self._ask_for_exit(cycle_id, reason, "")

    async def cancel_entry(self, cycle_id: str) -> None:
        self._put_cycle(replace(self._cycles[cycle_id], entry_canceled=True))

    async def save_cycle(self, cycle: Cycle, failed: OrderFailed | None = None) -> None:
        old = self._cycles[cycle.id]
        levels = cycle if old.levels_at is None else old
        self._put_cycle(
            replace(
                cycle,
                stop_price=levels.stop_price,
                take_profit_price=levels.take_profit_price,
                exit_reason=cycle.exit_reason or old.exit_reason,
                exit_intent_id=old.exit_intent_id,
                entry_canceled=old.entry_canceled,
                hand_sales=old.hand_sales,
                entering=old.entering and cycle.entering,
                min_price=old.min_price,
                max_price=old.max_price,
            )
        )
        self._tell(CYCLE_UPDATED, cycle_updated(cycle, self._clock.now()))
        if failed is not None:
            self._tell(ORDER_FAILED, failed)

    async def move_levels(
        self, cycle_id: str, *, stop_price: Decimal | None = None, take_profit_price: Decimal | None = None
    ) -> None:
        cycle = self._cycles[cycle_id]
        moved = replace(
            cycle,
            stop_price=cycle.stop_price if stop_price is None else stop_price,
            take_profit_price=cycle.take_profit_price if take_profit_price is None else take_profit_price,
        )
        if not cycle.is_ended:
            self._put_cycle(moved)
            self._tell(CYCLE_UPDATED, cycle_updated(moved, self._clock.now()))

    async def note_prices(self, symbol: str, price: Decimal) -> None:
        for cycle in await self.open_cycles():
            if cycle.symbol == symbol and cycle.opened_at is not None:
                low, high = min(cycle.min_price or price, price), max(cycle.max_price or price, price)
                self._put_cycle(replace(cycle, min_price=low, max_price=high))

    async def cycle(self, cycle_id: str) -> Cycle | None:
        return self._cycles.get(cycle_id)

    async def view(self, cycle_id: str) -> CycleState:
        orders = [self._orders[name] for name in self._by_cycle.get(cycle_id, ())]
        view = CycleState(
            cycle=self._cycles[cycle_id],
            orders=tuple(sorted(orders, key=lambda order: (order.created_at, order.attempt, order.client_order_id))),
            fills=tuple(sorted(self._fills_of(orders), key=lambda fill: fill.trade_id)),
        )
        by_hand = [self._orders[sale.client_order_id] for sale in view.cycle.hand_sales]
        return with_hand_sales(view, by_hand, self._fills_of(by_hand)) if by_hand else view

    def _fills_of(self, orders: Iterable[Order]) -> list[Fill]:
        return [fill for order in orders for fill in self._by_order.get(order.client_order_id, ())]

    async def open_cycles(self) -> list[Cycle]:
        return sorted((self._cycles[name] for name in self._open), key=lambda cycle: (cycle.created_at, cycle.id))

    # Limits and pauses

    async def risk_facts(self, results_since: datetime, *, approved_since: datetime) -> RiskFacts:
        results: dict[str, Decimal] = {}
        for cycle in self.ended_since(results_since):
            results[cycle.symbol] = results.get(cycle.symbol, ZERO) + (cycle.profit_loss or ZERO)
        cycles = await self.open_cycles()
        return RiskFacts(
            cycles=tuple(cycles),
            entries=tuple(self._entries(cycles)),
            approved=tuple(
                ApprovedEntry(intent.message_id, intent.symbol, intent.strategy, intent.reserved)
                for intent in await self.pending_intents(approved_since)
                if intent.kind is IntentKind.ENTRY
            ),
            pauses=tuple(await self.pauses()),
            results=results,
        )

    def _entries(self, cycles: Sequence[Cycle]) -> Iterator[Order]:
        """Orders that bought or may still buy for these cycles, then those that may still buy for none."""
        for cycle in cycles:
            own = (self._orders[name] for name in self._by_cycle.get(cycle.id, ()))
            yield from (
                order for order in own if order.side is Side.BUY and (order.executed_quantity or not order.is_done)
            )
        live = (self._orders[name] for name in self._live)
        yield from (order for order in live if order.cycle_id is None and order.side is Side.BUY and not order.is_done)

    async def ended_trades(self, since: datetime) -> list[EndedTrade]:
        ended = [cycle for cycle in self.ended_since(since) if cycle.status is CycleStatus.COMPLETED]
        return [_ended_trade(cycle) for cycle in reversed(ended)]

    async def loss_mark(self) -> LossMark | None:
        return self._loss_mark

    async def save_loss_mark(self, mark: LossMark) -> None:
        self._loss_mark = mark

    async def save_fees(self, symbol: str, fees: FeeModel, at: datetime) -> None:
        self.fees[symbol] = fees

    async def pauses(self) -> list[Pause]:
        now = self._clock.now()
        held = [pause for pause in self._pauses.values() if pause.holds(now)]
        return sorted(held, key=lambda pause: (pause.since, pause.scope, pause.cause))

    async def pause(
        self, scope: str, reason: str, since: datetime, *, cause: Cause = Cause.HAND, until: datetime | None = None
    ) -> None:
        known = self._pauses.get((scope, cause))
        begun = known.since if known is not None and known.holds(self._clock.now()) else since
        self._pauses[scope, cause] = Pause(scope, reason, begun, cause, until)

    async def resume(self, scope: str) -> bool:
        lifted = [pause for pause in await self.pauses() if pause.scope == scope]
        for pause in lifted:
            del self._pauses[pause.scope, pause.cause]
        return bool(lifted)

    # What cannot be handled

    async def set_aside(self, row: OddRow, at: datetime) -> None:
        known = self._aside.get((row.source, row.key))
        since = at if known is None or known.released_at is not None else known.since
        self._aside[row.source, row.key] = SetAside(row, since)

    async def release(self, source: str, key: str, at: datetime) -> None:
        known = self._aside.get((source, key))
        if known is not None and known.released_at is None:
            self._aside[source, key] = replace(known, released_at=at)

    async def quarantined(self, limit: int = 1000) -> list[SetAside]:
        newest = sorted(self._aside.values(), key=lambda item: item.since, reverse=True)
        return sorted(newest, key=lambda item: item.released_at is not None)[:limit]

    # Messages

    async def outbox(self, limit: int) -> list[OutboxMessage]:
        return list(islice(self._outbox.values(), limit))

    async def sent(self, messages: Sequence[OutboxMessage]) -> None:
        for message in messages:
            self._outbox.pop(message.id, None)

    async def wait_for_outbox(self, timeout_s: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._outbox_changed.wait()
        self._outbox_changed.clear()

    # What the stores of others read, as their queries read the trader's tables

    def all_cycles(self) -> Sequence[Cycle]:
        """In the order in which they were opened."""
        return tuple(self._cycles.values())

    def all_orders(self) -> Sequence[Order]:
        """In the order in which they were written down."""
        return tuple(self._orders.values())

    def orders_of(self, intent_id: str) -> Sequence[Order]:
        """The orders of one intent, in the order in which they were written down."""
        return tuple(self._orders[name] for name in self._by_intent.get(intent_id, ()))

    def fills_of(self, intent_id: str) -> Sequence[Fill]:
        """The fills of one intent's orders, order by order, in the order in which they were booked."""
        names = self._by_intent.get(intent_id, ())
        return tuple(fill for name in names for fill in self._by_order.get(name, ()))

    def executions(self, start: int = 0) -> Iterator[ExecutionEvent]:
        """Every fill but the first ``start``, as it was told, in the order in which they were booked."""
        for fill in islice(self._fills.values(), start, None):
            yield self._execution(fill, self._orders[fill.client_order_id])

    def executions_of(self, intent_id: str) -> Iterator[ExecutionEvent]:
        """The fills of one intent's orders, as they were told, order by order."""
        for fill in self.fills_of(intent_id):
            yield self._execution(fill, self._orders[fill.client_order_id])

    def cycle_of(self, intent_id: str) -> Cycle | None:
        """The cycle that an intent opened."""
        return self._cycles.get(self._cycle_of_intent.get(intent_id, ""))

    def ended_since(self, since: datetime) -> Iterator[Cycle]:
        """Cycles that ended at or after ``since``, the newest first."""
        for name in reversed(self._ended):
            cycle = self._cycles[name]
            if cycle.completed_at is None or cycle.completed_at < since:
                return
            yield cycle

    # Inside

    def _put_cycle(self, cycle: Cycle) -> None:
        self._cycles[cycle.id] = cycle
        self._cycle_of_intent[cycle.intent_id] = cycle.id
        now, before = (self._ended, self._open) if cycle.is_ended else (self._open, self._ended)
        before.pop(cycle.id, None)
        now[cycle.id] = None

    def _ask_for_exit(self, cycle_id: str, reason: str, intent_id: str) -> None:
        cycle = self._cycles[cycle_id]
        if not cycle.exit_reason and not cycle.is_ended:
            self._put_cycle(replace(cycle, exit_reason=reason, exit_intent_id=intent_id))

    def _add_order(self, order: Order) -> None:
        if order.client_order_id in self._orders:
            return
        self._by_intent.setdefault(order.intent_id, []).append(order.client_order_id)
        if order.cycle_id is not None:
            self._by_cycle.setdefault(order.cycle_id, []).append(order.client_order_id)
        newest = self._newest_order.get(order.symbol, order.created_at)
        self._newest_order[order.symbol] = max(newest, order.created_at)
        self._put_order(order)

    def _put_order(self, order: Order) -> None:
        self._orders[order.client_order_id] = order
        if order.exchange_order_id is not None:
            self._by_exchange_id[order.symbol, order.exchange_order_id] = order.client_order_id
        if order.is_done and order.executed_quantity <= self._booked(order):
            self._live.pop(order.client_order_id, None)
        else:
            self._live[order.client_order_id] = None

    def _add_fill(self, fill: Fill, order: Order) -> None:
        self._fills[fill.symbol, fill.trade_id] = fill
        self._by_order.setdefault(order.client_order_id, []).append(fill)
        self._tell(EXECUTION, self._execution(fill, order))

    def _execution(self, fill: Fill, order: Order) -> ExecutionEvent:
        own = order.purpose.value.upper()
        strategy = self._cycles[order.cycle_id].strategy if order.cycle_id is not None else own
        return execution(fill, order, strategy=strategy, demo=self._demo)

    def _reported(self, report: ExchangeOrder) -> Order | None:
        known = self._by_exchange_id.get((report.symbol, report.order_id))
        if known is not None:
            return self._orders[known]
        named = self._orders.get(report.client_order_id)
        return named if named is not None and named.exchange_order_id is None else None

    def _booked(self, order: Order) -> Decimal:
        return sum((fill.quantity for fill in self._by_order.get(order.client_order_id, ())), ZERO)

    def _fresh(self, fills: Sequence[Fill]) -> list[Fill]:
        fresh: dict[int, Fill] = {}
        for fill in fills:
            if (fill.symbol, fill.trade_id) not in self._fills:
                fresh.setdefault(fill.trade_id, fill)
        return list(fresh.values())

    def _tell(self, topic: Topic[M], message: M) -> None:
        self._told += 1
        message_id = getattr(message, "message_id", "")
        self._outbox[self._told] = OutboxMessage(self._told, topic.name, message_id, topic.encode(message))
        self._outbox_changed.set()


def _by_age(order: Order) -> tuple[datetime, str]:
    return order.created_at, order.client_order_id


def _ended_trade(cycle: Cycle) -> EndedTrade:
    assert cycle.completed_at is not None, "a completed cycle has an end"
    return EndedTrade(cycle.symbol, cycle.completed_at, (cycle.profit_loss_percent or ZERO) / 100, cycle.exit_reason)
