"""Carries out the steps that sell: protections, sales, and one of them in the place of another.

The row of an order is committed before it is sent. What stands is taken off in the same call that places what follows,
where the symbol allows it, and only when the exchange is known to answer and to trade the symbol.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import assert_never

from core.positions.cycle_facts import holding, refreshed
from core.positions.cycle_steps import ExitStep, Protect, ReplaceBySale, ReplaceByStop, Sell
from core.positions.exits import bid_of, market_sale
from core.positions.model import CycleState, Order
from core.positions.protection import Beyond, Protection, protection, settled
from core.positions.refusals import is_not_traded, lacks_units
from core.positions.repeats import repeat_of
from core.positions.rules import PositionRules
from core.positions.standing import is_bereft, locked, protects, standing_exits
from core.risk.halts import ALL, Cause
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.orders import OrderStatus
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from trader.src.execution import metrics
from trader.src.execution.sales_by_hand import SalesByHand
from trader.src.order_manager import OrderManager
from trader.src.ports import Exchange, Store
from trader.src.risk_manager import DIFFERENCE

logger = logging.getLogger(__name__)

# A position that cannot be sold is tried again more often than this, and halts its symbol for so long each time.
UNSELLABLE_FOR = timedelta(minutes=2)


class ExitOrders:
    """Knows how each kind of step becomes orders."""

    def __init__(
        self, *, exchange: Exchange, store: Store, orders: OrderManager, clock: Clock, rules: PositionRules
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._orders = orders
        self._clock = clock
        self._rules = rules
        self._suspected: set[str] = set()
        self._sales_by_hand = SalesByHand(store)

    async def place(self, view: CycleState, step: ExitStep, rules: SymbolRules, market: BookTicker | None) -> bool:
        """Do a step; False: the next one should wait. ``market``: None while nobody knows it.

        Raises:
            TransientError: the exchange does not answer, or told to wait; what protects stays.
        """
        bid = bid_of(market)
        match step:
            case Protect() | ReplaceByStop():
                return await self._protect(view, step, rules, bid)
            case Sell():
                return await self._sell(view, step, market)
            case ReplaceBySale():
                return await self._replace_by_sale(view, step, market)
            case _:
                assert_never(step)

    async def _protect(
        self, view: CycleState, step: Protect | ReplaceByStop, rules: SymbolRules, bid: Decimal | None
    ) -> bool:
        """Place the protection of a position; ask for a way out where the price is beyond one of its levels."""
        now = self._clock.now()
        known = refreshed(view, rules, now)
        cycle = settled(known, rules, self._rules)
        if cycle != known:
            await self._store.save_cycle(cycle)
        leveled = replace(view, cycle=cycle)
        orders = protection(leveled, step, rules, bid, now, stops=self._rules.stops)
        if isinstance(orders, Beyond):
            # the price is perhaps from before the fill, which the market reached by a jump: the exchange knows better
            bid = await self._bid_now(cycle.symbol, bid)
            orders = protection(leveled, step, rules, bid, now, stops=self._rules.stops)
        if isinstance(orders, Beyond):
            await self._store.request_exit(cycle.id, orders.level.value)
            return True
        if isinstance(step, ReplaceByStop):
            return await self._replace_by_stop(view, step.old, orders.stop, rules)
        return await self._stand(orders)

    async def _bid_now(self, symbol: str, known: Decimal | None) -> Decimal | None:
        """The bid as the exchange has it; the one that is known where it does not say."""
        try:
            return bid_of(await self._exchange.ticker(symbol))
        except (TransientError, RejectedError):
            return known

    async def _stand(self, orders: Protection) -> bool:
        stop, target = orders.stop, orders.target
        if target is None:
            await self._store.add_orders([stop])
            status = await self._orders.submit(stop)
        else:
            await self._store.add_orders([target, stop])
            status = await self._orders.submit_pair(target, stop, orders.list_id)
        return await self._is_settled(stop, status)

    async def repeat(self, cycle_id: str, order: Order) -> bool:
        """Send a protection again that the exchange has not; False: nobody knows yet what stands."""
        view = await self._store.view(cycle_id)
        again = repeat_of(view, order, await self._exchange.rules(order.symbol))
        if again is None:
            return False
        if again.target is not None:
            status = await self._orders.submit_pair(again.target, again.stop, again.list_id)
        elif again.old is not None:
            status = await self._orders.replace(again.old, again.stop)
        else:
            status = await self._orders.submit(again.stop)
        return status is not OrderStatus.UNKNOWN

    async def _replace_by_stop(self, view: CycleState, old: Order, stop: Order, rules: SymbolRules) -> bool:
        if (old.stop_price, old.remaining) == (stop.stop_price, stop.quantity) and not stop.trailing_delta:
            return False  # nothing would change while nobody bids
        if is_bereft(view, old) and await self._orders.refresh(old):
            return True  # the stop went because the target began to fill: how much of it is known now
        if protects(view, old) and not await self._would_stand(stop):
            return False  # a stop goes only where its successor would be taken
        if not rules.cancel_replace_allowed:
            return await self._orders.cancel(old)
        await self._store.add_orders([stop])
        return await self._is_settled(stop, await self._orders.replace(old, stop))

    async def _would_stand(self, stop: Order) -> bool:
        """Whether the symbol trades, and last did so above the stop: what is bid since then starts no stop."""
        if not (await self._exchange.current_rules(stop.symbol)).is_trading:
            return False
        last = await self._exchange.last_price(stop.symbol)
        return stop.stop_price is None or last is None or stop.stop_price < last

    async def _sell(self, view: CycleState, step: Sell, market: BookTicker | None) -> bool:
        order = market_sale(view, step.quantity, self._clock.now(), step.purpose, market=market)
        await self._store.add_orders([order])
        return await self._after_sale(view, order, await self._orders.submit(order))

    async def _replace_by_sale(self, view: CycleState, step: ReplaceBySale, market: BookTicker | None) -> bool:
        """What protects is given up only for a sale that can be done: the exchange answers, trades, somebody bids."""
        rules = await self._exchange.current_rules(view.cycle.symbol)
        if not rules.is_trading or bid_of(market) is None:
            reason = "nobody bids" if rules.is_trading else f"the symbol is in {rules.status}"
            logger.warning("exit waits, the protection stays", extra={"cycle_id": view.cycle.id, "reason": reason})
            return False
        if rules.floor_quantity(step.quantity, market=True) != step.quantity:
            return True  # the rules have changed: what to sell is decided anew
        if not rules.cancel_replace_allowed:
            return await self._orders.cancel(step.old)
        order = market_sale(view, step.quantity, self._clock.now(), market=market)
        await self._store.add_orders([order])
        return await self._after_sale(view, order, await self._orders.replace(step.old, order))

    async def _after_sale(self, view: CycleState, order: Order, status: OrderStatus) -> bool:
        is_settled = await self._is_settled(order, status)
        refused = await self._store.order(order.client_order_id) if status is OrderStatus.REJECTED else None
        if refused is not None and lacks_units(refused):
            return await self._suspect(view.cycle.id)
        return is_settled

    async def _suspect(self, cycle_id: str) -> bool:
        """The exchange has less than the fills say: sell no more than that, and look again in a moment, when a sale by
        hand that is on its way was told. True: it has enough, or a sale by hand explains it.
        """
        view, rules, available = await self._measured(cycle_id)
        if available >= holding(view, rules):
            return True
        if await self._sales_by_hand.explain(holding(view, rules) - available, [(view, rules)]):
            return True
        logger.warning("the exchange has less than a position", extra={"cycle_id": cycle_id, "has": str(available)})
        self._suspected.add(cycle_id)
        await self._store.save_cycle(replace(view.cycle, sell_at_most=available))
        return False

    async def measure(self, cycle_id: str) -> None:
        """Where the exchange had less than the fills say: how much it has by now. What is still missing at the second
        look, and no sale by hand explains, lets no new position begin.
        """
        cycle = (await self._store.view(cycle_id)).cycle
        suspected = cycle_id in self._suspected
        self._suspected.discard(cycle_id)
        if cycle.sell_at_most is None or cycle.is_ended:
            return
        view, rules, available = await self._measured(cycle_id)
        needed = holding(view, rules)
        if available < needed and suspected:
            if await self._sales_by_hand.explain(needed - available, [(view, rules)]):
                return
            await self._halt(f"the exchange has {available} {rules.base}, cycle {cycle_id} needs {needed}")
        at_most = None if available >= needed else available
        if at_most != view.cycle.sell_at_most:
            await self._store.save_cycle(replace(view.cycle, sell_at_most=at_most))

    async def _halt(self, difference: str) -> None:
        reason = f"{DIFFERENCE}: {difference}"
        logger.error("unexplained difference, new entries halted", extra={"reason": reason})
        await self._store.pause(ALL, reason, self._clock.now(), cause=Cause.DIFFERENCE)

    async def _measured(self, cycle_id: str) -> tuple[CycleState, SymbolRules, Decimal]:
        """A cycle, its rules, and what the exchange has for it. Its fills are read last: what was told meanwhile
        counts.
        """
        before = await self._store.view(cycle_id)
        rules = await self._exchange.rules(before.cycle.symbol)
        available = await self._available(before, rules)
        return await self._store.view(cycle_id), rules, available

    async def _available(self, view: CycleState, rules: SymbolRules) -> Decimal:
        """Base units that the exchange has for the position: free ones, and those that its own orders hold."""
        return (await self._exchange.account()).free(rules.base) + locked(standing_exits(view))

    async def hold(self, view: CycleState, reason: str) -> bool:
        """Keep a position that cannot be sold: the rules are read again, nothing is bought there, a person hears."""
        symbol, now = view.cycle.symbol, self._clock.now()
        await self._exchange.refresh_rules(symbol)
        known = any(pause.scope == symbol and pause.cause is Cause.UNSELLABLE for pause in await self._store.pauses())
        if not known:
            logger.error("position cannot be sold", extra={"cycle_id": view.cycle.id, "reason": reason})
        text = f"a position cannot be sold: {reason}"
        await self._store.pause(symbol, text, now, cause=Cause.UNSELLABLE, until=now + UNSELLABLE_FOR)
        return False

    async def _is_settled(self, order: Order, status: OrderStatus) -> bool:
        """Whether to go on at once: yes unless the order was not sent, nobody knows, or nobody trades now."""
        metrics.ORDERS.labels(order.purpose.value, status.value).inc()
        if status is not OrderStatus.REJECTED:
            return True
        row = await self._store.order(order.client_order_id)
        return row is not None and row.reject_code is not None and not is_not_traded(row)
