"""Entries in several orders, as the REST API takes and shows them."""

from __future__ import annotations

from typing import Any

from core.positions.model import CycleState
from shared.src.config import Settings
from shared.src.domain.execution import ExecutionChoice
from shared.src.domain.money import ZERO
from shared.src.domain.orders import OrderType, Side
from shared.src.domain.plain import plain
from trader.src.adapters.rows import plan_document
from trader.src.api.models import ManualOrder


def execution_of(request: ManualOrder, settings: Settings) -> ExecutionChoice:
    """How an order by hand is executed: what it does not measure follows the settings."""
    return settings.execution_choice(
        request.execution,
        seconds=request.execution_s,
        slices=request.slices,
        percent=request.participation_percent,
    )


def plan_answer(view: CycleState) -> dict[str, Any]:
    """The entry as a whole: its plan, and how far it is."""
    cycle, entries = view.cycle, view.of(Side.BUY)
    assert cycle.plan is not None, "asked of an entry in several orders only"
    executed = sum((order.executed_quantity for order in entries), ZERO)
    spent = sum((order.executed_quote for order in entries), ZERO)
    shown = {
        "intent_id": cycle.intent_id,
        "cycle_id": cycle.id,
        "symbol": cycle.symbol,
        "side": Side.BUY.value,
        "type": OrderType.MARKET.value,
        "status": cycle.status.value,
        "entering": cycle.entering,
        "quantity": cycle.plan.quantity,
        "executed_quantity": executed,
        "executed_price": round(spent / executed, 12) if executed else None,
        "execution": plan_document(cycle.plan),
        "orders": [order.client_order_id for order in entries],
        "managed_by": cycle.managed_by.value,
        "pocket": cycle.pocket,
        "created_at": cycle.created_at,
    }
    answer: dict[str, Any] = plain(shown)
    return answer
