"""Paper trading: Binance's live prices, matched by the simulator's engine in this process.

Nothing is told to anyone before the engine's state is committed, so a restart finds the account as it was last seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.contracts.base import Side
from shared.src.contracts.market import MarketTick
from shared.src.contracts.orders import OrderType
from shared.src.contracts.topics import KAFKA_TICK, tick_channel
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError, ContractError, RejectedError, TransientError
from shared.src.domain.money import floor_to_step
from shared.src.exchange.models import (
    Account,
    Balance,
    BookTicker,
    ExchangeFill,
    ExchangeOrder,
    OrderReport,
    order_status,
)
from shared.src.exchange.rest import BinanceRest
from shared.src.exchange.rules import SymbolRules
from shared.src.redis_client import RedisBus
from simulator.engine.accounts import Account as EngineAccount
from simulator.engine.events import AccountEvent, Event, OrderEvent
from simulator.engine.exchange import Exchange as Engine
from simulator.engine.orders import Fill, ListKind, ListRequest, OrderRequest, TimeInForce
from simulator.engine.orders import Order as EngineOrder
from simulator.engine.orders import OrderType as EngineType
from simulator.engine.orders import Side as EngineSide
from simulator.engine.rules import SymbolRules as EngineRules
from trader.src.adapters.paper_state import PaperState
from trader.src.model import Order
from trader.src.ports import Listener

logger = logging.getLogger(__name__)

T = TypeVar("T")

NAME = "paper"
FEE = Decimal("0.001")
# What stands behind the best level: a share of the price away, a multiple of its quantity. The tick does not say.
DEPTH = ((Decimal("0.0005"), 20), (Decimal("0.002"), 200))
QUIET_S_MAX = 60.0


class PaperExchange:
    """Implements ``trader.src.ports.Exchange``."""

    def __init__(self, settings: Settings, clock: Clock, redis: Redis, database: Database) -> None:
        self._settings = settings
        self._clock = clock
        self._rest = BinanceRest(settings, clock, redis=redis)
        self._bus = RedisBus(redis, consumer="paper")
        self._state = PaperState(database, NAME)
        self._engine = Engine()
        self._lock = asyncio.Lock()
        self._news: asyncio.Queue[OrderReport | dict[str, Balance]] = asyncio.Queue()
        self._ticks: dict[str, MarketTick] = {}
        self._heard_at: float | None = None

    async def prepare(self) -> None:
        """Open the account as it was left, or a new one; list the symbols under Binance's own rules.

        Raises:
            ConfigurationError: Binance does not know a symbol.
        """
        saved = await self._state.load()
        if saved is not None:
            self._engine = saved
        try:
            entries = await self._rest.exchange_info_entries(self._settings.trading_symbols)
        except RejectedError as error:
            raise ConfigurationError(f"TRADING_SYMBOLS: Binance says {error}") from error
        for entry in entries:
            if entry["symbol"] in self._engine.markets:
                self._engine.set_filters(entry["symbol"], entry["filters"], self._clock.now_ms())
                continue
            rules = EngineRules.create(
                entry["symbol"], entry["baseAsset"], entry["quoteAsset"], entry["filters"], status=entry["status"]
            )
            self._engine.add_symbol(rules)
        if NAME not in self._engine.accounts:
            balances = {self._settings.quote_asset: self._settings.paper_balance}
            self._engine.add_account(NAME, balances, FEE, FEE)
        self._engine.drain()
        await self._state.save(self._engine)

    # The port

    async def rules(self, symbol: str) -> SymbolRules:
        return SymbolRules.parse(self._engine.market(symbol).rules.exchange_info())

    async def place(self, order: Order) -> OrderReport:
        placed = await self._change(lambda: self._engine.place(self._account, _request(order), self._clock.now_ms()))
        return OrderReport(_order(placed.order), tuple(_fill(fill) for fill in placed.fills))

    async def place_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> list[OrderReport]:
        request = ListRequest(
            ListKind.OCO, stop.symbol, (_request(take_profit), _request(stop)), client_order_id=list_client_id
        )
        placed = await self._change(lambda: self._engine.place_list(self._account, request, self._clock.now_ms()))
        return [OrderReport(_order(item.order), tuple(map(_fill, item.fills))) for item in placed.placements]

    async def cancel(self, order: Order) -> list[ExchangeOrder]:
        now_ms = self._clock.now_ms()
        if order.order_list_id is not None:
            list_id = order.order_list_id
            ended = await self._change(
                lambda: self._engine.cancel_list(self._account, order.symbol, now_ms, list_id=list_id)
            )
            return [_order(item.order) for item in ended.cancellations]
        client_id = order.client_order_id
        cancelled = await self._change(
            lambda: self._engine.cancel(self._account, order.symbol, now_ms, client_order_id=client_id)
        )
        return [_order(cancelled.order)]

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        return _order(self._engine.order(self._account, symbol, client_order_id=client_order_id))

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder:
        return _order(self._engine.order(self._account, symbol, order_id=order_id))

    async def open_orders(self) -> list[ExchangeOrder]:
        return [_order(order) for order in self._account.open_orders.values()]

    async def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None
    ) -> list[ExchangeFill]:
        fills = (_fill(fill) for fill in self._account.fills.get(symbol, ()))
        return [
            fill
            for fill in fills
            if (order_id is None or fill.order_id == order_id) and (from_id is None or fill.trade_id >= from_id)
        ]

    async def account(self) -> Account:
        return Account(self._balances(), can_trade=True, can_withdraw=False)

    async def ticker(self, symbol: str) -> BookTicker:
        tick = self._ticks.get(symbol)
        if tick is None:
            return await self._rest.book_ticker(symbol)
        return BookTicker(symbol, tick.bid, tick.bid_quantity, tick.ask, tick.ask_quantity)

    async def ping(self) -> str:
        """Whether live prices arrive.

        Raises:
            TransientError: none did for a minute.
        """
        if self._heard_at is None or self._clock.monotonic() - self._heard_at > QUIET_S_MAX:
            raise TransientError("paper trading gets no live prices (gateway, dispatcher)")
        return f"paper, on live prices of {len(self._ticks)} symbols"

    async def run(self, listener: Listener) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._tell(listener))

    async def close(self) -> None:
        await self._rest.close()

    # Inside

    @property
    def _account(self) -> EngineAccount:
        return self._engine.account(NAME)

    def _balances(self) -> dict[str, Balance]:
        rows = self._account.balances.items()
        return {asset: Balance(asset, row.free, row.locked) for asset, row in rows if row.free or row.locked}

    async def _change(self, action: Callable[[], T]) -> T:
        """Let the engine act, commit what it became, and only then tell."""
        async with self._lock:
            answer = action()
            await self._commit(self._engine.drain())
            return answer

    async def _commit(self, events: Iterable[Event]) -> None:
        news = [event for event in events if isinstance(event, OrderEvent | AccountEvent)]
        if not news:
            return
        await self._state.save(self._engine)
        for event in news:
            self._news.put_nowait(_report(event) if isinstance(event, OrderEvent) else _changed(event))

    async def _listen(self) -> None:
        symbols = self._settings.trading_symbols
        async for _, raw in self._bus.listen(*(tick_channel(symbol) for symbol in symbols)):
            try:
                tick = KAFKA_TICK.decode(raw)
            except ContractError as error:
                logger.warning("tick not understood", extra={"reason": str(error)})
                continue
            async with self._lock:
                await self._on_tick(tick)

    async def _on_tick(self, tick: MarketTick) -> None:
        self._heard_at = self._clock.monotonic()
        known = self._ticks.get(tick.symbol)
        if known is not None and (known.bid, known.ask) == (tick.bid, tick.ask):
            return
        if tick.symbol not in self._engine.markets or tick.bid >= tick.ask:
            return
        self._ticks[tick.symbol] = tick
        now_ms = self._clock.now_ms()
        rules = self._engine.market(tick.symbol).rules
        bids, asks = _levels(tick, rules.price.step)
        self._engine.set_liquidity(tick.symbol, bids, asks, now_ms)
        # stops measure by trades: the smallest one at the side the price moved to
        falls = known is not None and tick.bid < known.bid
        side, price = (EngineSide.SELL, tick.bid) if falls else (EngineSide.BUY, tick.ask)
        self._engine.outside_trade(
            tick.symbol, side, rules.lot.step or Decimal(1), now_ms, price=price, print_rest=True
        )
        await self._commit(self._engine.drain())

    async def _tell(self, listener: Listener) -> None:
        await listener.connected()
        while True:
            news = await self._news.get()
            if isinstance(news, OrderReport):
                await listener.report(news)
            else:
                await listener.balances(news)


def _levels(tick: MarketTick, step: Decimal) -> tuple[list[tuple[Decimal, Decimal]], list[tuple[Decimal, Decimal]]]:
    """Outside offers around a tick: the best level as it was told, more behind it."""
    bids = {tick.bid: tick.bid_quantity}
    asks = {tick.ask: tick.ask_quantity}
    for away, times in DEPTH:
        lower = floor_to_step(tick.bid * (1 - away), step)
        upper = floor_to_step(tick.ask * (1 + away), step)
        if 0 < lower < tick.bid:
            bids[lower] = tick.bid_quantity * times
        if upper > tick.ask:
            asks[upper] = tick.ask_quantity * times
    return (
        [(price, quantity) for price, quantity in bids.items() if quantity > 0],
        [(price, quantity) for price, quantity in asks.items() if quantity > 0],
    )


def _request(order: Order) -> OrderRequest:
    limited = order.type not in {OrderType.MARKET, OrderType.LIMIT_MAKER}
    return OrderRequest(
        symbol=order.symbol,
        side=EngineSide(order.side.value),
        type=EngineType(order.type.value),
        quantity=order.quantity,
        price=order.price,
        time_in_force=TimeInForce(order.time_in_force) if order.time_in_force and limited else None,
        stop_price=order.stop_price,
        trailing_delta=order.trailing_delta,
        client_order_id=order.client_order_id,
    )


def _order(order: EngineOrder) -> ExchangeOrder:
    return ExchangeOrder(
        symbol=order.symbol,
        order_id=order.order_id,
        client_order_id=order.client_order_id,
        side=Side(order.side.value),
        type=OrderType(order.type.value),
        status=order_status(order.status.value),
        quantity=order.quantity,
        executed_quantity=order.executed,
        executed_quote=order.cumulative_quote,
        price=order.price if order.price > 0 else None,
        stop_price=order.stop_price,
        time_in_force=order.time_in_force.value,
        order_list_id=order.order_list_id if order.order_list_id >= 0 else None,
        time_ms=max(order.time, order.update_time),
        is_working=order.is_working,
    )


def _fill(fill: Fill) -> ExchangeFill:
    return ExchangeFill(
        symbol=fill.symbol,
        trade_id=fill.trade_id,
        order_id=fill.order_id,
        side=Side.BUY if fill.is_buyer else Side.SELL,
        price=fill.price,
        quantity=fill.quantity,
        quote_quantity=fill.quote,
        fee=fill.commission,
        fee_asset=fill.commission_asset,
        is_maker=fill.is_maker,
        time_ms=fill.time,
    )


def _report(event: OrderEvent) -> OrderReport:
    order = _order(event.order)
    if event.execution_type != "TRADE":
        return OrderReport(order)
    fill = ExchangeFill(
        symbol=order.symbol,
        trade_id=event.trade_id,
        order_id=order.order_id,
        side=order.side,
        price=event.last_price,
        quantity=event.last_quantity,
        quote_quantity=event.last_quote,
        fee=event.commission,
        fee_asset=event.commission_asset or "",
        is_maker=event.is_maker,
        time_ms=event.time,
    )
    return OrderReport(order, (fill,))


def _changed(event: AccountEvent) -> dict[str, Balance]:
    return {asset: Balance(asset, free, locked) for asset, free, locked in event.balances}
