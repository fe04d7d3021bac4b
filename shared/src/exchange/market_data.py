"""Binance's public market data in the platform's own terms: Decimals, its candles, its symbol rules."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError
from shared.src.domain.money import to_decimal
from shared.src.exchange.calls import PublicCalls, Urgency
from shared.src.exchange.models import BookTicker, field
from shared.src.exchange.rules import SymbolRules
from shared.src.exchange.shapes import object_of, server_time_of

KLINES_MAX = 1000


class MarketData:
    """What needs no account. Every method raises TransientError, RejectedError, or ContractError (an answer that is not
    Binance's).
    """

    def __init__(
        self, client: PublicCalls, clock: Clock, *, on_limits: Callable[[list[dict[str, Any]]], None] = lambda _: None
    ) -> None:
        """``on_limits`` is told how much may be asked, whenever the exchange says so (``rateLimits``)."""
        self._on_limits = on_limits
        self._client = client
        self._clock = clock

    async def server_time(self) -> int:
        """Milliseconds since the epoch, by the exchange's clock."""
        answer = await self._client.public("time", {}, weight=1, urgency=Urgency.CRITICAL)
        return server_time_of(answer)

    async def exchange_info(self, symbols: Iterable[str] = ()) -> dict[str, SymbolRules]:
        """Trading rules by symbol; all symbols when none is named. An unknown symbol is RejectedError -1121."""
        answer = await self._exchange_info(symbols)
        for_all: list[dict[str, Any]] = answer.get("exchangeFilters", [])
        return {entry["symbol"]: SymbolRules.parse(entry, for_all) for entry in field(answer, "symbols")}

    async def exchange_info_entries(self, symbols: Iterable[str] = ()) -> list[dict[str, Any]]:
        """The same as Binance writes it, with every filter."""
        entries: list[dict[str, Any]] = field(await self._exchange_info(symbols), "symbols")
        return entries

    async def _exchange_info(self, symbols: Iterable[str]) -> Mapping[str, Any]:
        names = sorted(symbols)
        params = {"symbols": json.dumps(names, separators=(",", ":"))} if names else {}
        answer = await self._client.public("exchangeInfo", params, weight=20, urgency=Urgency.WATCH)
        info = object_of(answer, "exchange info")
        self._on_limits(info.get("rateLimits", []))
        return info

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
        rows = await self._client.public("klines", params, weight=2)
        if not isinstance(rows, list):
            raise ContractError(f"klines of {symbol}: not a list")
        now_ms = self._clock.now_ms()
        return [_candle(symbol, interval, row, now_ms) for row in rows]

    async def depth(self, symbol: str, *, limit: int) -> dict[str, Any]:
        """The order book as Binance writes it: lastUpdateId, bids (best first), asks."""
        weight = next((weight for most, weight in ((100, 5), (500, 25), (1000, 50)) if limit <= most), 250)
        answer = await self._client.public("depth", {"symbol": symbol, "limit": str(limit)}, weight=weight)
        return {name: field(answer, name) for name in ("lastUpdateId", "bids", "asks")}

    async def asks(self, symbol: str) -> list[tuple[Decimal, Decimal]]:
        """What the book offers to buyers: (price, quantity), best first, a hundred levels."""
        params = {"symbol": symbol, "limit": "100"}
        answer = await self._client.public("depth", params, weight=5, urgency=Urgency.CRITICAL)
        try:
            return [(to_decimal(price), to_decimal(quantity)) for price, quantity in field(answer, "asks")]
        except (ValueError, TypeError) as error:
            raise ContractError(f"order book of {symbol}: {error!r}") from error

    async def book_ticker(self, symbol: str) -> BookTicker:
        row = await self._client.public("ticker/bookTicker", {"symbol": symbol}, weight=2, urgency=Urgency.CRITICAL)
        return _ticker(row)

    async def last_price(self, symbol: str) -> Decimal | None:
        """The price of the last trade; None before the first one."""
        row = await self._client.public("ticker/price", {"symbol": symbol}, weight=2, urgency=Urgency.CRITICAL)
        try:
            return to_decimal(field(row, "price")) or None
        except (ValueError, TypeError) as error:
            raise ContractError(f"price of {symbol}: {error!r}") from error

    async def average_price(self, symbol: str) -> Decimal:
        """The average that the exchange measures price bands from."""
        row = await self._client.public("avgPrice", {"symbol": symbol}, weight=2, urgency=Urgency.CRITICAL)
        try:
            return to_decimal(field(row, "price"))
        except (ValueError, TypeError) as error:
            raise ContractError(f"average price of {symbol}: {error!r}") from error

    async def last_prices(self) -> dict[str, Decimal]:
        """The last price of every symbol, by its name; those without a trade yet are left out."""
        rows = await self._client.public("ticker/price", {}, weight=4)
        try:
            prices = {row["symbol"]: to_decimal(row["price"]) for row in rows}
        except (KeyError, ValueError, TypeError) as error:
            raise ContractError(f"prices: {error!r}") from error
        return {symbol: price for symbol, price in prices.items() if price > 0}


def _candle(symbol: str, interval: Timeframe, row: list[Any], now_ms: int) -> Candle:
    try:
        candle = Candle(
            symbol=symbol,
            timeframe=interval,
            time=int(row[0]),
            open=to_decimal(row[1]),
            high=to_decimal(row[2]),
            low=to_decimal(row[3]),
            close=to_decimal(row[4]),
            volume=to_decimal(row[5]),
            quote_asset_volume=to_decimal(row[7]),
            number_of_trades=int(row[8]),
            taker_buy_base_asset_volume=to_decimal(row[9]),
            taker_buy_quote_asset_volume=to_decimal(row[10]),
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
