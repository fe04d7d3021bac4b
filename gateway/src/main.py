"""gateway: Binance's market streams and REST history become ordered candles in Kafka."""

from __future__ import annotations

from gateway.src.binance_ws import BinanceWebSocket
from gateway.src.gap_detector import GapDetector
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.kafka_producer import MarketProducer
from gateway.src.service import GatewayService
from shared.src.exchange.rest import BinanceRest
from shared.src.kafka_client import KafkaProducer
from shared.src.service import Service, run_service


async def build(service: Service) -> None:
    """Compose the gateway."""
    settings, clock = service.settings, service.clock
    rest = BinanceRest(settings, clock, redis=service.bus.redis)
    kafka = KafkaProducer(settings, client_id="gateway")
    gateway = GatewayService(
        settings.trading_symbols,
        clock=clock,
        fetcher=HistoricalDataFetcher(rest, clock),
        producer=MarketProducer(kafka, clock),
        gaps=GapDetector(service.database, clock),
        warmup_candles=settings.warmup_candles,
    )
    socket = BinanceWebSocket(
        settings.stream_url, gateway.streams, clock=clock, on_frame=gateway.on_frame, on_connect=gateway.on_connect
    )

    service.health.add("kafka", kafka.ping)
    service.health.add("stream", socket.probe)
    service.add_diagnostic("gateway", gateway.statistics)
    service.add_diagnostic("reconnects", lambda: socket.reconnects)
    service.add_task("stream", socket.run)
    service.add_task("lanes", gateway.run)
    service.add_task("live", gateway.publish_live)
    service.add_task("lateness", gateway.watch_lateness)
    service.add_task("holes", gateway.watch_holes)
    service.on_stop(kafka.close)
    service.on_stop(rest.close)


if __name__ == "__main__":
    run_service("gateway", build)
