"""Binance's REST API in the platform's own terms: Decimals, its errors, its clock, its shared weight budget."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.money import to_decimal
from shared.src.exchange.client import Transport
from shared.src.exchange.models import (
    Account,
    BookTicker,
    ExchangeFill,
    ExchangeOrder,
    OrderReport,
    parse_balances,
    parse_order,
    parse_placement,
    parse_trade,
)
from shared.src.exchange.rules import SymbolRules
from shared.src.exchange.weights import Urgency, WeightBudget

logger = logging.getLogger(__name__)

KLINES_MAX = 1000
RULES_AGE_S_MAX = 3600.0

Params = Mapping[str, str]


class BinanceRest:
    """One client for a service. Every method raises what :class:`Transport` says: TransientError, RejectedError,
    OutcomeUnknownError (orders only), ContractError (an answer that is not Binance's).
    """

    def __init__(self, settings: Settings, clock: Clock, *, redis: Redis | None = None) -> None:
        self._clock = clock
        self.transport = Transport(settings, clock, WeightBudget(redis))
        self._rules: dict[str, SymbolRules] = {}
        self._rules_at = float("-inf")

    @property
    def weights(self) -> WeightBudget:
        return self.transport.weights

    async def close(self) -> None:
        await self.transport.close()

    async def synchronize(self) -> int:
        """Measure the exchange's clock against ours (ms); signed requests are stamped accordingly."""
        return await self.transport.synchronize()

    # Market data

    async def server_time(self) -> int:
        """Milliseconds since the epoch, by the exchange's clock."""
        answer = await self._public("time", {}, weight=1, urgency=Urgency.CRITICAL)
        return int(answer["serverTime"])

    async def exchange_info(self, symbols: Iterable[str] = ()) -> dict[str, SymbolRules]:
        """Trading rules by symbol; all symbols when none is named. An unknown symbol is RejectedError -1121."""
        return {entry["symbol"]: SymbolRules.parse(entry) for entry in await self.exchange_info_entries(symbols)}

    async def exchange_info_entries(self, symbols: Iterable[str] = ()) -> list[dict[str, Any]]:
        """The same as Binance writes it, with every filter."""
        names = sorted(symbols)
        params = {"symbols": json.dumps(names, separators=(",", ":"))} if names else {}
        answer = await self._public("exchangeInfo", params, weight=20, urgency=Urgency.WATCH)
        entries: list[dict[str, Any]] = _field(answer, "symbols")
        return entries

    async def rules(self, symbol: str) -> SymbolRules:
        """One symbol's rules, from a cache that is an hour old at most."""
        if symbol not in self._rules:
            self._rules |= await self.exchange_info([symbol])
        elif self._clock.monotonic() - self._rules_at > RULES_AGE_S_MAX:
            await self._renew_rules()
        return self._rules[symbol]

    async def preload_rules(self, symbols: Iterable[str]) -> None:
        """Fill the cache in one call. Symbols the exchange does not have refuse the whole call (-1121)."""
        self._rules |= await self.exchange_info(symbols)
        self._rules_at = self._clock.monotonic()

    async def _renew_rules(self) -> None:
        """All at once; the old ones stay for another minute when the exchange does not answer."""
        self._rules_at += 60.0
        try:
            await self.preload_rules(list(self._rules))
        except (TransientError, RejectedError) as error:
            logger.warning("symbol rules not renewed", extra={"reason": str(error)})

    async def klines(
        self,
        symbol: str,
        interval: Timeframe,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = KLINES_MAX,
    ) -> list[Candle]:
        """Candles in time order. The last one is closed only if its close time is in the past."""
        params = {"symbol": symbol, "interval": interval.value, "limit": str(limit)}
        params |= {"startTime": str(start_ms)} if start_ms is not None else {}
        params |= {"endTime": str(end_ms)} if end_ms is not None else {}
        rows = await self._public("klines", params, weight=2)
        now_ms = self._clock.now_ms()
        return [_candle(symbol, interval, row, now_ms) for row in rows]

    async def depth(self, symbol: str, *, limit: int) -> dict[str, Any]:
        """The order book as Binance writes it: lastUpdateId, bids (best first), asks."""
        weight = next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)
        answer = await self._public("depth", {"symbol": symbol, "limit": str(limit)}, weight=weight)
        return {name: _field(answer, name) for name in ("lastUpdateId", "bids", "asks")}

    async def book_ticker(self, symbol: str) -> BookTicker:
        row = await self._public("ticker/bookTicker", {"symbol": symbol}, weight=2, urgency=Urgency.CRITICAL)
        return _ticker(row)

    async def book_tickers(self) -> dict[str, BookTicker]:
        """Best bid and ask of every symbol that has both."""
        rows = await self._public("ticker/bookTicker", {}, weight=4, urgency=Urgency.CRITICAL)
        tickers = (_ticker(row) for row in rows)
        return {ticker.symbol: ticker for ticker in tickers if ticker.bid > 0 and ticker.ask > 0}

    # Account

    async def account(self) -> Account:
        """Non-zero balances and permissions of the key."""
        row = await self._signed("account", {"omitZeroBalances": "true"}, weight=20, urgency=Urgency.WATCH)
        return Account(
            balances=parse_balances(row["balances"], ("asset", "free", "locked")),
            can_trade=bool(row.get("canTrade", False)),
            can_withdraw=bool(row.get("canWithdraw", False)),
        )

    async def key_rights(self) -> dict[str, bool]:
        """What the API key may do (GET sapi/v1/account/apiRestrictions), by Binance's names."""

        async def call() -> Any:
            return await self.transport.client.get_account_api_permissions()

        answer = await self.transport.ask(call, weight=1, urgency=Urgency.CRITICAL, signed=True)
        return {name: value for name, value in answer.items() if isinstance(value, bool)}

    async def open_orders(self, symbol: str | None = None) -> list[ExchangeOrder]:
        """Open orders of a symbol (weight 6) or of the account (weight 80)."""
        params = {"symbol": symbol} if symbol else {}
        rows = await self._signed("openOrders", params, weight=6 if symbol else 80, urgency=Urgency.WATCH)
        return [parse_order(row) for row in rows]

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        """One order by our id; RejectedError -2013 when the exchange has none."""
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        return parse_order(await self._signed("order", params, weight=4, urgency=Urgency.CRITICAL))

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder:
        """One order by the exchange's id; RejectedError -2013 when there is none."""
        params = {"symbol": symbol, "orderId": str(order_id)}
        return parse_order(await self._signed("order", params, weight=4, urgency=Urgency.CRITICAL))

    async def all_orders(self, symbol: str, *, start_ms: int | None = None, limit: int = 500) -> list[ExchangeOrder]:
        """Orders of a symbol in time order, open or not."""
        params = {"symbol": symbol, "limit": str(limit)}
        params |= {"startTime": str(start_ms)} if start_ms is not None else {}
        return [parse_order(row) for row in await self._signed("allOrders", params, weight=20)]

    async def my_trades(
        self,
        symbol: str,
        *,
        from_id: int | None = None,
        order_id: int | None = None,
        start_ms: int | None = None,
        limit: int = 1000,
    ) -> list[ExchangeFill]:
        """Our fills in a symbol, oldest first: from a trade id, from a time on, or of one order."""
        params = {"symbol": symbol, "limit": str(limit)}
        for name, value in (("fromId", from_id), ("orderId", order_id), ("startTime", start_ms)):
            params |= {name: str(value)} if value is not None else {}
        weight, urgency = (20, Urgency.WATCH) if order_id is None else (5, Urgency.CRITICAL)
        return [parse_trade(row) for row in await self._signed("myTrades", params, weight=weight, urgency=urgency)]

    # Orders

    async def create_order(self, params: Params) -> OrderReport:
        """Place an order. ``params`` as Binance names them, ``newClientOrderId`` included.

        Raises:
            OutcomeUnknownError: no verdict; ask by client order id past the matching horizon.
            TransientError: certainly not placed.
            RejectedError: refused; -2010 "Duplicate order sent." proves that an earlier attempt lives.
        """
        sent = dict(params) | {"newOrderRespType": "FULL"}
        return parse_placement(await self._change("post", "order", sent))

    async def create_oco(self, params: Params) -> tuple[int, list[OrderReport]]:
        """Place an OCO pair (POST orderList/oco); answers (order list id, both legs). Raises as create_order."""
        sent = dict(params) | {"newOrderRespType": "RESULT"}
        answer = await self._change("post", "orderList/oco", sent)
        reports = [parse_placement(row) for row in _field(answer, "orderReports")]
        return int(_field(answer, "orderListId")), reports

    async def cancel_order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        """Cancel one order, or the pair it belongs to; RejectedError -2011 when it is not open any more."""
        params = {"symbol": symbol, "origClientOrderId": client_order_id}
        answer = await self._change("delete", "order", params)
        if "orderReports" in answer:
            legs = [parse_order(row) for row in answer["orderReports"]]
            return next(leg for leg in legs if leg.client_order_id == client_order_id)
        return parse_order(answer)

    async def cancel_order_list(self, symbol: str, order_list_id: int) -> list[ExchangeOrder]:
        """Cancel an order list; its legs as they ended. RejectedError -2011 when it is done already."""
        params = {"symbol": symbol, "orderListId": str(order_list_id)}
        answer = await self._change("delete", "orderList", params)
        return [parse_order(row) for row in _field(answer, "orderReports")]

    # How calls are made

    async def _public(self, path: str, params: Params, *, weight: int, urgency: Urgency = Urgency.BULK) -> Any:
        call = self._library_call("get", path, params, signed=False)
        return await self.transport.ask(call, weight=weight, urgency=urgency)

    async def _signed(self, path: str, params: Params, *, weight: int, urgency: Urgency = Urgency.BULK) -> Any:
        call = self._library_call("get", path, params, signed=True)
        return await self.transport.ask(call, weight=weight, urgency=urgency, signed=True)

    async def _change(self, method: str, path: str, params: Params) -> Any:
        return await self.transport.order(self._library_call(method, path, params, signed=True))

    def _library_call(self, method: str, path: str, params: Params, *, signed: bool) -> Callable[[], Awaitable[Any]]:
        async def call() -> Any:
            request = self.transport.client._request_api  # no public method takes every path
            return await request(method, path, signed=signed, version="v3", data=dict(params))

        return call


def _field(answer: Mapping[str, Any], name: str) -> Any:
    if name not in answer:
        raise ContractError(f"answer of the exchange without {name}")
    return answer[name]


def _candle(symbol: str, interval: Timeframe, row: list[Any], now_ms: int) -> Candle:
    try:
        candle = Candle(
            symbol=symbol,
            timeframe=interval,
            open_time_ms=int(row[0]),
            open=to_decimal(row[1]),
            high=to_decimal(row[2]),
            low=to_decimal(row[3]),
            close=to_decimal(row[4]),
            volume=to_decimal(row[5]),
            quote_volume=to_decimal(row[7]),
            trades=int(row[8]),
            taker_buy_base=to_decimal(row[9]),
            taker_buy_quote=to_decimal(row[10]),
            is_closed=int(row[6]) < now_ms,
        )
    except (IndexError, ValueError, TypeError) as error:
        raise ContractError(f"kline of {symbol}: {error!r}") from error
    return candle


def _ticker(row: Mapping[str, Any]) -> BookTicker:
    try:
        return BookTicker(
            symbol=row["symbol"],
            bid=to_decimal(row["bidPrice"]),
            bid_quantity=to_decimal(row["bidQty"]),
            ask=to_decimal(row["askPrice"]),
            ask_quantity=to_decimal(row["askQty"]),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise ContractError(f"book ticker: {error!r}") from error
