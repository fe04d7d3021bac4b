"""The gateway put together, once: for the service, for tests and for the platform in one process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from gateway.src.gap_detector import GapDetector
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.order_books import OrderBooks
from gateway.src.ports import ExchangeMarket, MarketProducer, OpenSocket, Socket
from gateway.src.service import GatewayService
from gateway.src.verifier import VERIFIED_BARS, CandleVerifier
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.market.ports import CandleHistory


@dataclass(frozen=True, slots=True)
class Gateway:
    """The service and its connection to the market's streams."""

    service: GatewayService
    socket: Socket

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on as long as the service."""
        return self.service.tasks(self.socket)

    async def set_symbols(self, symbols: Sequence[str]) -> None:
        """Stream exactly these from now on."""
        await self.service.set_symbols(symbols, self.socket)


def compose(
    *,
    settings: Settings,
    clock: Clock,
    exchange: ExchangeMarket,
    producer: MarketProducer,
    candles: CandleHistory,
    open_socket: OpenSocket,
    symbols: Sequence[str],
) -> Gateway:
    """The gateway for these symbols; its ``tasks`` are the caller's to run."""
    fetcher = HistoricalDataFetcher(exchange, clock)
    gateway = GatewayService(
        clock=clock,
        fetcher=fetcher,
        producer=producer,
        gaps=GapDetector(candles, clock),
        books=OrderBooks(exchange, clock=clock, producer=producer),
        verifier=CandleVerifier(candles, fetcher, bars=VERIFIED_BARS),
        warmup_candles=settings.warmup_candles,
        verify_every_s=settings.verify_every_s,
        optional=settings.gateway_streams,
    )
    gateway.add_symbols(symbols)
    socket = open_socket(gateway.streams, on_frame=gateway.on_frame, on_connect=gateway.on_connect)
    return Gateway(gateway, socket)
