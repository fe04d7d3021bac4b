"""Compares what we wrote down with what the exchange says, and puts right what can be explained.

Runs at start, after every reconnection of the user stream and on a timer. Orders and fills we do not know are
adopted and labelled external. Holdings smaller than the open positions, seen twice in a row, are explained
by sales by hand, or else halt new entries, with the reason, until somebody resumes. A row that cannot be handled is
set aside; the comparison goes on without it.
"""

from __future__ import annotations

import asyncio
import logging

from core.positions.claims import claims, confirmed, shortfalls
from core.positions.model import CycleState, Order
from core.risk.halts import ALL, Cause
from shared.src.domain.clock import Clock
from shared.src.domain.money import ZERO
from shared.src.exchange.models import AccountSnapshot, ExchangeOrder, OddRow
from shared.src.exchange.rules import SymbolRules
from trader.src.cycle_manager import CycleManager
from trader.src.execution import metrics
from trader.src.execution.funds import Funds
from trader.src.execution.outlook import Outlook
from trader.src.execution.quarantine import Quarantine
from trader.src.execution.sales_by_hand import SalesByHand
from trader.src.execution.trade_comparison import TradeComparison
from trader.src.order_manager import OrderManager
from trader.src.ports import Exchange, Store
from trader.src.risk_manager import DIFFERENCE

logger = logging.getLogger(__name__)


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
        quarantine: Quarantine,
        clock: Clock,
        outlook: Outlook,
        trades: TradeComparison,
    ) -> None:
        self.trades = trades
        self._exchange = exchange
        self._store = store
        self._orders = orders
        self._cycle_manager = cycle_manager
        self._funds = funds
        self._quarantine = quarantine
        self._clock = clock
        self._sales_by_hand = SalesByHand(store)
        self.outlook = outlook
        self._lock = asyncio.Lock()
        self._suspected: dict[str, str] = {}
        self._differences: dict[str, str] = {}
        self.runs = 0

    async def run(self) -> None:
        """One comparison; every open cycle is looked at afterwards."""
        async with self._lock:
            began_at = self._clock.monotonic()
            standing = await self._exchange.open_orders()
            odd = await self._set_aside()
            await self.trades.begin({found.symbol for found in standing})
            await self._match_orders(standing, odd)
            account = await self._exchange.account()
            await self.trades.run(account.balances)
            await self._match_balances(account)
            await self._set_aside()
            for cycle in await self._store.open_cycles():
                self._cycle_manager.wake(cycle.id)
            self.outlook.note_comparison(began_at)
            self.runs += 1

    async def _set_aside(self) -> list[OddRow]:
        """Set aside what the exchange's answers had that cannot be read."""
        odd = self._exchange.odd_rows()
        for row in odd:
            await self._quarantine.put(row)
        return odd

    async def _match_orders(self, standing: list[ExchangeOrder], odd: list[OddRow]) -> None:
        ours = {order.client_order_id: order for order in await self._store.live_orders()}
        by_id = {(order.symbol, order.exchange_order_id): order for order in ours.values()}
        unnumbered = {name: order for name, order in ours.items() if order.exchange_order_id is None}
        for found in standing:
            order = by_id.get((found.symbol, found.order_id)) or unnumbered.get(found.client_order_id)
            async with self._quarantine.guarded("order", key_of(found), symbol=found.symbol, content=repr(found)):
                await self._meet(found, order)
        open_ids = {(found.symbol, found.order_id) for found in standing}
        for order in ours.values():
            async with self._quarantine.guarded("our order", order.client_order_id, symbol=order.symbol):
                await self._follow(order, stands=(order.symbol, order.exchange_order_id) in open_ids)
        await self._quarantine.keep("order", {key_of(found) for found in standing} | {row.key for row in odd})
        await self._quarantine.keep("our order", ours)

    async def _meet(self, found: ExchangeOrder, order: Order | None) -> None:
        """Take note of an order that stands on the exchange; ``order``: ours that it is, as far as it is open."""
        if order is None and await self._store.reported(found) is None:
            await self._orders.adopt(found)
        elif order is not None and _differs(order, found):
            await self._orders.refresh(order)

    async def _follow(self, order: Order, *, stands: bool) -> None:
        """Bring an order that is not done up to date; the orders of a cycle are its worker's business."""
        if order.is_unresolved:
            if order.cycle_id is None:
                await self._orders.resolve(order)
            return
        if (order.is_open or order.is_pending) and not stands:
            await self._orders.refresh(order)
            return
        if order.is_done and order.cycle_id is None:
            await self._orders.collect(order)

    # Balances

    async def _match_balances(self, account: AccountSnapshot) -> None:
        self._funds.replace(account.balances)
        held = {asset: balance.total for asset, balance in account.balances.items()}
        positions = await self._positions()
        claimed = claims(positions)
        found = shortfalls(claimed, held)
        real = confirmed(found, self._suspected)
        self._suspected = found
        for asset in list(real):
            owners = [(view, rules) for view, rules in positions if rules.base == asset]
            if await self._sales_by_hand.explain(claimed[asset] - held.get(asset, ZERO), owners):
                del real[asset]
        metrics.DIFFERENCES.set(len(real))
        if real and real != self._differences:
            reason = "; ".join(real.values())
            logger.error("unexplained difference, new entries halted", extra={"reason": reason})
            await self._store.pause(ALL, f"{DIFFERENCE}: {reason}", self._clock.now(), cause=Cause.DIFFERENCE)
        self._differences = real

    async def _positions(self) -> list[tuple[CycleState, SymbolRules]]:
        """The open cycles with the rules of their symbols, but for those of symbols that have none any more."""
        found = []
        for cycle in await self._store.open_cycles():
            async with self._quarantine.guarded("symbol", cycle.symbol, symbol=cycle.symbol):
                found.append((await self._store.view(cycle.id), await self._exchange.rules(cycle.symbol)))
        return found


def key_of(found: ExchangeOrder) -> str:
    """What an order is called where it is set aside."""
    return f"{found.symbol}/{found.order_id}"


def _differs(order: Order, found: ExchangeOrder) -> bool:
    return (
        order.status is not found.status
        or order.executed_quantity != found.executed_quantity
        or order.exchange_order_id != found.order_id
    )
