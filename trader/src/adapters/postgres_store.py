"""The trader's store in PostgreSQL. Every method is one transaction; messages are committed with what they tell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from core.positions.lifecycle import merged
from core.positions.model import Cycle, CycleState, Fill, HandSale, Order
from core.risk.fees import FeeModel
from core.risk.halts import Cause, Pause
from core.risk.loss import LossMark
from core.risk.protections import EndedTrade
from shared.src.contracts.orders import OrderFailed, OrderIntent
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED, ORDER_INTENT
from shared.src.database import Database, DatabaseConnection
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, InvariantError
from shared.src.exchange.models import ExchangeOrder, OddRow
from shared.src.sql import ENDED_CYCLES, ENDED_TRADES, LIVE_ORDERS, UNRESOLVED_ORDERS, text
from trader.src.adapters.halt_statements import MARK, MARK_COLUMNS, PAUSE, PAUSES, RESUME, SAVE_FEES, SAVE_MARK
from trader.src.adapters.postgres_outbox import PostgresOutbox
from trader.src.adapters.postgres_quarantine import PostgresQuarantine
from trader.src.adapters.postgres_trades import RECENT, PostgresTrades, add_hand_sales, whole_view
from trader.src.adapters.rows import (
    CYCLE_COLUMNS,
    FILL_COLUMNS,
    MARK_CANCEL,
    ORDER_COLUMNS,
    cycle_of,
    cycle_parameters,
    fill_of_row,
    fill_parameters,
    insert,
    order_of,
    order_parameters,
)
from trader.src.execution.messages import cycle_updated, execution
from trader.src.ports import ApprovedEntry, Booked, OutboxMessage, RiskFacts, SetAside

M = TypeVar("M", bound=BaseModel)
Confirm = Callable[[DatabaseConnection], Awaitable[None]]

OPEN = f"status NOT IN {ENDED_CYCLES}"
LIVE = f"status IN {LIVE_ORDERS}"
BOOKED = "(SELECT coalesce(sum(e.quantity), 0) FROM trade_executions e WHERE e.client_order_id = o.client_order_id)"
SAVE_CYCLE = """
UPDATE trade_cycles SET status = :status, entry_order_id = :entry_order_id, exit_order_id = :exit_order_id,
    entry_price = :entry_price, exit_price = :exit_price, quantity = :quantity, exit_quantity = :exit_quantity,
    dust = :dust, fees = :fees,
    stop_price = CASE WHEN levels_at IS NULL THEN :stop_price ELSE stop_price END,
    take_profit_price = CASE WHEN levels_at IS NULL THEN :take_profit_price ELSE take_profit_price END,
    profit_loss = :profit_loss, profit_loss_percent = :profit_loss_percent,
    exit_reason = CASE WHEN :exit_reason <> '' THEN :exit_reason ELSE exit_reason END,
    protected_at = :protected_at, unprotected_s = :unprotected_s, confirmed = :confirmed,
    entering = entering AND :entering, entry_benchmark = :entry_benchmark, exit_benchmark = :exit_benchmark,
    entry_slippage_bips = :entry_slippage_bips, exit_slippage_bips = :exit_slippage_bips,
    levels_at = :levels_at, sell_at_most = :sell_at_most, opened_at = :opened_at, completed_at = :completed_at,
    updated_at = :updated_at
WHERE id = :id
"""
MOVE_LEVELS = f"""
UPDATE trade_cycles SET stop_price = coalesce(:stop, stop_price),
    take_profit_price = coalesce(:target, take_profit_price), updated_at = :now
WHERE id = :id AND {OPEN} RETURNING *
"""
ORDERS_OF_CYCLE = "SELECT * FROM orders WHERE cycle_id = :id ORDER BY created_at, attempt, client_order_id"
FILLS_OF_CYCLE = "SELECT * FROM trade_executions WHERE cycle_id = :id ORDER BY trade_id"
REQUEST_EXIT = f"""
UPDATE trade_cycles SET exit_reason = :reason, exit_intent_id = :intent, updated_at = :now
WHERE id = ANY(:ids) AND exit_reason = '' AND {OPEN}
"""
CANCEL_ENTRY = "UPDATE trade_cycles SET entry_canceled = TRUE, updated_at = :now WHERE id = :id"
NOT_TAKEN = """
FROM decisions d WHERE d.approved AND d.decided_at > CASE WHEN d.kind = 'exit' THEN :exits_since ELSE :since END
    AND NOT EXISTS (SELECT 1 FROM trade_intents t WHERE t.intent_id = d.intent_id)
"""
PENDING = f"SELECT d.intent_id, d.intent {NOT_TAKEN} ORDER BY d.decided_at"
APPROVED = f"""
SELECT d.intent_id, d.symbol, d.intent ->> 'strategy' AS strategy, d.intent ->> 'reserved' AS reserved
{NOT_TAKEN} AND d.kind = 'entry' ORDER BY d.decided_at, d.intent_id
"""
ENTRIES = f"""
(SELECT o.* FROM trade_cycles c JOIN orders o ON o.cycle_id = c.id
 WHERE c.{OPEN} AND o.side = 'BUY' AND (o.executed_quantity > 0 OR o.{LIVE})
 ORDER BY c.created_at, c.id, o.created_at, o.client_order_id)
UNION ALL
(SELECT o.* FROM orders o WHERE o.cycle_id IS NULL AND o.side = 'BUY' AND o.{LIVE}
 ORDER BY o.created_at, o.client_order_id)
"""


RESULTS = """
SELECT symbol, coalesce(sum(profit_loss), 0) AS result FROM trade_cycles
WHERE status = 'completed' AND completed_at >= :since AND id <> ALL(:open) GROUP BY symbol ORDER BY symbol
"""


class PostgresStore(PostgresTrades):
    """Implements ``trader.src.ports.Store``.

    ``confirm``: asked in every transaction that takes an intent or adds orders; raises LeaseLostError when another
    trader acts by now.
    """

    def __init__(self, database: Database, clock: Clock, *, demo: bool, confirm: Confirm | None = None) -> None:
        super().__init__(database, clock)
        self._confirm = confirm
        self._demo = demo
        self._outbox = PostgresOutbox(database)
        self._quarantine = PostgresQuarantine(database)

    # Intents

    async def refuse(self, failed: OrderFailed) -> bool:
        async with self._outbox.transaction() as connection:
            if not await self._handled(connection, failed.intent_id, accepted=False, reason=failed.reason):
                return False
            await self._outbox.add(connection, ORDER_FAILED, failed)
            return True

    async def open_cycle(self, cycle: Cycle, entry: Order | None, exits: Sequence[Order] = ()) -> bool:
        async with self._outbox.transaction() as connection:
            if not await self._handled(connection, cycle.intent_id, accepted=True, reason=""):
                return False
            now = self._clock.now()
            parameters = cycle_parameters(cycle, demo=self._demo, now=now)
            await connection.execute(text(insert("trade_cycles", CYCLE_COLUMNS)), parameters)
            await self._insert_orders(connection, [*([] if entry is None else [entry]), *exits])
            await self._outbox.add(connection, CYCLE_UPDATED, cycle_updated(cycle, now))
            return True

    async def accept(self, intent_id: str, orders: Sequence[Order] = (), *, reason: str = "") -> bool:
        async with self._database.begin() as connection:
            if not await self._handled(connection, intent_id, accepted=True, reason=reason):
                return False
            await self._insert_orders(connection, orders)
            return True

    async def accept_exit(self, intent_id: str, cycle_ids: Sequence[str]) -> bool:
        async with self._database.begin() as connection:
            reason = f"exit of {len(cycle_ids)} position(s)"
            if not await self._handled(connection, intent_id, accepted=True, reason=reason):
                return False
            await self._request_exit(connection, cycle_ids, "signal", intent_id)
            return True

    async def _handled(self, connection: DatabaseConnection, intent_id: str, *, accepted: bool, reason: str) -> bool:
        await self._fenced(connection)
        result = await connection.execute(
            text(
                "INSERT INTO trade_intents (intent_id, accepted, reason, handled_at) "
                "VALUES (:id, :accepted, :reason, :now) ON CONFLICT DO NOTHING"
            ),
            {"id": intent_id, "accepted": accepted, "reason": reason, "now": self._clock.now()},
        )
        return result.rowcount == 1

    async def _fenced(self, connection: DatabaseConnection) -> None:
        if self._confirm is not None:
            await self._confirm(connection)

    async def pending_intents(self, since: datetime, *, exits_since: datetime | None = None) -> list[OrderIntent]:
        async with self._database.autocommit() as connection:
            parameters = {"since": since, "exits_since": exits_since or since}
            rows = (await connection.execute(text(PENDING), parameters)).all()
        intents = []
        for row in rows:
            raw = orjson.dumps(row.intent)
            try:
                intents.append(ORDER_INTENT.decode(raw))
            except ContractError as error:
                odd = OddRow("decision", row.intent_id, str(error), content=raw.decode())
                await self.set_aside(odd, self._clock.now())
        return intents

    # Orders and fills

    async def add_orders(self, orders: Sequence[Order]) -> None:
        async with self._database.begin() as connection:
            await self._fenced(connection)
            await self._insert_orders(connection, orders)

    async def _insert_orders(self, connection: DatabaseConnection, orders: Sequence[Order]) -> int:
        """Write those that are not there yet; how many that were."""
        if not orders:
            return 0
        now = self._clock.now()
        statement = text(insert("orders", ORDER_COLUMNS, "ON CONFLICT DO NOTHING"))
        rows = [order_parameters(order, demo=self._demo, now=now) for order in orders]
        return (await connection.execute(statement, rows)).rowcount

    async def adopt(self, order: Order, sales: Mapping[str, HandSale]) -> bool:
        async with self._database.begin() as connection:
            await self._fenced(connection)
            if not await self._insert_orders(connection, [order]):
                return False
            await add_hand_sales(connection, sales)
            return True

    async def book(self, report: ExchangeOrder, fills: Sequence[Fill]) -> Booked | None:
        async with self._outbox.transaction() as connection:
            order = await _reported(connection, report, lock="FOR UPDATE")
            if order is None:
                return None
            after = merged(order, report)
            if after != order:
                await self._update_order(connection, after)
            fresh = await self._insert_fills(connection, after, fills)
            return Booked(after, tuple(fresh), changed=after != order or bool(fresh))

    async def reported(self, report: ExchangeOrder) -> Order | None:
        async with self._database.autocommit() as connection:
            return await _reported(connection, report)

    async def _update_order(self, connection: DatabaseConnection, order: Order) -> None:
        await connection.execute(
            text(
                "UPDATE orders SET status = :status, quantity = :quantity, executed_quantity = :executed_quantity, "
                "executed_quote = :executed_quote, exchange_order_id = :exchange_order_id, "
                "order_list_id = :order_list_id, reject_code = :reject_code, reason = :reason, "
                "updated_at = :updated_at WHERE client_order_id = :client_order_id"
            ),
            order_parameters(order, demo=self._demo, now=self._clock.now()),
        )

    async def _insert_fills(self, connection: DatabaseConnection, order: Order, fills: Sequence[Fill]) -> list[Fill]:
        if not fills:
            return []
        strategy = await self._strategy(connection, order)
        statement = text(insert("trade_executions", FILL_COLUMNS, "ON CONFLICT DO NOTHING"))
        fresh = []
        for fill in fills:
            result = await connection.execute(
                statement, fill_parameters(fill, order, strategy=strategy, demo=self._demo)
            )
            if result.rowcount == 1:
                fresh.append(fill)
                await self._outbox.add(
                    connection, EXECUTION, execution(fill, order, strategy=strategy, demo=self._demo)
                )
        await self._check_booked(connection, order)
        return fresh

    async def _check_booked(self, connection: DatabaseConnection, order: Order) -> None:
        """Fills may run ahead of the order's own report, never beyond its quantity."""
        booked = await connection.execute(
            text("SELECT sum(quantity) FROM trade_executions WHERE client_order_id = :id"),
            {"id": order.client_order_id},
        )
        total: Decimal = booked.scalar_one() or Decimal(0)
        if total > order.quantity:
            raise InvariantError(f"{order.client_order_id}: {total} filled of {order.quantity}")

    async def _strategy(self, connection: DatabaseConnection, order: Order) -> str:
        if order.cycle_id is None:
            return order.purpose.value.upper()
        row = await connection.execute(text("SELECT strategy FROM trade_cycles WHERE id = :id"), {"id": order.cycle_id})
        return str(row.scalar_one())

    async def mark_cancel(self, order: Order) -> None:
        async with self._database.autocommit() as connection:
            parameters = {"id": order.client_order_id, "pair": order.order_list_id, "symbol": order.symbol}
            await connection.execute(text(MARK_CANCEL), parameters)

    async def settle(self, order: Order) -> None:
        async with self._database.autocommit() as connection:
            # an answer that came another way in the meantime is truer than our own conclusion
            await connection.execute(
                text(
                    "UPDATE orders SET status = :status, reject_code = :reject_code, reason = :reason, "
                    f"updated_at = :now WHERE client_order_id = :id AND status IN {UNRESOLVED_ORDERS}"
                ),
                {
                    "status": order.status.value,
                    "reject_code": order.reject_code,
                    "reason": order.reason,
                    "now": self._clock.now(),
                    "id": order.client_order_id,
                },
            )

    async def order(self, client_order_id: str) -> Order | None:
        return await self._one_order("client_order_id = :id", {"id": client_order_id})

    async def order_by_exchange_id(self, symbol: str, exchange_order_id: int) -> Order | None:
        return await self._one_order(
            "symbol = :symbol AND exchange_order_id = :id", {"symbol": symbol, "id": exchange_order_id}
        )

    async def _one_order(self, where: str, parameters: dict[str, Any]) -> Order | None:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(f"SELECT * FROM orders WHERE {where}"), parameters)
            row = rows.mappings().one_or_none()
            return None if row is None else order_of(row)

    async def live_orders(self) -> list[Order]:
        query = f"SELECT * FROM orders o WHERE {LIVE} OR (o.updated_at > :since AND o.executed_quantity > {BOOKED})"
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(query), {"since": self._clock.now() - RECENT})
            return [order_of(row) for row in rows.mappings()]

    # Cycles

    async def request_exit(self, cycle_id: str, reason: str) -> None:
        async with self._database.autocommit() as connection:
            await self._request_exit(connection, [cycle_id], reason, "")

    async def _request_exit(
        self, connection: DatabaseConnection, cycle_ids: Sequence[str], reason: str, intent_id: str
    ) -> None:
        parameters = {"ids": list(cycle_ids), "reason": reason, "intent": intent_id, "now": self._clock.now()}
        await connection.execute(text(REQUEST_EXIT), parameters)

    async def cancel_entry(self, cycle_id: str) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(text(CANCEL_ENTRY), {"id": cycle_id, "now": self._clock.now()})

    async def save_cycle(self, cycle: Cycle, failed: OrderFailed | None = None) -> None:
        async with self._outbox.transaction() as connection:
            now = self._clock.now()
            await connection.execute(text(SAVE_CYCLE), cycle_parameters(cycle, demo=self._demo, now=now))
            await self._outbox.add(connection, CYCLE_UPDATED, cycle_updated(cycle, now))
            if failed is not None:
                await self._outbox.add(connection, ORDER_FAILED, failed)

    async def move_levels(
        self, cycle_id: str, *, stop_price: Decimal | None = None, take_profit_price: Decimal | None = None
    ) -> None:
        async with self._outbox.transaction() as connection:
            now = self._clock.now()
            parameters = {"id": cycle_id, "stop": stop_price, "target": take_profit_price, "now": now}
            rows = await connection.execute(text(MOVE_LEVELS), parameters)
            row = rows.mappings().one_or_none()
            if row is not None:
                await self._outbox.add(connection, CYCLE_UPDATED, cycle_updated(cycle_of(row), now))

    async def note_prices(self, symbol: str, price: Decimal) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(
                text(
                    "UPDATE trade_cycles SET min_price = LEAST(coalesce(min_price, :price), :price), "
                    "max_price = GREATEST(coalesce(max_price, :price), :price) "
                    f"WHERE symbol = :symbol AND opened_at IS NOT NULL AND {OPEN}"
                ),
                {"symbol": symbol, "price": price},
            )

    async def cycle(self, cycle_id: str) -> Cycle | None:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text("SELECT * FROM trade_cycles WHERE id = :id"), {"id": cycle_id})
            row = rows.mappings().one_or_none()
            return None if row is None else cycle_of(row)

    async def view(self, cycle_id: str) -> CycleState:
        async with self._database.autocommit() as connection:
            parameters = {"id": cycle_id}
            cycle = await connection.execute(text("SELECT * FROM trade_cycles WHERE id = :id"), parameters)
            orders = await connection.execute(text(ORDERS_OF_CYCLE), parameters)
            fills = await connection.execute(text(FILLS_OF_CYCLE), parameters)
            view = CycleState(
                cycle=cycle_of(cycle.mappings().one()),
                orders=tuple(order_of(row) for row in orders.mappings()),
                fills=tuple(fill_of_row(row) for row in fills.mappings()),
            )
            return await whole_view(connection, view) if view.cycle.hand_sales else view

    async def open_cycles(self) -> list[Cycle]:
        async with self._database.autocommit() as connection:
            return await _open_cycles(connection)

    # Limits and pauses

    async def risk_facts(self, results_since: datetime, *, approved_since: datetime) -> RiskFacts:
        async with self._database.autocommit() as connection:
            cycles = await _open_cycles(connection)
            return RiskFacts(
                cycles=tuple(cycles),
                entries=tuple(await _entries(connection)),
                approved=tuple(await _approved(connection, approved_since)),
                pauses=tuple(await _pauses(connection, self._clock.now())),
                results=await _results(connection, results_since, cycles),
            )

    async def ended_trades(self, since: datetime) -> list[EndedTrade]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(text(ENDED_TRADES), {"since": since})
            return [EndedTrade(*row) for row in rows]

    async def loss_mark(self) -> LossMark | None:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(text(f"SELECT {MARK} FROM loss_mark"))).one_or_none()
            return None if row is None else LossMark(*row)

    async def save_loss_mark(self, mark: LossMark) -> None:
        async with self._database.begin() as connection:
            await connection.execute(text(SAVE_MARK), {name: getattr(mark, name) for name in MARK_COLUMNS})

    async def save_fees(self, symbol: str, fees: FeeModel, at: datetime) -> None:
        async with self._database.autocommit() as connection:
            parameters = {"symbol": symbol, "maker": fees.maker, "taker": fees.taker, "at": at}
            await connection.execute(text(SAVE_FEES), parameters)

    async def pauses(self) -> list[Pause]:
        async with self._database.autocommit() as connection:
            return await _pauses(connection, self._clock.now())

    async def pause(
        self, scope: str, reason: str, since: datetime, *, cause: Cause = Cause.HAND, until: datetime | None = None
    ) -> None:
        parameters = {
            "scope": scope,
            "reason": reason,
            "since": since,
            "cause": cause.value,
            "until": until,
            "now": self._clock.now(),
        }
        async with self._database.begin() as connection:
            await connection.execute(text(PAUSE), parameters)

    async def resume(self, scope: str) -> bool:
        async with self._database.begin() as connection:
            result = await connection.execute(text(RESUME), {"scope": scope, "now": self._clock.now()})
            return result.rowcount > 0

    # What cannot be handled

    async def set_aside(self, row: OddRow, at: datetime) -> None:
        await self._quarantine.set_aside(row, at)

    async def release(self, source: str, key: str, at: datetime) -> None:
        await self._quarantine.release(source, key, at)

    async def quarantined(self, limit: int = 1000) -> list[SetAside]:
        return await self._quarantine.newest(limit)

    # Messages

    async def outbox(self, limit: int) -> list[OutboxMessage]:
        return await self._outbox.oldest(limit)

    async def sent(self, messages: Sequence[OutboxMessage]) -> None:
        await self._outbox.remove(messages)

    async def wait_for_outbox(self, timeout_s: float) -> None:
        await self._outbox.wait(timeout_s)


async def _open_cycles(connection: DatabaseConnection) -> list[Cycle]:
    query = f"SELECT * FROM trade_cycles WHERE {OPEN} ORDER BY created_at, id"
    rows = await connection.execute(text(query))
    return [cycle_of(row) for row in rows.mappings()]


async def _entries(connection: DatabaseConnection) -> list[Order]:
    """Orders that bought or may still buy for open cycles, then those that may still buy for none."""
    rows = await connection.execute(text(ENTRIES))
    return [order_of(row) for row in rows.mappings()]


async def _approved(connection: DatabaseConnection, since: datetime) -> list[ApprovedEntry]:
    rows = await connection.execute(text(APPROVED), {"since": since, "exits_since": since})
    return [ApprovedEntry(row.intent_id, row.symbol, row.strategy, Decimal(row.reserved)) for row in rows]


async def _results(connection: DatabaseConnection, since: datetime, still_open: list[Cycle]) -> dict[str, Decimal]:
    """Results of cycles that ended; one that ended since ``still_open`` was read counts once, as open."""
    rows = await connection.execute(text(RESULTS), {"since": since, "open": [cycle.id for cycle in still_open]})
    return {row.symbol: row.result for row in rows}


async def _pauses(connection: DatabaseConnection, now: datetime) -> list[Pause]:
    rows = await connection.execute(text(PAUSES), {"now": now})
    return [Pause(row.scope, row.reason, row.since, Cause(row.cause), row.until) for row in rows]


async def _reported(connection: DatabaseConnection, report: ExchangeOrder, *, lock: str = "") -> Order | None:
    """As ``Store.reported`` says."""
    rows = await connection.execute(
        text(
            "SELECT * FROM orders WHERE (symbol = :symbol AND exchange_order_id = :id)"
            " OR (client_order_id = :client AND exchange_order_id IS NULL)"
            f" ORDER BY exchange_order_id = :id DESC NULLS LAST LIMIT 1 {lock}"
        ),
        {"symbol": report.symbol, "id": report.order_id, "client": report.client_order_id},
    )
    row = rows.mappings().one_or_none()
    return None if row is None else order_of(row)
