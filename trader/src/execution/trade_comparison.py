"""Books what the account has traded and nobody told us, by whomever.

Each symbol has a cursor that comparisons alone move, so a trade below one that came by another way is found too. It
begins at the newest trade there is when the symbol is first met, before its orders are taken in: what the account did
before is not ours to book. It never passes a trade that could not be booked, which is tried again each time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from core.positions.trade_cursors import FollowedSymbol, TradeCursor, beginning, moved_assets, to_ask
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError
from shared.src.exchange.models import Balance, ExchangeFill
from shared.src.exchange.rules import SymbolRules
from trader.src.cycle_manager import CycleManager
from trader.src.execution.quarantine import Quarantine
from trader.src.order_manager import OrderManager
from trader.src.ports import Exchange, Store

TRADES_PAGE = 1000
TRADE = "trade"  # as what a trade that cannot be read is set aside


class TradeComparison:
    """``symbols``: what is traded; what was touched lately and what was compared before is compared too."""

    def __init__(
        self,
        exchange: Exchange,
        store: Store,
        orders: OrderManager,
        cycle_manager: CycleManager,
        *,
        quarantine: Quarantine,
        clock: Clock,
        symbols: Sequence[str],
    ) -> None:
        self.symbols = tuple(symbols)
        self._exchange = exchange
        self._store = store
        self._orders = orders
        self._cycle_manager = cycle_manager
        self._quarantine = quarantine
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        self._totals: dict[str, Decimal] = {}

    async def begin(self, standing: Collection[str]) -> None:
        """Begin to follow the symbols that are traded and those of ``standing`` orders, as far as they are new."""
        cursors = await self._store.trade_cursors()
        for symbol in dict.fromkeys((*self.symbols, *standing)):
            rules = None if symbol in cursors else await self._rules(symbol)
            if rules is not None and rules.is_listed:
                async with self._quarantine.guarded("trades", symbol, symbol=symbol):
                    await self._begin(symbol)

    async def run(self, balances: Mapping[str, Balance]) -> None:
        """Compare the symbols whose turn it is, and those in which something moved since the last run."""
        totals = {asset: balance.total for asset, balance in balances.items()}
        cursors = await self._store.trade_cursors()
        for symbol in to_ask(await self._followed(cursors), moved_assets(self._totals, totals)):
            self._asked_at[symbol] = self._clock.monotonic()
            async with self._quarantine.guarded("trades", symbol, symbol=symbol):
                if not await self._compare(symbol, cursors.get(symbol)):
                    del self._asked_at[symbol]
        self._totals = totals

    async def _followed(self, cursors: Collection[str]) -> list[FollowedSymbol]:
        """What was touched lately, and what was compared before as far as the exchange still has it."""
        touched = await self._store.touched_symbols()
        found = []
        for symbol in dict.fromkeys((*touched, *cursors)):
            rules = await self._rules(symbol)
            if symbol in touched or (rules is not None and rules.is_listed):
                assets = (rules.base, rules.quote) if rules is not None else ("", "")
                found.append(FollowedSymbol(symbol, *assets, self._age_s(symbol)))
        return found

    async def _rules(self, symbol: str) -> SymbolRules | None:
        """None where the exchange says that it has none."""
        try:
            return await self._exchange.rules(symbol)
        except RejectedError:
            return None

    def _age_s(self, symbol: str) -> float | None:
        asked_at = self._asked_at.get(symbol)
        return None if asked_at is None else self._clock.monotonic() - asked_at

    async def _compare(self, symbol: str, cursor: TradeCursor | None) -> bool:
        """Book what is above the cursor and move it; False when some of it could not be booked."""
        if cursor is None:
            cursor = await self._begin(symbol)
        position, unbooked = cursor.compared_to, set[int]()
        while True:
            fills = await self._exchange.trades(symbol, from_id=position + 1)
            unreadable = await self._set_aside(symbol)
            unbooked |= unreadable | await self._book_all(symbol, fills)
            position = max((position, *unreadable, *(fill.trade_id for fill in fills)))
            compared_to = min((position, *(trade_id - 1 for trade_id in unbooked)))
            if compared_to > cursor.compared_to:
                await self._store.move_trade_cursor(symbol, compared_to)
            if len(fills) + len(unreadable) < TRADES_PAGE:
                return not unbooked

    async def _begin(self, symbol: str) -> TradeCursor:
        newest = await self._exchange.trades(symbol)
        known = await self._store.known_orders(symbol, [fill.order_id for fill in newest])
        ours = [fill.trade_id for fill in newest if fill.order_id in known]
        cursor = beginning([fill.trade_id for fill in newest], ours)
        await self._store.begin_trade_cursor(symbol, cursor.begins_after)
        return cursor

    async def _set_aside(self, symbol: str) -> set[int]:
        """Set aside what the last answer had that cannot be read; answers the trades of the symbol among it."""
        found: set[int] = set()
        for row in self._exchange.odd_rows():
            await self._quarantine.put(row)
            number = row.key.removeprefix(f"{symbol}/")
            if row.source == TRADE and number.isdecimal():
                found.add(int(number))
        return found

    async def _book_all(self, symbol: str, fills: Sequence[ExchangeFill]) -> set[int]:
        """Book what is not booked yet, order by order; answers the trades that could not be."""
        trade_ids = [fill.trade_id for fill in fills]
        for trade_id in trade_ids:
            await self._quarantine.release(TRADE, f"{symbol}/{trade_id}")
        booked = await self._store.booked_trades(symbol, trade_ids)
        by_order: dict[int, list[ExchangeFill]] = {}
        for fill in fills:
            if fill.trade_id not in booked:
                by_order.setdefault(fill.order_id, []).append(fill)
        if not by_order:
            return set()
        for order_id, of_order in by_order.items():
            async with self._quarantine.guarded("fills", f"{symbol}/{order_id}", symbol=symbol):
                await self._book(symbol, order_id, of_order)
        return set(trade_ids) - await self._store.booked_trades(symbol, trade_ids)

    async def _book(self, symbol: str, order_id: int, fills: Sequence[ExchangeFill]) -> None:
        order = await self._store.order_by_exchange_id(symbol, order_id)
        if order is None:
            found = await self._exchange.order_by_id(symbol, order_id)
            order = await self._store.reported(found)
            if order is None:
                await self._orders.adopt(found)
                return
            await self._orders.refresh(order)
            order = await self._store.order(order.client_order_id) or order
        booked = await self._orders.book_fills(order, fills)
        if booked is not None and booked.fills and booked.order.cycle_id:
            self._cycle_manager.wake(booked.order.cycle_id)
