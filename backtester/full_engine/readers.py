"""What one service reads of another one's tables by SQL, read of its store in memory here.

Each class stands for a query: services never import each other, so what joins two of them lies above both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import assert_never

from coordinator.src.ports import DecisionStore
from core.capital.leases import IntentState
from core.capital.ledger import Execution
from core.capital.pockets import Reservation, ReservationRefused, ReservationStatus, Reserved
from core.positions.model import PROTECTION, Cycle, Purpose
from core.risk.account import AccountView, OpenCycle, OutsideBuy, PendingEntry, assets_of, rates_of
from core.risk.funding import Denied, Granted
from core.risk.halts import reasons
from core.statistics.results import CycleResult
from portfolio.src.adapters.memory_capital import MemoryCapital
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.fills import execution_of
from portfolio.src.ports import AssetPrices
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus, Side
from trader.src.adapters.memory_store import MemoryStore

NO_ENTRY = PROTECTION | {Purpose.EXIT}  # purposes whose orders hold no quote funds


class StoredTrades:
    """Implements ``portfolio.src.ports.TradesReader`` on the trader's store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store
        self._executions: list[Execution] = []

    async def executions(self, since: datetime) -> Sequence[Execution]:
        known = self._known()
        first = len(known)
        while first and known[first - 1].occurred_at >= since:
            first -= 1
        return sorted(known[first:], key=lambda each: (each.occurred_at, each.trade_id))

    async def execution_count(self) -> int:
        return len(self._known())

    def _known(self) -> list[Execution]:
        new = self._store.executions(len(self._executions))
        self._executions += [execution_of(event) for event in new]
        return self._executions

    async def intent(self, intent_id: str) -> IntentState:
        orders = self._store.orders_of(intent_id)
        entries = [order for order in orders if order.purpose not in NO_ENTRY]
        executions = [execution_of(event) for event in self._store.executions_of(intent_id)]
        cycle = self._store.cycle_of(intent_id)
        return IntentState(
            orders=len(entries),
            open_orders=sum(not order.is_done for order in entries) + bool(cycle and cycle.entering),
            executions=tuple(executions),
            cycle_status=cycle.status if cycle else None,
        )

    async def open_intents(self) -> Sequence[str]:
        return [cycle.intent_id for cycle in await self._store.open_cycles()]

    async def followed_since(self) -> Mapping[str, int]:
        return {symbol: cursor.begins_after for symbol, cursor in (await self._store.trade_cursors()).items()}

    async def unresolved_orders(self) -> int:
        return sum(order.is_unresolved for order in await self._store.live_orders())

    async def completed(self, since: datetime) -> Sequence[CycleResult]:
        ended = [cycle for cycle in self._store.ended_since(since) if cycle.status is CycleStatus.COMPLETED]
        return [_result(cycle) for cycle in reversed(ended)]


def _result(cycle: Cycle) -> CycleResult:
    assert cycle.completed_at is not None, "a completed cycle has an end"
    bought = cycle.quantity * (cycle.entry_price or ZERO)
    sold = cycle.exit_quantity * (cycle.exit_price or ZERO)
    return CycleResult(
        strategy=cycle.strategy,
        symbol=cycle.symbol,
        completed_at=cycle.completed_at,
        profit_loss=cycle.profit_loss or ZERO,
        fees=cycle.fees,
        volume=bought + sold,
        cycle_id=cycle.id,
    )


NONE = timedelta(0)


class StoredAccount:
    """Implements ``coordinator.src.ports.AccountReader`` on the trader's and the portfolio's stores."""

    def __init__(
        self,
        trades: MemoryStore,
        capital: MemoryCapital,
        decisions: DecisionStore,
        prices: AssetPrices,
        *,
        quote_asset: str,
        history: timedelta = NONE,
    ) -> None:
        """``history``: how far back ended trades are asked for."""
        self._history = history
        self._trades = trades
        self._capital = capital
        self._decisions = decisions
        self._prices = prices
        self._quote = quote_asset

    async def view(self, now: datetime, quotes: Collection[str]) -> AccountView:
        cycles = [self._cycle(cycle) for cycle in await self._trades.open_cycles()]
        outside = await self._outside()
        pauses = await self._trades.pauses()
        pockets = self._capital.pockets
        mark = await self._trades.loss_mark()
        foreign = sorted(
            {*quotes, *(cycle.quote for cycle in cycles), *(order.quote for order in outside)} - {self._quote, ""}
        )
        return AccountView.of(
            now=now,
            quote=self._quote,
            capital=sum((pocket.total for pocket in pockets), ZERO),
            cycles=cycles,
            pending=await self._pending(),
            pockets=pockets,
            pauses=reasons(pauses, halts=False),
            halts=reasons(pauses, halts=True),
            losses=mark.losses(now) if mark is not None else None,
            rates=await self._rates(foreign),
            outside=outside,
            fees=self._trades.fees,
            ended=await self._trades.ended_trades(now - self._history) if self._history else (),
        )

    def _cycle(self, cycle: Cycle) -> OpenCycle:
        orders = self._trades.orders_of(cycle.intent_id)
        return OpenCycle.of(cycle, [order for order in orders if order.side is Side.BUY], self._quote)

    async def _outside(self) -> list[OutsideBuy]:
        live = await self._trades.live_orders()
        bought = [order for order in live if order.cycle_id is None and order.side is Side.BUY and not order.is_done]
        return [OutsideBuy.of(order, self._quote) for order in bought]

    async def _pending(self) -> list[PendingEntry]:
        pending = []
        for lease in self._active_leases():
            decision = await self._decisions.one(lease.intent_id)
            if decision is not None and decision["approved"] and self._trades.cycle_of(lease.intent_id) is None:
                base, _ = assets_of(decision["symbol"], self._quote)
                strategy = decision["intent"]["strategy"]
                pending.append(PendingEntry(lease.intent_id, decision["symbol"], base, lease.amount, strategy))
        return pending

    def _active_leases(self) -> list[Reservation]:
        return [lease for lease in self._capital.open_leases if lease.status is ReservationStatus.ACTIVE]

    async def _rates(self, assets: Sequence[str]) -> dict[str, Decimal]:
        if not assets:
            return {}
        prices = await self._prices.of_assets(assets)
        return rates_of(assets, self._quote, prices)


class PortfolioFunds:
    """Implements ``coordinator.src.ports.FundsClient``: the portfolio's own handler, without HTTP between."""

    def __init__(self, books: Bookkeeper) -> None:
        self._books = books

    async def reserve(self, wanted: Sequence[ReservationRequest], *, ttl_s: float) -> Sequence[Granted | Denied]:
        return [_answer(answer) for answer in await self._books.reserve(wanted, ttl_s=ttl_s)]


def _answer(answer: Reserved | ReservationRefused) -> Granted | Denied:
    match answer:
        case Reserved(lease):
            return Granted(lease.amount)
        case ReservationRefused(reason):
            return Denied(reason)
        case _:
            assert_never(answer)
