"""What a trader wrote, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.capital.leases import IntentState
from core.capital.ledger import Execution
from core.statistics.results import CycleResult
from portfolio.src.fills import execution_of
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import ExecutionEvent
from shared.src.domain.money import ZERO
from shared.src.domain.orders import ENDED, TERMINAL, UNRESOLVED, CycleStatus, OrderStatus, Side
from tests.behaviour.portfolio.world import fill_event

PROTECTIONS = ("stop_loss", "take_profit", "exit")


@dataclass(frozen=True)
class _Order:
    intent_id: str
    status: OrderStatus
    purpose: str


@dataclass
class MemoryTrader:
    """Writes as the trader would, and is what the portfolio reads: ``portfolio.src.ports.TradesReader``."""

    clock: ManualClock
    cycles: dict[str, CycleStatus] = field(default_factory=dict)  # by intent
    orders: dict[str, _Order] = field(default_factory=dict)
    fills: list[ExecutionEvent] = field(default_factory=list)
    results: list[CycleResult] = field(default_factory=list)
    begins_after: dict[str, int] = field(default_factory=dict)

    async def cycle(
        self,
        intent_id: str,
        status: str = "active_buy",
        *,
        profit: str | None = None,
        at: datetime | None = None,
        strategy: str = "test",
        symbol: str = "BTCUSDC",
    ) -> str:
        self.cycles[intent_id] = CycleStatus(status)
        if profit is not None:
            ended = at or self.clock.now()
            result = CycleResult(strategy, symbol, ended, Decimal(profit), ZERO, Decimal(210), f"cy-{intent_id}")
            self.results.append(result)
        return f"cy-{intent_id}"

    async def order(
        self, intent_id: str, status: str, *, side: str = "BUY", purpose: str = "entry", cycle_id: str | None = None
    ) -> str:
        client_order_id = f"rt-{intent_id}-{purpose}"
        self.orders[client_order_id] = _Order(intent_id, OrderStatus(status), purpose)
        return client_order_id

    async def fill(self, intent_id: str, trade_id: int, **values: Any) -> ExecutionEvent:
        event = fill_event(intent_id, trade_id, self.clock.now(), **values)
        self.fills.append(event)
        return event

    async def entry(self, intent_id: str, trade_id: int, *, status: str = "FILLED", **values: Any) -> ExecutionEvent:
        cycle_id = await self.cycle(intent_id)
        await self.order(intent_id, status, cycle_id=cycle_id)
        return await self.fill(intent_id, trade_id, **values)

    async def follow(self, symbol: str, begins_after: int) -> None:
        self.begins_after[symbol] = begins_after

    # Read

    async def followed_since(self) -> Mapping[str, int]:
        return dict(self.begins_after)

    async def executions(self, since: datetime) -> Sequence[Execution]:
        wanted = [fill for fill in self.fills if fill.occurred_at >= since]
        return [execution_of(fill) for fill in sorted(wanted, key=lambda fill: (fill.occurred_at, fill.trade_id))]

    async def execution_count(self) -> int:
        return len(self.fills)

    async def intent(self, intent_id: str) -> IntentState:
        mine = {name: order for name, order in self.orders.items() if order.intent_id == intent_id}
        entries = [order for order in mine.values() if order.purpose not in PROTECTIONS]
        bought = [fill for fill in self.fills if fill.side is Side.BUY and fill.client_order_id in mine]
        sold = [fill for fill in self.fills if fill.side is Side.SELL and fill.cycle_id == f"cy-{intent_id}"]
        return IntentState(
            orders=len(entries),
            open_orders=sum(order.status not in TERMINAL for order in entries),
            executions=tuple(execution_of(fill) for fill in (*bought, *sold)),
            cycle_status=self.cycles.get(intent_id),
        )

    async def open_intents(self) -> Sequence[str]:
        return [intent_id for intent_id, status in self.cycles.items() if status not in ENDED]

    async def completed(self, since: datetime) -> Sequence[CycleResult]:
        return sorted((each for each in self.results if each.completed_at >= since), key=lambda each: each.completed_at)

    async def unresolved_orders(self) -> int:
        return sum(order.status in UNRESOLVED for order in self.orders.values())
