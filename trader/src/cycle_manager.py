"""Carries cycles forward: asks CycleRules for the next step, does it, until there is nothing to do.

One worker per cycle at a time; whatever happens to a cycle only wakes its worker, which reads the database. What
fails in a way that may pass is tried again later; a step that repeats waits longer each time.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import assert_never

from core.positions.cycle_steps import (
    Cancel,
    Collect,
    CycleRules,
    EnterAgain,
    Finish,
    GiveUpProtection,
    Protect,
    Reopen,
    Resolve,
    Sell,
    Shape,
    Step,
    Wait,
)
from core.positions.model import Cycle, CycleState, Order, Purpose
from core.positions.protection import levels, stop_prices, take_profit_price, trailing_delta
from core.risk.limits import ALL
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.ids import client_order_id
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from shared.src.exchange.rules import SymbolRules
from trader.src.execution import metrics
from trader.src.execution.messages import failed_cycle
from trader.src.execution.unprotected_time import Exposure
from trader.src.order_manager import NEW_ORDER_REJECTED, OrderManager
from trader.src.ports import Exchange, Prices, Store
from trader.src.risk_manager import DIFFERENCE

logger = logging.getLogger(__name__)

STEPS_MAX = 16
RETRY_S = 0.5
RETRY_S_MAX = 30.0


class CycleManager:
    """``wake`` wakes a cycle's worker; ``due`` says which cycles asked to be woken later."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        store: Store,
        orders: OrderManager,
        prices: Prices,
        clock: Clock,
        settings: Settings,
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._orders = orders
        self._prices = prices
        self._clock = clock
        self._settings = settings
        self._rules = CycleRules(timedelta(seconds=settings.signal_max_age_s))
        self._exposure = Exposure(clock)
        self._wanted: set[str] = set()
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._unsent: dict[str, Order] = {}
        self._retries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # Waking

    def enter(self, cycle_id: str, entry: Order) -> None:
        """Send the entry of a cycle whose row is committed."""
        self._unsent[cycle_id] = entry
        self.wake(cycle_id)

    def wake(self, cycle_id: str) -> None:
        """Something happened to the cycle."""
        self._wanted.add(cycle_id)
        if cycle_id not in self._workers:
            worker = asyncio.create_task(self._work(cycle_id), name=f"cycle-{cycle_id}")
            self._workers[cycle_id] = worker
            worker.add_done_callback(lambda done: self._worked(cycle_id, done))

    def note_fill(self, cycle_id: str) -> None:
        """An entry of the cycle was filled just now: its exposure starts."""
        self._exposure.start(cycle_id)

    def due(self) -> list[str]:
        """Cycles whose time to be woken has come."""
        now = self._clock.monotonic()
        ready = [cycle_id for cycle_id, at in self._due.items() if at <= now]
        for cycle_id in ready:
            del self._due[cycle_id]
        return ready

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
                await self._once(cycle_id)
        except (TransientError, OutcomeUnknownError, ContractError, RejectedError) as error:
            logger.warning("cycle waits", extra={"cycle_id": cycle_id, "reason": str(error)})
            self._later(cycle_id)

    def _worked(self, cycle_id: str, worker: asyncio.Task[None]) -> None:
        """A worker is through. What it may not survive, such as a broken money rule, ends the service."""
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
        entry = self._unsent.pop(cycle_id, None)
        if entry is not None:
            with metrics.ORDER_S.time():
                status = await self._orders.submit(entry)
            metrics.ORDERS.labels(entry.purpose.value, status.value).inc()
            if status in {OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED}:
                self.note_fill(cycle_id)
        await self.advance(cycle_id)

    def _later(self, cycle_id: str) -> None:
        count = self._retries.get(cycle_id, 0)
        self._retries[cycle_id] = count + 1
        self._due[cycle_id] = self._clock.monotonic() + min(RETRY_S * 2**count, RETRY_S_MAX)

    # Stepping

    async def advance(self, cycle_id: str) -> None:
        """Do what the cycle needs until it needs nothing now."""
        for _ in range(STEPS_MAX):
            read_at = self._clock.monotonic()
            view = await self._store.view(cycle_id)
            rules = await self._exchange.rules(view.cycle.symbol)
            price = await self._price(view)
            step = self._rules.next_step(view, rules, price, self._clock.now())
            if isinstance(step, Finish):
                await self._finish(view, rules, step, read_at)
                return
            await self._save_progress(view, rules, price, read_at)
            if isinstance(step, Wait):
                self._retries.pop(cycle_id, None)
                return
            if not await self._carry_out(step, view, rules, price):
                self._later(cycle_id)
                return
        logger.warning("cycle is busy", extra={"cycle_id": cycle_id})
        self._later(cycle_id)

    async def _price(self, view: CycleState) -> Decimal:
        """What the position would bring now; its own entry price when nobody knows better."""
        try:
            return (await self._prices.ticker(view.cycle.symbol)).bid
        except (TransientError, RejectedError):
            known = [order.price for order in view.orders if order.price] + [fill.price for fill in view.fills]
            if not known:
                raise
            return known[-1]

    async def _save_progress(self, view: CycleState, rules: SymbolRules, price: Decimal, read_at: float) -> None:
        cycle = self._rules.refreshed(view, rules, self._clock.now())
        exposed = self._rules.is_exposed(view, rules, price)
        protected = any(order.is_open and order.is_protection for order in view.orders)
        cycle = self._exposure.measured(cycle, read_at=read_at, exposed=exposed, protected=protected, fills=view.fills)
        if cycle != view.cycle:
            await self._store.save_cycle(cycle)

    async def _carry_out(self, step: Step, view: CycleState, rules: SymbolRules, price: Decimal) -> bool:
        """Do a step; False when the next one should wait."""
        match step:
            case Resolve(order):
                return await self._orders.resolve(order)
            case Collect(order):
                return await self._orders.collect(order)
            case Cancel(order):
                return await self._orders.cancel(order)
            case EnterAgain(lost):
                return await self._enter_again(view, lost, price)
            case Protect():
                return await self._protect(view, step, rules, price)
            case Sell(quantity):
                return await self._sell(view, quantity)
            case GiveUpProtection(reason):
                logger.warning("no protection", extra={"cycle_id": view.cycle.id, "reason": reason})
                await self._store.request_exit(view.cycle.id, reason)
                return True
            case Reopen(reason):
                reopened = replace(view.cycle, status=CycleStatus.ACTIVE_BUY, completed_at=None, exit_reason=reason)
                await self._store.save_cycle(reopened)
                return True
            case Wait() | Finish():
                return True
            case _:
                assert_never(step)

    async def _finish(self, view: CycleState, rules: SymbolRules, step: Finish, read_at: float) -> None:
        cycle = self._rules.finished(view, rules, step, self._clock.now())
        cycle = self._exposure.measured(cycle, read_at=read_at, exposed=False, protected=False, fills=view.fills)
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

    async def _enter_again(self, view: CycleState, lost: Order, price: Decimal) -> bool:
        """Send the entry under a new id, unless the price left the decision in the meantime."""
        reference = view.cycle.reference_price or price
        if 100 * abs(price - reference) / reference > self._settings.max_price_drift_percent:
            await self._store.request_exit(view.cycle.id, "the price left before the entry was sent")
            return True
        attempt = lost.attempt + 1
        order = replace(
            lost,
            client_order_id=client_order_id(view.cycle.intent_id, "entry", attempt),
            attempt=attempt,
            status=OrderStatus.INTENT,
            reason="",
            created_at=self._clock.now(),
        )
        await self._store.add_orders([order])
        status = await self._orders.submit(order)
        metrics.ORDERS.labels(order.purpose.value, status.value).inc()
        return await self._is_definite(order, status)

    # Selling

    async def _sell(self, view: CycleState, quantity: Decimal) -> bool:
        order = self._order(view, Purpose.EXIT, OrderType.MARKET, quantity)
        await self._store.add_orders([order])
        status = await self._orders.submit(order)
        metrics.ORDERS.labels(order.purpose.value, status.value).inc()
        if status is not OrderStatus.REJECTED:
            return True
        return await self._after_refused_sale(view, order)

    async def _after_refused_sale(self, view: CycleState, order: Order) -> bool:
        refused = await self._store.order(order.client_order_id)
        if refused is not None and refused.reject_code == NEW_ORDER_REJECTED and "insufficient" in refused.reason:
            rules = await self._exchange.rules(order.symbol)
            free = (await self._exchange.account()).free(rules.base)
            needed = self._rules.holding(view, rules)
            reason = f"{DIFFERENCE}: the exchange has {free} {rules.base} free, cycle {view.cycle.id} needs {needed}"
            logger.error("unexplained difference, new entries halted", extra={"reason": reason})
            await self._store.pause(ALL, reason, self._clock.now())
            await self._store.save_cycle(replace(view.cycle, sell_at_most=free))
        return False

    async def _protect(self, view: CycleState, step: Protect, rules: SymbolRules, price: Decimal) -> bool:
        cycle = await self._with_levels(view, rules)
        if cycle.stop_price is None or cycle.take_profit_price is None:
            return False
        if price <= cycle.stop_price or price >= cycle.take_profit_price:
            # The exchange would refuse these orders: the price is beyond them already.
            reason = Purpose.STOP_LOSS if price <= cycle.stop_price else Purpose.TAKE_PROFIT
            await self._store.request_exit(cycle.id, reason.value)
            return True
        stop = self._stop(replace(view, cycle=cycle), step.quantity, rules)
        if step.shape is Shape.STOP or not rules.oco_allowed:
            await self._store.add_orders([stop])
            status = await self._orders.submit(stop)
        else:
            target = self._take_profit(replace(view, cycle=cycle), step.quantity, rules)
            await self._store.add_orders([target, stop])
            list_id = client_order_id(cycle.id, "pair", stop.attempt)
            status = await self._orders.submit_pair(target, stop, list_id)
        metrics.ORDERS.labels(stop.purpose.value, status.value).inc()
        return await self._is_definite(stop, status)

    async def _is_definite(self, order: Order, status: OrderStatus) -> bool:
        """Whether to go on at once: yes unless the order was not sent, or nobody knows."""
        if status is not OrderStatus.REJECTED:
            return True
        row = await self._store.order(order.client_order_id)
        return row is not None and row.reject_code is not None

    async def _with_levels(self, view: CycleState, rules: SymbolRules) -> Cycle:
        """The cycle with its exit levels; decided once, at the real entry price."""
        cycle = self._rules.refreshed(view, rules, self._clock.now())
        if cycle.levels_at is not None or cycle.entry_price is None:
            return cycle
        exits = levels(
            cycle.entry_price,
            stop_loss=cycle.stop_price,
            take_profit=cycle.take_profit_price,
            stop_percent=self._settings.stop_loss_percent,
            take_profit_percent=self._settings.take_profit_percent,
        )
        settled = replace(
            cycle,
            stop_price=stop_prices(exits.stop, rules)[0],
            take_profit_price=take_profit_price(exits.take_profit, rules),
            levels_at=cycle.entry_price,
        )
        await self._store.save_cycle(settled)
        return settled

    def _stop(self, view: CycleState, quantity: Decimal, rules: SymbolRules) -> Order:
        bips = self._trailing_bips(view.cycle)
        delta = trailing_delta(bips, rules) if bips else None
        if delta is not None:
            return replace(self._order(view, Purpose.STOP_LOSS, OrderType.STOP_LOSS, quantity), trailing_delta=delta)
        trigger, limit = stop_prices(view.cycle.stop_price or Decimal(0), rules)
        order = self._order(view, Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, quantity)
        return replace(order, stop_price=trigger, price=limit, time_in_force="GTC")

    def _take_profit(self, view: CycleState, quantity: Decimal, rules: SymbolRules) -> Order:
        order = self._order(view, Purpose.TAKE_PROFIT, OrderType.LIMIT_MAKER, quantity)
        return replace(order, price=take_profit_price(view.cycle.take_profit_price or Decimal(0), rules))

    def _trailing_bips(self, cycle: Cycle) -> int | None:
        if cycle.trailing_delta is not None:
            return cycle.trailing_delta
        percent = self._settings.trailing_stop_percent
        return None if percent is None else int(percent * 100)

    def _order(self, view: CycleState, purpose: Purpose, kind: OrderType, quantity: Decimal) -> Order:
        attempt = max((order.attempt for order in view.of(Side.SELL)), default=0) + 1
        return Order(
            client_order_id=client_order_id(view.cycle.id, purpose.value, attempt),
            intent_id=view.cycle.intent_id,
            cycle_id=view.cycle.id,
            attempt=attempt,
            purpose=purpose,
            symbol=view.cycle.symbol,
            side=Side.SELL,
            type=kind,
            quantity=quantity,
            created_at=self._clock.now(),
            correlation_id=view.cycle.correlation_id,
        )


def _label(reason: str) -> str:
    """Reasons as metric labels: the short words only."""
    return reason if reason.isidentifier() else "other"
