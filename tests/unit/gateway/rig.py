"""A gateway without its neighbours: what it publishes is kept, what it asks the exchange comes from a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.src.adapters.memory_socket import MemorySocket
from gateway.src.composition import compose
from gateway.src.ports import Live
from gateway.src.service import GatewayService
from shared.memory.candles import MemoryCandleStore
from shared.src.config import OptionalStream, load_settings
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

    def live(self, messages: Sequence[Live]) -> None:
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


def gateway_on(
    exchange: ListedExchange, clock: Clock, symbols: Sequence[str], *, optional: Sequence[OptionalStream] = ()
) -> tuple[GatewayService, KeptMessages]:
    """A gateway for these symbols, composed as the service is, and what it publishes."""
    kept = KeptMessages()
    gateway = compose(
        settings=load_settings(warmup_candles=100, verify_every_s=3600, gateway_streams=",".join(optional)),
        clock=clock,
        exchange=exchange,
        producer=kept,
        candles=MemoryCandleStore(),
        open_socket=MemorySocket,
        symbols=symbols,
    )
    return gateway.service, kept
