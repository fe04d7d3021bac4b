"""The exchange as the trader's port: Binance over REST, with its user data stream. Live, and the twin over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from core.positions.model import Order
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError, RejectedError, TransientError
from shared.src.domain.money import wire
from shared.src.domain.orders import OrderType
from shared.src.exchange.account import AccountData, OrderCalls, SignedCalls
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.models import (
    AccountSnapshot,
    BookTicker,
    ExchangeFill,
    ExchangeOrder,
    OrderReport,
    parse_balances,
    parse_execution_report,
)
from shared.src.exchange.rules import SymbolRules
from shared.src.exchange.user_stream import UserStream
from shared.src.exchange.venue import Venue, venue_of
from trader.src.adapters.known_rules import KnownRules
from trader.src.ports import Listener


class RestExchange:
    """The calls of the port that are signed REST calls, wherever they are answered."""

    def __init__(self, calls: SignedCalls) -> None:
        self._account = AccountData(calls)
        self._orders = OrderCalls(calls)

    async def place(self, order: Order) -> OrderReport:
        params = {
            "symbol": order.symbol,
            "side": order.side.value,
            "type": order.type.value,
            "quantity": wire(order.quantity),
            "newClientOrderId": order.client_order_id,
        }
        return await self._orders.create_order(params | _optional(order))

    async def place_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> list[OrderReport]:
        above = {"aboveType": take_profit.type.value, "aboveClientOrderId": take_profit.client_order_id}
        below = {"belowType": stop.type.value, "belowClientOrderId": stop.client_order_id}
        above |= {f"above{_upper(name)}": value for name, value in _optional(take_profit).items()}
        below |= {f"below{_upper(name)}": value for name, value in _optional(stop).items()}
        params = {
            "symbol": stop.symbol,
            "side": stop.side.value,
            "quantity": wire(stop.quantity),
            "listClientOrderId": list_client_id,
        }
        return await self._orders.create_oco(params | above | below)

    async def cancel(self, order: Order) -> list[ExchangeOrder]:
        if order.order_list_id is not None:
            return await self._orders.cancel_order_list(order.symbol, order.order_list_id)
        return [await self._orders.cancel_order(order.symbol, order.client_order_id)]

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        return await self._account.order(symbol, client_order_id)

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder:
        return await self._account.order_by_id(symbol, order_id)

    async def open_orders(self) -> list[ExchangeOrder]:
        return await self._account.open_orders()

    async def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None
    ) -> list[ExchangeFill]:
        return await self._account.trades(symbol, order_id=order_id, from_id=from_id)

    async def account(self) -> AccountSnapshot:
        return await self._account.account()


async def tell(listener: Listener, event: dict[str, Any]) -> None:
    """Hand an event of the user data stream to whom it concerns."""
    match event.get("e"):
        case "executionReport":
            await listener.report(parse_execution_report(event))
        case "outboundAccountPosition":
            await listener.balances(parse_balances(event["B"], ("a", "f", "l")))


class BinanceExecutor(RestExchange):
    """Implements ``trader.src.ports.Exchange``."""

    def __init__(self, settings: Settings, clock: Clock, *, redis: Redis | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._client = BinanceClient(settings, clock, redis=redis)
        self._market = MarketData(self._client, clock)
        self._rules = KnownRules(self._market, clock)
        super().__init__(self._client)
        self._stream: UserStream | None = None

    async def prepare(self) -> None:
        """Measure the clock and look at the key.

        Raises:
            ConfigurationError: no key, a key the exchange refuses, one that may not trade, or one that may withdraw;
                a symbol that the exchange does not have.
        """
        await self._client.synchronize()
        try:
            await self._rules.learn(self._settings.trading_symbols)
        except RejectedError as error:
            raise ConfigurationError(f"TRADING_SYMBOLS: the exchange says {error}") from error
        try:
            account = await self.account()
        except RejectedError as error:
            raise ConfigurationError(f"BINANCE_API_KEY: the exchange refuses it: {error}") from error
        if not account.can_trade:
            raise ConfigurationError("BINANCE_API_KEY: this key may not trade; enable spot trading for it")
        await self._refuse_withdrawals()

    async def follow(self, symbols: Sequence[str]) -> None:
        await self._rules.learn(symbols)

    async def rules(self, symbol: str) -> SymbolRules:
        return await self._rules.of(symbol)

    async def _refuse_withdrawals(self) -> None:
        """A key that can withdraw is refused on the real exchange; a twin's keys concern no money."""
        if venue_of(self._settings) is not Venue.BINANCE:
            return
        rights = await self._client.key_rights()
        if rights.get("enableWithdrawals"):
            raise ConfigurationError("BINANCE_API_KEY: this key can withdraw; make one that cannot")

    async def ticker(self, symbol: str) -> BookTicker:
        return await self._market.book_ticker(symbol)

    async def ping(self) -> str:
        """Whether the exchange answers and its stream is alive.

        Raises:
            TransientError: it is not.
        """
        await self._market.server_time()
        if self._stream is None or not self._stream.connected:
            reason = self._stream.reason if self._stream else "not started"
            raise TransientError(f"REST answers, the user stream does not: {reason}")
        return f"{self._settings.rest_url}: REST and user stream"

    async def run(self, listener: Listener) -> None:
        async def on_event(event: dict[str, Any]) -> None:
            await tell(listener, event)

        self._stream = UserStream(
            self._settings,
            self._clock,
            on_event=on_event,
            on_connected=listener.connected,
            timestamp_ms=self._client.timestamp_ms,
        )
        await self._stream.run()

    async def close(self) -> None:
        await self._client.close()


def _optional(order: Order) -> dict[str, str]:
    """What only some order types have, as Binance names it."""
    fields: dict[str, str] = {}
    if order.time_in_force and order.type not in {OrderType.MARKET, OrderType.LIMIT_MAKER}:
        fields["timeInForce"] = order.time_in_force
    if order.price is not None:
        fields["price"] = wire(order.price)
    if order.stop_price is not None:
        fields["stopPrice"] = wire(order.stop_price)
    if order.trailing_delta is not None:
        fields["trailingDelta"] = str(order.trailing_delta)
    return fields


def _upper(name: str) -> str:
    return name[0].upper() + name[1:]
