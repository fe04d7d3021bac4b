"""Carries cycles forward: asks ``core.positions`` for the next step, does it, until there is nothing to do.

To the decisions this adds reading and writing rows, the calls to the exchange, and when a cycle is looked at.

One worker per cycle at a time; whatever happens to a cycle only wakes its worker, which reads the database. What
fails in a way that may pass is tried again later; a step that repeats waits longer each time.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import assert_never

from core.execution.next_order import BuyMore, StopBuying
from core.positions.cycle_facts import finished, refreshed, reopened
from core.positions.cycle_steps import (
    Cancel,
    Collect,
    CycleRules,
    EnterAgain,
    ExitStep,
    Finish,
    GiveUpProtection,
    LookUp,
    MoveStop,
    Protect,
    Reopen,
    ReplaceBySale,
    ReplaceByStop,
    Resolve,
    Sell,
    Step,
    Unsellable,
    Wait,
)
from core.positions.dust import leaves_an_order
from core.positions.exits import bid_of, last_price
from core.positions.model import CycleState, Order, Purpose
from core.positions.protection import Protection
from core.positions.repeats import is_repeatable
from core.positions.rules import PositionRules
from core.positions.standing import covered, standing_exits
from core.positions.unprotected_time import Sight
from shared.src.domain.clock import Clock
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.orders import CycleStatus, OrderStatus, Side
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from shared.src.retry import Backoff
from trader.src.execution import metrics
from trader.src.execution.entry_orders import EntryOrders
from trader.src.execution.exit_orders import ExitOrders
from trader.src.execution.fee_watch import FeeWatch
from trader.src.execution.market_volume import MarketVolume
from trader.src.execution.messages import failed_cycle
from trader.src.execution.quarantine import Quarantine
from trader.src.execution.unprotected_time import UnprotectedTime
from trader.src.order_manager import OrderManager
from trader.src.ports import Exchange, Prices, Store
from trader.src.risk_manager import RiskManager

logger = logging.getLogger(__name__)

STEPS_MAX = 16
RETRY = Backoff(first_s=0.1, max_s=30.0)
# While nobody knows what became of an order nothing else can be done.
ASK_AGAIN = Backoff(first_s=0.1, max_s=2.0)


class CycleManager:
    """``wake`` wakes a cycle's worker; ``due`` says which cycles asked to be woken later."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        store: Store,
        orders: OrderManager,
        risk: RiskManager,
        prices: Prices,
        clock: Clock,
        rules: PositionRules,
        quarantine: Quarantine,
        volume: MarketVolume,
        fees: FeeWatch,
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._orders = orders
        self._prices = prices
        self._clock = clock
        self._rules = rules
        self._quarantine = quarantine
        self._fees = fees
        self._steps = CycleRules(rules.entry_age_max, rules.stops)
        self._exits = ExitOrders(exchange=exchange, store=store, orders=orders, clock=clock, rules=rules)
        self._entries = EntryOrders(store=store, orders=orders, risk=risk, clock=clock, volume=volume)
        self._unprotected = UnprotectedTime(clock)
        self._wanted: set[str] = set()
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._unsent: dict[str, tuple[Order, Protection | None]] = {}
        self._retries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._due_changed = asyncio.Event()
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Waking

    def enter(self, cycle_id: str, entry: Order, exits: Protection | None = None) -> None:
        """Send the entry of a cycle whose row is committed, with the exits that it brings along."""
        self._unsent[cycle_id] = entry, exits
        self.wake(cycle_id)

    def wake(self, cycle_id: str) -> None:
        """Something happened to the cycle."""
        self._wanted.add(cycle_id)
        if cycle_id not in self._workers:
            worker = asyncio.create_task(self._work(cycle_id), name=f"cycle-{cycle_id}")
            self._workers[cycle_id] = worker
            worker.add_done_callback(lambda done: self._worked(cycle_id, done))

    async def look_again(self, orders: Sequence[Order]) -> None:
        """Ask the exchange for orders of which the stream told nothing new; what has changed wakes their cycle."""
        for order in orders:
            if await self._orders.refresh(order) and order.cycle_id is not None:
                self.wake(order.cycle_id)

    async def wake_sold_by_hand(self, order: Order) -> None:
        """The operator sold: every open position may have its part of that."""
        if order.purpose is Purpose.EXTERNAL and order.side is Side.SELL:
            for cycle in await self._store.open_cycles():
                self.wake(cycle.id)

    def note_fill(self, cycle_id: str) -> None:
        """An entry of the cycle was filled just now: it is unprotected from here on."""
        self._unprotected.start(cycle_id)

    def due(self) -> list[str]:
        """Cycles whose time to be woken has come."""
        now = self._clock.monotonic()
        ready = [cycle_id for cycle_id, at in self._due.items() if at <= now]
        for cycle_id in ready:
            del self._due[cycle_id]
        return ready

    async def wait_for_due(self, seconds_max: float) -> None:
        """Return when the time of a cycle has come, or after ``seconds_max``."""
        while True:
            self._due_changed.clear()
            left_s = min(self._due.values(), default=float("inf")) - self._clock.monotonic()
            if left_s <= 0:
                return
            try:
                async with asyncio.timeout(min(seconds_max, left_s)):
                    await self._due_changed.wait()
            except TimeoutError:
                return

    def wake_due(self) -> None:
        """Wake the cycles whose time has come."""
        for cycle_id in self.due():
            self.wake(cycle_id)

    async def idle(self) -> None:
        """Wait until no worker is at work."""
        while self._workers:
            await asyncio.wait(self._workers.values())
            await asyncio.sleep(0)

    async def stop(self) -> None:
        """Stop between two steps. A library may swallow one cancellation, so it is repeated."""
        self._wanted.clear()
        while self._workers:
            for task in list(self._workers.values()):
                task.cancel()
            await asyncio.wait(list(self._workers.values()), timeout=1)
            await asyncio.sleep(0)

    async def _work(self, cycle_id: str) -> None:
        try:
            while cycle_id in self._wanted:
                self._wanted.discard(cycle_id)
                async with self._quarantine.guarded("cycle", cycle_id) as attempt:
                    await self._once(cycle_id)
                if attempt.failed:
                    await self._later(cycle_id)
        except (TransientError, OutcomeUnknownError) as error:
            logger.warning("cycle waits", extra={"cycle_id": cycle_id, "reason": str(error)})
            await self._later(cycle_id)

    def _worked(self, cycle_id: str, worker: asyncio.Task[None]) -> None:
        """A worker is through. What nobody foresaw ends the service."""
        del self._workers[cycle_id]
        if worker.cancelled():
            return
        error = worker.exception()
        if error is None:
            if cycle_id in self._wanted:
                self.wake(cycle_id)
        elif not self.failure.done():
            self.failure.set_exception(error)

    async def _once(self, cycle_id: str) -> None:
        unsent = self._unsent.pop(cycle_id, None)
        if unsent is not None:
            entry, exits = unsent
            with metrics.ORDER_S.time():
                status = await (
                    self._orders.submit(entry) if exits is None else self._orders.submit_entry_list(entry, exits)
                )
            metrics.ORDERS.labels(entry.purpose.value, status.value).inc()
            if status in {OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED}:
                self.note_fill(cycle_id)
        await self.advance(cycle_id)

    async def _later(self, cycle_id: str, backoff: Backoff = RETRY) -> None:
        """Try again after a while; while the exchange refuses every call, right when that ends."""
        blocked_s = await self._exchange.blocked_s()
        if blocked_s > 0:
            self._wake_in(cycle_id, blocked_s)
            return
        failures = self._retries[cycle_id] = self._retries.get(cycle_id, 0) + 1
        self._wake_in(cycle_id, backoff.after(failures))

    def _wake_in(self, cycle_id: str, seconds: float) -> None:
        self._due[cycle_id] = self._clock.monotonic() + seconds
        self._due_changed.set()

    # Stepping

    async def advance(self, cycle_id: str) -> None:
        """Do what the cycle needs until it needs nothing now."""
        await self._exits.measure(cycle_id)
        for _ in range(STEPS_MAX):
            read_at = self._clock.monotonic()
            view = await self._store.view(cycle_id)
            rules = await self._exchange.rules(view.cycle.symbol)
            market = await self._market(view.cycle.symbol)
            price = _price(view, market)
            steps = self._steps.costing(self._fees.of(view.cycle.symbol).round_trip)
            if steps.takes_gain(view, rules, price):
                market = await self._asked_market(view.cycle.symbol)
                price = _price(view, market)
            now = await self._entries.market(view, market)
            step = steps.next_step(view, rules, price, self._clock.now(), market=now)
            if isinstance(step, Finish):
                if leaves_an_order(view, rules) and await self._exchange.current_rules(view.cycle.symbol) != rules:
                    continue  # what no order took by the rules of before may be sold by those of now
                await self._finish(view, rules, step, read_at)
                return
            await self._save_progress(view, rules, price, read_at)
            if isinstance(step, Wait):
                self._wait(cycle_id, step)
                return
            if isinstance(step, ExitStep) and await self._is_blocked(cycle_id):
                return
            if not await self._carry_out(step, view, rules, market):
                await self._later(cycle_id, ASK_AGAIN if isinstance(step, Resolve | LookUp) else RETRY)
                return
        logger.warning("cycle is busy", extra={"cycle_id": cycle_id})
        await self._later(cycle_id)

    def _wait(self, cycle_id: str, step: Wait) -> None:
        self._retries.pop(cycle_id, None)
        if step.until is not None:
            seconds = (step.until - self._clock.now()).total_seconds() / self._clock.speed
            self._wake_in(cycle_id, seconds)

    async def _is_blocked(self, cycle_id: str) -> bool:
        """While the exchange refuses every call nothing is written down or sent; right after that it is tried again."""
        blocked_s = await self._exchange.blocked_s()
        if blocked_s <= 0:
            return False
        self._wake_in(cycle_id, blocked_s)
        logger.warning("exit waits for the exchange", extra={"cycle_id": cycle_id, "for_s": round(blocked_s, 1)})
        return True

    async def _market(self, symbol: str) -> BookTicker | None:
        """The best bid and ask now; None while nobody knows them."""
        try:
            return await self._prices.ticker(symbol)
        except (TransientError, RejectedError):
            return None

    async def _asked_market(self, symbol: str) -> BookTicker | None:
        """The same as the exchange has it: what was told may be from before a fill, which the market jumped to."""
        try:
            return await self._exchange.ticker(symbol)
        except (TransientError, RejectedError):
            return None

    async def _save_progress(self, view: CycleState, rules: SymbolRules, price: Decimal, read_at: float) -> None:
        exposed = self._steps.is_exposed(view, rules, price)
        protected = not exposed and bool(covered(standing_exits(view)))
        cycle = refreshed(view, rules, self._clock.now())
        cycle = self._unprotected.measured(Sight(cycle, view.fills, read_at, exposed, protected))
        if cycle != view.cycle:
            await self._store.save_cycle(cycle)

    async def _carry_out(self, step: Step, view: CycleState, rules: SymbolRules, market: BookTicker | None) -> bool:
        """Do a step; False when the next one should wait."""
        match step:
            case Resolve(order):
                return await self._resolve(view, order)
            case LookUp(order):
                return await self._orders.refresh(order)
            case Collect(order):
                return await self._orders.collect(order)
            case Cancel(order):
                return await self._orders.cancel(order)
            case EnterAgain(lost):
                return await self._entries.again(view, lost, rules)
            case BuyMore():
                return await self._entries.more(view, step, rules)
            case Protect() | ReplaceByStop() | Sell() | ReplaceBySale():
                return await self._exits.place(view, step, rules, market)
            case GiveUpProtection() | MoveStop() | Unsellable() | Reopen() | StopBuying():
                return await self._write_down(step, view)
            case Wait() | Finish():
                return True
            case _:
                assert_never(step)

    async def _write_down(
        self, step: GiveUpProtection | MoveStop | Unsellable | Reopen | StopBuying, view: CycleState
    ) -> bool:
        """What changes the cycle alone; its orders follow from that."""
        match step:
            case GiveUpProtection(reason):
                await self._give_up(view, reason)
            case MoveStop(price):
                await self._store.move_levels(view.cycle.id, stop_price=price)
            case Unsellable(reason):
                return await self._exits.hold(view, reason)
            case StopBuying(reason):
                logger.info("entry is over", extra={"cycle_id": view.cycle.id, "reason": reason})
                await self._store.save_cycle(replace(view.cycle, entering=False))
            case Reopen(reason):
                await self._store.save_cycle(reopened(view.cycle, reason))
            case _:
                assert_never(step)
        return True

    async def _give_up(self, view: CycleState, reason: str) -> None:
        """The position must be sold. The next one in the symbol would end the same way: none until somebody looks."""
        symbol = view.cycle.symbol
        logger.error(
            "no protection, entries paused", extra={"cycle_id": view.cycle.id, "symbol": symbol, "why": reason}
        )
        if all(pause.scope != symbol for pause in await self._store.pauses()):
            await self._store.pause(symbol, f"{reason} (lift with /config/resume)", self._clock.now())
        await self._store.request_exit(view.cycle.id, reason)

    async def _finish(self, view: CycleState, rules: SymbolRules, step: Finish, read_at: float) -> None:
        cycle = finished(view, rules, step, self._clock.now())
        cycle = self._unprotected.measured(Sight(cycle, view.fills, read_at, exposed=False, protected=False))
        entry = next(iter(view.of(Side.BUY)), None)
        failed = None
        if step.status is not CycleStatus.COMPLETED:
            failed = failed_cycle(cycle, step.reason, self._clock.now(), entry.reject_code if entry else None)
        await self._store.save_cycle(cycle, failed)
        self._retries.pop(cycle.id, None)
        self._due.pop(cycle.id, None)
        metrics.CYCLES_ENDED.labels(step.status.value, _label(step.reason)).inc()
        logger.info(
            "cycle ended",
            extra={
                "cycle_id": cycle.id,
                "symbol": cycle.symbol,
                "status": step.status.value,
                "reason": step.reason,
                "profit_loss": str(cycle.profit_loss),
            },
        )

    async def _resolve(self, view: CycleState, order: Order) -> bool:
        """What became of an order; where it was to replace others, what became of them is to be asked too.

        While nobody knows what became of a protection, it is sent again.
        """
        is_known = await self._orders.resolve(order)
        for standing in standing_exits(view) if is_known or is_repeatable(order) else ():
            for leg in standing.legs:
                await self._orders.refresh(leg)
        return is_known or (is_repeatable(order) and await self._exits.repeat(view.cycle.id, order))


def _price(view: CycleState, market: BookTicker | None) -> Decimal:
    """What the position could be sold at; where nobody bids, the price of its last fill."""
    bid = bid_of(market)
    return bid if bid is not None else last_price(view)


def _label(reason: str) -> str:
    """Reasons as metric labels: the short words only."""
    return reason if reason.isidentifier() else "other"
