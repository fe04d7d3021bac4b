"""gateway: Binance's market streams and REST history become ordered candles in Kafka."""

from __future__ import annotations

from gateway.src.api import add_routes
from gateway.src.binance_ws import BinanceWebSocket
from gateway.src.gap_detector import GapDetector
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.kafka_producer import MarketProducer
from gateway.src.order_books import OrderBooks
from gateway.src.service import GatewayService
from gateway.src.verifier import VERIFIED_BARS, CandleVerifier
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.market_data import MarketData
from shared.src.frame.service import Service, run_service
from shared.src.kafka_client import KafkaProducer
from shared.src.market.history import PostgresCandleHistory
from shared.src.market.symbol_choice import chosen_symbols


async def build(service: Service) -> None:
    """Compose the gateway."""
    settings, clock, database = service.settings, service.clock, service.database
    client = BinanceClient(settings, clock, redis=service.bus.redis)
    exchange = MarketData(client, clock)
    kafka = KafkaProducer(settings, client_id="gateway")
    fetcher, producer = HistoricalDataFetcher(exchange, clock), MarketProducer(kafka, clock)
    candles = PostgresCandleHistory(database)
    symbols = await chosen_symbols(database, settings.trading_symbols)
    gateway = GatewayService(
        clock=clock, fetcher=fetcher, producer=producer, gaps=GapDetector(candles, clock),
        books=OrderBooks(exchange, clock=clock, producer=producer),
        verifier=CandleVerifier(candles, fetcher, bars=VERIFIED_BARS),
        warmup_candles=settings.warmup_candles, verify_every_s=settings.verify_every_s,
        optional=settings.gateway_streams,
    )  # fmt: skip
    gateway.add_symbols(symbols)
    socket = BinanceWebSocket(
        settings.stream_url, gateway.streams, clock=clock, on_frame=gateway.on_frame, on_connect=gateway.on_connect,
        silence_s_max=settings.stream_silence_s, life_s=settings.stream_life_s,
    )  # fmt: skip
    add_routes(service, gateway, exchange)
    service.health.add("kafka", kafka.ping)
    service.health.add("stream", socket.probe)
    service.add_diagnostic("gateway", gateway.statistics)
    service.add_diagnostic("stream", socket.statistics)
    for name, task in gateway.tasks(socket).items():
        service.add_task(name, task)
    service.follow_symbols(lambda chosen: gateway.set_symbols(chosen, socket), current=symbols)
    service.on_stop(kafka.close)
    service.on_stop(client.close)


if __name__ == "__main__":
    run_service("gateway", build)
