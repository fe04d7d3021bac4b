"""A gateway without its neighbours: what it publishes is kept, what it asks the exchange comes from a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.order_books import OrderBooks
from gateway.src.service import GatewayService
from gateway.src.symbol_feed import SymbolFeed
from shared.src.config import OptionalStream
from shared.src.contracts.market import MarketMessage
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError


class KeptMessages:
    """Takes the place of the Kafka producer."""

    def __init__(self) -> None:
        self.published: list[tuple[Candle, str]] = []
        self.shown: list[Any] = []
        self.candles = self.dropped = 0

    async def closed(self, candles: Sequence[Candle], *, source: str) -> None:
        self.published += [(candle, source) for candle in candles]

    def live(self, messages: Sequence[Candle | MarketMessage]) -> None:
        self.shown += messages

    def of(self, timeframe: Timeframe) -> list[Candle]:
        return [candle for candle, _ in self.published if candle.timeframe is timeframe]


class ListedExchange:
    """REST answers from lists. ``snapshots`` are given out in order; a symbol without any is not answered."""

    def __init__(
        self, candles: Sequence[Candle] = (), snapshots: dict[str, list[dict[str, Any]]] | None = None
    ) -> None:
        self.candles = list(candles)
        self.snapshots = snapshots or {}

    async def klines(
        self,
        symbol: str,
        timeframe: Timeframe,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Candle]:
        return [
            candle
            for candle in self.candles
            if (candle.symbol, candle.timeframe) == (symbol, timeframe)
            and (start_ms or 0) <= candle.time <= (end_ms or 10**15)
        ][:limit]

    async def depth(self, symbol: str, *, limit: int) -> dict[str, Any]:
        waiting = self.snapshots.get(symbol)
        if not waiting:
            raise TransientError("no snapshot")
        return waiting.pop(0)


class NothingStored:
    """Takes the place of the gap detector on an empty database."""

    async def latest(self, symbol: str) -> dict[Timeframe, int]:
        return {}

    async def holes(self) -> dict[str, Any]:
        return {}


class NothingToVerify:
    """Takes the place of the verifier."""

    def statistics(self) -> dict[str, Any]:
        return {}

    async def check(self, feed: SymbolFeed) -> None:
        return None


def gateway_on(
    exchange: ListedExchange, clock: Clock, symbols: Sequence[str], *, optional: Sequence[OptionalStream] = ()
) -> tuple[GatewayService, KeptMessages]:
    """A gateway for these symbols, and what it publishes."""
    kept: Any = KeptMessages()
    nothing: Any = NothingStored()
    unverified: Any = NothingToVerify()
    gateway = GatewayService(
        clock=clock,
        fetcher=HistoricalDataFetcher(exchange, clock),
        producer=kept,
        gaps=nothing,
        books=OrderBooks(exchange, clock=clock, producer=kept),
        verifier=unverified,
        warmup_candles=100,
        verify_every_s=3600,
        optional=optional,
    )
    gateway.add_symbols(symbols)
    return gateway, kept
