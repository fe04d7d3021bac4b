"""Compares what we wrote down with what the exchange says, and puts right what can be explained.

Runs at start, after every reconnection of the user stream and on a timer. Orders and fills we do not know are
adopted and labelled external. Holdings smaller than the open positions cannot be explained: seen twice in a row
they halt new entries, with the reason, until somebody resumes.
"""

from __future__ import annotations

import asyncio
import logging

from core.positions.claims import claims, confirmed, shortfalls
from core.positions.model import CycleState, Order
from core.risk.halts import ALL, Cause
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError
from shared.src.exchange.models import ExchangeFill, ExchangeOrder
from shared.src.exchange.rules import SymbolRules
from trader.src.cycle_manager import CycleManager
from trader.src.execution import metrics
from trader.src.execution.funds import Funds
from trader.src.execution.outlook import Outlook
from trader.src.order_manager import OrderManager
from trader.src.ports import Exchange, Store
from trader.src.risk_manager import DIFFERENCE

logger = logging.getLogger(__name__)

TRADES_PAGE = 1000


class Reconciler:
    """One run at a time."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        store: Store,
        orders: OrderManager,
        cycle_manager: CycleManager,
        funds: Funds,
        clock: Clock,
        outlook: Outlook,
    ) -> None:
        self._exchange = exchange
        self._store = store
        self._orders = orders
        self._cycle_manager = cycle_manager
        self._funds = funds
        self._clock = clock
        self.outlook = outlook
        self._lock = asyncio.Lock()
        self._suspected: dict[str, str] = {}
        self._differences: dict[str, str] = {}
        self.runs = 0

    async def run(self, *, trades: bool = True) -> None:
        """One comparison; every open cycle is looked at afterwards.

        ``trades``: also ask every touched symbol for fills we have not seen (weight 20 each); while the stream is
        alive the orders themselves show what is missing.
        """
        async with self._lock:
            began_at = self._clock.monotonic()
            standing = await self._exchange.open_orders()
            await self._match_orders(standing)
            if trades:
                await self._match_trades()
            await self._match_balances()
            for cycle in await self._store.open_cycles():
                self._cycle_manager.wake(cycle.id)
            self.outlook.note_comparison(began_at)
            self.runs += 1

    async def _match_orders(self, standing: list[ExchangeOrder]) -> None:
        ours = {order.client_order_id: order for order in await self._store.live_orders()}
        by_id = {(order.symbol, order.exchange_order_id): order for order in ours.values()}
        for found in standing:
            order = by_id.get((found.symbol, found.order_id)) or ours.get(found.client_order_id)
            if order is None and await self._store.reported(found) is None:
                await self._orders.adopt(found)
            elif order is not None and _differs(order, found):
                await self._orders.refresh(order)
        open_ids = {(found.symbol, found.order_id) for found in standing}
        for order in ours.values():
            await self._follow(order, stands=(order.symbol, order.exchange_order_id) in open_ids)

    async def _follow(self, order: Order, *, stands: bool) -> None:
        """Bring an order that is not done up to date; the orders of a cycle are its worker's business."""
        if order.is_unresolved:
            if order.cycle_id is None:
                await self._orders.resolve(order)
            return
        if order.is_open and not stands:
            await self._orders.refresh(order)
            return
        if order.is_done and order.cycle_id is None:
            await self._orders.collect(order)

    async def _match_trades(self) -> None:
        for symbol, last in (await self._store.last_trade_ids()).items():
            fills = await self._exchange.trades(symbol, from_id=last + 1)
            while fills:
                for order_id in dict.fromkeys(fill.order_id for fill in fills):
                    await self._book(symbol, order_id, [fill for fill in fills if fill.order_id == order_id])
                if len(fills) < TRADES_PAGE:
                    break
                fills = await self._exchange.trades(symbol, from_id=fills[-1].trade_id + 1)

    async def _book(self, symbol: str, order_id: int, fills: list[ExchangeFill]) -> None:
        order = await self._store.order_by_exchange_id(symbol, order_id)
        if order is None:
            try:
                found = await self._exchange.order_by_id(symbol, order_id)
            except RejectedError as error:
                logger.warning("fill of an order nobody knows", extra={"order_id": order_id, "reason": str(error)})
                return
            order = await self._store.order(found.client_order_id)
            if order is None:
                await self._orders.adopt(found)
                return
            await self._orders.refresh(order)
            order = await self._store.order(found.client_order_id) or order
        booked = await self._orders.book_fills(order, fills)
        if booked is not None and booked.fills and booked.order.cycle_id:
            self._cycle_manager.wake(booked.order.cycle_id)

    # Balances

    async def _match_balances(self) -> None:
        account = await self._exchange.account()
        self._funds.replace(account.balances)
        held = {asset: balance.total for asset, balance in account.balances.items()}
        found = shortfalls(claims(await self._positions()), held)
        real = confirmed(found, self._suspected)
        self._suspected = found
        metrics.DIFFERENCES.set(len(real))
        if real and real != self._differences:
            reason = "; ".join(real.values())
            logger.error("unexplained difference, new entries halted", extra={"reason": reason})
            await self._store.pause(ALL, f"{DIFFERENCE}: {reason}", self._clock.now(), cause=Cause.DIFFERENCE)
        self._differences = real

    async def _positions(self) -> list[tuple[CycleState, SymbolRules]]:
        return [
            (await self._store.view(cycle.id), await self._exchange.rules(cycle.symbol))
            for cycle in await self._store.open_cycles()
        ]


def _differs(order: Order, found: ExchangeOrder) -> bool:
    return (
        order.status is not found.status
        or order.executed_quantity != found.executed_quantity
        or order.exchange_order_id != found.order_id
    )
