"""What the trader says on the bus, made from what it wrote down."""

from __future__ import annotations

from datetime import datetime

from pydantic import ValidationError

from core.positions.model import Cycle, Fill, Order
from shared.src.contracts.orders import ExecutionEvent, OrderFailed, OrderIntent
from shared.src.contracts.portfolio import CycleUpdated
from shared.src.domain.errors import ContractError
from shared.src.domain.ids import derived_id
from shared.src.domain.orders import LiquidityRole, Side


def execution(fill: Fill, order: Order, *, strategy: str, demo: bool) -> ExecutionEvent:
    """The message that tells of a fill.

    Raises:
        ContractError: the fill has values that no message may have, such as a price of zero.
    """
    try:
        return _execution(fill, order, strategy=strategy, demo=demo)
    except ValidationError as error:
        raise ContractError(f"fill {fill.execution_id}: {error.errors()[0]['msg']}") from error


def _execution(fill: Fill, order: Order, *, strategy: str, demo: bool) -> ExecutionEvent:
    return ExecutionEvent(
        message_id=fill.execution_id,
        occurred_at=fill.at,
        correlation_id=order.correlation_id,
        execution_id=fill.execution_id,
        order_id=str(order.exchange_order_id or ""),
        client_order_id=order.client_order_id,
        trade_id=fill.trade_id,
        intent_id=order.intent_id,
        cycle_id=order.cycle_id or "",
        symbol=fill.symbol,
        side=fill.side,
        price=fill.price,
        quantity=fill.quantity,
        quote_quantity=fill.quote_quantity,
        fee=fill.fee,
        fee_asset=fill.fee_asset,
        role=LiquidityRole.MAKER if fill.is_maker else LiquidityRole.TAKER,
        purpose=order.purpose.value,
        strategy=strategy,
        demo=demo,
    )


def cycle_updated(cycle: Cycle, at: datetime) -> CycleUpdated:
    facts = (cycle.id, cycle.status, cycle.quantity, cycle.exit_quantity, cycle.stop_price, cycle.exit_reason, at)
    return CycleUpdated(
        message_id=derived_id("cu", *facts),
        occurred_at=at,
        correlation_id=cycle.correlation_id,
        cycle_id=cycle.id,
        intent_id=cycle.intent_id,
        symbol=cycle.symbol,
        strategy=cycle.strategy,
        side=Side.BUY,
        status=cycle.status,
        quantity=cycle.quantity,
        entry_price=cycle.entry_price,
        exit_price=cycle.exit_price,
        stop_price=cycle.stop_price,
        take_profit_price=cycle.take_profit_price,
        profit_loss=cycle.profit_loss,
        profit_loss_percent=cycle.profit_loss_percent,
        reason=cycle.exit_reason,
    )


def failed_intent(intent: OrderIntent, reason: str, at: datetime, code: int | None = None) -> OrderFailed:
    return OrderFailed(
        message_id=f"of-{intent.message_id}",
        occurred_at=at,
        correlation_id=intent.correlation_id,
        intent_id=intent.message_id,
        symbol=intent.symbol,
        side=intent.side,
        reason=reason,
        code=code,
    )


def failed_cycle(cycle: Cycle, reason: str, at: datetime, code: int | None = None) -> OrderFailed:
    """The entry of a cycle came to nothing: what was reserved for it is free again."""
    return OrderFailed(
        message_id=f"of-{cycle.intent_id}",
        occurred_at=at,
        correlation_id=cycle.correlation_id,
        intent_id=cycle.intent_id,
        symbol=cycle.symbol,
        side=Side.BUY,
        reason=reason or "the entry ended without a fill",
        code=code,
    )
