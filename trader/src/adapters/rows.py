"""Rows of PostgreSQL as the trader's values, and back."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import orjson

from core.execution.arrival import Arrival
from core.execution.plan import EntryPlan
from core.execution.slippage import benchmark_of
from core.positions.model import Cycle, Fill, HandSale, Order, Purpose
from shared.src.domain.execution import ExecutionMethod
from shared.src.domain.money import ZERO, wire
from shared.src.domain.orders import CycleStatus, ManagedBy, OrderStatus, OrderType, Side

ORDER_COLUMNS = (
    "client_order_id",
    "intent_id",
    "cycle_id",
    "attempt",
    "purpose",
    "order_list_id",
    "exchange_order_id",
    "symbol",
    "side",
    "type",
    "sent_type",
    "time_in_force",
    "quantity",
    "price",
    "stop_price",
    "executed_quantity",
    "executed_quote",
    "status",
    "reject_code",
    "reason",
    "correlation_id",
    "cancel_asked",
    "arrival_price",
    "arrival_touch",
    "benchmark",
    "demo",
    "created_at",
    "sent_at",
    "updated_at",
)
CYCLE_COLUMNS = (
    "id",
    "intent_id",
    "symbol",
    "strategy",
    "status",
    "side",
    "entry_order_id",
    "exit_order_id",
    "entry_price",
    "exit_price",
    "quantity",
    "exit_quantity",
    "dust",
    "stop_price",
    "take_profit_price",
    "trailing_delta",
    "fees",
    "profit_loss",
    "profit_loss_percent",
    "exit_reason",
    "protected_at",
    "unprotected_s",
    "confirmed",
    "demo",
    "opened_at",
    "created_at",
    "updated_at",
    "completed_at",
    "correlation_id",
    "consensus_id",
    "pocket",
    "reference_price",
    "reserved",
    "resting",
    "levels_at",
    "sell_at_most",
    "dust_cost_max",
    "exit_intent_id",
    "managed_by",
    "decided_at",
    "entry_canceled",
    "expires_at",
    "entry_benchmark",
    "exit_benchmark",
    "entry_slippage_bips",
    "exit_slippage_bips",
    "plan",
    "entering",
)
FILL_COLUMNS = (
    "id",
    "order_id",
    "client_order_id",
    "trade_id",
    "cycle_id",
    "symbol",
    "side",
    "status",
    "price",
    "quantity",
    "quote_quantity",
    "fee",
    "fee_asset",
    "role",
    "purpose",
    "strategy",
    "demo",
    "metadata",
    "timestamp",
)

DOCUMENTS = frozenset({"metadata", "plan"})
# What is cancelled goes with the order list it belongs to.
MARK_CANCEL = """
UPDATE orders SET cancel_asked = TRUE
WHERE client_order_id = :id OR (order_list_id = CAST(:pair AS bigint) AND symbol = :symbol)
"""


def insert(table: str, columns: tuple[str, ...], conflict: str = "") -> str:
    """An INSERT with a named parameter for each column."""
    values = ", ".join(f"CAST(:{name} AS jsonb)" if name in DOCUMENTS else f":{name}" for name in columns)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) {conflict}"


def plan_document(plan: EntryPlan) -> dict[str, Any]:
    """A plan as its column and the API have it; amounts as text."""
    return {
        "method": plan.method.value,
        "quantity": wire(plan.quantity),
        "price_max": wire(plan.price_max),
        "arrival_price": wire(plan.arrival.middle),
        "arrival_touch": wire(plan.arrival.touch),
        "seconds": plan.seconds,
        "slices": plan.slices,
        "share": None if plan.share is None else wire(plan.share),
    }


def plan_of(document: Mapping[str, Any]) -> EntryPlan:
    return EntryPlan(
        method=ExecutionMethod(document["method"]),
        quantity=Decimal(document["quantity"]),
        price_max=Decimal(document["price_max"]),
        arrival=Arrival(Decimal(document["arrival_price"]), Decimal(document["arrival_touch"])),
        seconds=document["seconds"],
        slices=document["slices"],
        share=None if document["share"] is None else Decimal(document["share"]),
    )


def order_of(row: Mapping[str, Any]) -> Order:
    return Order(
        client_order_id=row["client_order_id"],
        intent_id=row["intent_id"],
        cycle_id=row["cycle_id"],
        attempt=row["attempt"],
        purpose=Purpose(row["purpose"]),
        symbol=row["symbol"],
        side=Side(row["side"]),
        type=OrderType(row["sent_type"] or row["type"]),
        asked=None if row["sent_type"] is None else OrderType(row["type"]),
        quantity=row["quantity"],
        created_at=row["created_at"],
        status=OrderStatus(row["status"]),
        time_in_force=row["time_in_force"],
        price=row["price"],
        stop_price=row["stop_price"],
        executed_quantity=row["executed_quantity"],
        executed_quote=row["executed_quote"],
        order_list_id=row["order_list_id"],
        exchange_order_id=row["exchange_order_id"],
        reject_code=row["reject_code"],
        reason=row["reason"],
        correlation_id=row["correlation_id"],
        cancel_asked=row["cancel_asked"],
        arrival=None if row["arrival_price"] is None else Arrival(row["arrival_price"], row["arrival_touch"]),
    )


def order_parameters(order: Order, *, demo: bool, now: Any) -> dict[str, Any]:
    own = {"arrival_price", "arrival_touch", "benchmark", "demo", "sent_at", "sent_type", "updated_at"}
    arrival = order.arrival
    return {name: getattr(order, name) for name in ORDER_COLUMNS if name not in own} | {
        "arrival_price": None if arrival is None else arrival.middle,
        "arrival_touch": None if arrival is None else arrival.touch,
        "benchmark": benchmark_of(order),
        "demo": demo,
        "purpose": order.purpose.value,
        "side": order.side.value,
        "type": order.asked_type.value,
        "sent_type": None if order.asked is None else order.type.value,
        "status": order.status.value,
        # an order is sent right after its row is committed
        "sent_at": order.created_at,
        "updated_at": now,
    }


def cycle_of(row: Mapping[str, Any]) -> Cycle:
    return Cycle(
        id=row["id"],
        intent_id=row["intent_id"] or "",
        symbol=row["symbol"],
        strategy=row["strategy"],
        status=CycleStatus(row["status"]),
        created_at=row["created_at"],
        stop_price=row["stop_price"],
        take_profit_price=row["take_profit_price"],
        trailing_delta=None if row["trailing_delta"] is None else int(row["trailing_delta"]),
        entry_order_id=row["entry_order_id"],
        exit_order_id=row["exit_order_id"],
        entry_price=row["entry_price"],
        exit_price=row["exit_price"],
        quantity=row["quantity"],
        exit_quantity=row["exit_quantity"],
        dust=row["dust"],
        min_price=row["min_price"],
        max_price=row["max_price"],
        fees=row["fees"],
        profit_loss=row["profit_loss"],
        profit_loss_percent=row["profit_loss_percent"],
        exit_reason=row["exit_reason"],
        exit_intent_id=row["exit_intent_id"],
        protected_at=row["protected_at"],
        unprotected_s=row["unprotected_s"],
        opened_at=row["opened_at"],
        completed_at=row["completed_at"],
        correlation_id=row["correlation_id"],
        consensus_id=row["consensus_id"],
        pocket=row["pocket"],
        reference_price=row["reference_price"],
        reserved=row["reserved"],
        resting=row["resting"],
        levels_at=row["levels_at"],
        sell_at_most=row["sell_at_most"],
        dust_cost_max=row["dust_cost_max"],
        managed_by=ManagedBy(row["managed_by"]),
        decided_at=row["decided_at"],
        entry_canceled=row["entry_canceled"],
        expires_at=row["expires_at"],
        entry_benchmark=row["entry_benchmark"],
        exit_benchmark=row["exit_benchmark"],
        entry_slippage_bips=row["entry_slippage_bips"],
        exit_slippage_bips=row["exit_slippage_bips"],
        hand_sales=tuple(_hand_sale_of(item) for item in row["hand_sales"]),
        plan=None if row["plan"] is None else plan_of(row["plan"]),
        entering=row["entering"],
    )


def _hand_sale_of(item: Mapping[str, str]) -> HandSale:
    amounts = (Decimal(item[name]) for name in ("skipped", "quantity", "rate"))
    return HandSale(item["client_order_id"], *amounts)


def hand_sale_json(sale: HandSale) -> str:
    amounts = {"skipped": sale.skipped, "quantity": sale.quantity, "rate": sale.rate}
    facts = {"client_order_id": sale.client_order_id} | {name: str(amount) for name, amount in amounts.items()}
    return orjson.dumps(facts).decode()


def cycle_parameters(cycle: Cycle, *, demo: bool, now: Any) -> dict[str, Any]:
    own = {"side", "confirmed", "demo", "updated_at", "status", "plan"}
    return {name: getattr(cycle, name) for name in CYCLE_COLUMNS if name not in own} | {
        "status": cycle.status.value,
        "managed_by": cycle.managed_by.value,
        "plan": None if cycle.plan is None else orjson.dumps(plan_document(cycle.plan)).decode(),
        "side": Side.BUY.value,
        "confirmed": cycle.quantity > 0,
        "demo": demo,
        "updated_at": now,
    }


def fill_of_row(row: Mapping[str, Any]) -> Fill:
    return Fill(
        symbol=row["symbol"],
        trade_id=row["trade_id"],
        client_order_id=row["client_order_id"],
        side=Side(row["side"]),
        price=row["price"],
        quantity=row["quantity"],
        quote_quantity=row["quote_quantity"],
        fee=row["fee"],
        fee_asset=row["fee_asset"],
        fee_quote=Decimal(row["metadata"].get("fee_quote", ZERO)),
        is_maker=row["role"] == "maker",
        at=row["timestamp"],
    )


def fill_parameters(fill: Fill, order: Order, *, strategy: str, demo: bool) -> dict[str, Any]:
    return {
        "id": fill.execution_id,
        "order_id": str(order.exchange_order_id or ""),
        "client_order_id": order.client_order_id,
        "trade_id": fill.trade_id,
        "cycle_id": order.cycle_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "status": "FILLED",
        "price": fill.price,
        "quantity": fill.quantity,
        "quote_quantity": fill.quote_quantity,
        "fee": fill.fee,
        "fee_asset": fill.fee_asset,
        "role": "maker" if fill.is_maker else "taker",
        "purpose": order.purpose.value,
        "strategy": strategy,
        "demo": demo,
        "metadata": orjson.dumps({"fee_quote": format(fill.fee_quote, "f")}).decode(),
        "timestamp": fill.at,
    }
