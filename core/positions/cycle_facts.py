"""What follows from the orders and fills of a cycle, as its row says it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.execution.slippage import BIPS_STEP, Executed, execution_of
from core.positions.cycle_steps import Finish
from core.positions.model import Cycle, CycleState
from core.positions.position import Position
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus, Side
from shared.src.exchange.rules import SymbolRules

PRICE_STEP = Decimal("1e-12")  # as the columns have
PERCENT_STEP = Decimal("1e-8")


def holding(view: CycleState, rules: SymbolRules) -> Decimal:
    """Base units that the cycle owns."""
    return Position.of(view.fills, rules.base).held


def refreshed(view: CycleState, rules: SymbolRules, now: datetime) -> Cycle:
    """The cycle with everything that follows from its orders and fills."""
    position = Position.of(view.fills, rules.base)
    cycle = view.cycle
    entries, exits = view.of(Side.BUY), [order for order in view.of(Side.SELL) if order.executed_quantity]
    started = min((fill.at for fill in view.fills), default=None)
    return replace(
        cycle,
        status=cycle.status if cycle.is_ended else _status(view, position),
        entry_order_id=entries[0].client_order_id if entries else cycle.entry_order_id,
        exit_order_id=exits[-1].client_order_id if exits else cycle.exit_order_id,
        entry_price=_rounded(position.entry_price),
        exit_price=_rounded(position.exit_price),
        quantity=position.bought,
        exit_quantity=position.sold,
        fees=position.fees,
        opened_at=cycle.opened_at or (min(now, started) if started else None),
        **_slippage("entry", _entry_execution(view)),
        **_slippage("exit", execution_of(view.orders, Side.SELL)),
    )


def _entry_execution(view: CycleState) -> Executed | None:
    """An entry that is bought in several orders is measured against the market before the first of them."""
    executed, plan = execution_of(view.orders, Side.BUY), view.cycle.plan
    if executed is None or plan is None:
        return executed
    return replace(executed, benchmark=executed.quantity * plan.arrival.middle)


def _slippage(name: str, execution: Executed | None) -> dict[str, Any]:
    if execution is None:
        return {}
    return {
        f"{name}_benchmark": _rounded(execution.benchmark / execution.quantity),
        f"{name}_slippage_bips": execution.slippage_bips.quantize(BIPS_STEP),
    }


def finished(view: CycleState, rules: SymbolRules, step: Finish, now: datetime) -> Cycle:
    """The cycle at its end: result, dust, reason."""
    position = Position.of(view.fills, rules.base)
    done = replace(
        refreshed(view, rules, now),
        status=step.status,
        exit_reason=step.reason,
        completed_at=now,
        dust=max(ZERO, position.held),
        entering=False,
    )
    if step.status is not CycleStatus.COMPLETED:
        return done
    return replace(
        done,
        profit_loss=_rounded(position.profit_loss),
        profit_loss_percent=position.profit_loss_percent.quantize(PERCENT_STEP),
    )


def reopened(cycle: Cycle, reason: str) -> Cycle:
    """An ended cycle that a late fill gave something to sell, on its way out."""
    return replace(cycle, status=CycleStatus.ACTIVE_BUY, completed_at=None, exit_reason=reason)


def _status(view: CycleState, position: Position) -> CycleStatus:
    if not position.bought:
        rests = any(order.is_open for order in view.of(Side.BUY))
        return CycleStatus.WAITING_BUY if rests else CycleStatus.INITIATING
    if position.sold:
        return CycleStatus.ACTIVE_SELL
    return CycleStatus.WAITING_SELL if view.cycle.exit_reason else CycleStatus.ACTIVE_BUY


def _rounded(amount: Decimal | None) -> Decimal | None:
    return None if amount is None else amount.quantize(PRICE_STEP)
