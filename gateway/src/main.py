"""gateway: Binance's market streams and REST history become ordered candles in Kafka."""

from __future__ import annotations

from functools import partial

from gateway.src.api import add_routes
from gateway.src.binance_ws import BinanceWebSocket
from gateway.src.composition import compose
from gateway.src.kafka_producer import KafkaMarketProducer
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.market_data import MarketData
from shared.src.frame.service import Service, run_service
from shared.src.kafka_client import KafkaProducer
from shared.src.market.history import PostgresCandleHistory
from shared.src.market.symbol_choice import chosen_symbols


async def build(service: Service) -> None:
    """Open what the gateway works with."""
    settings, clock, database = service.settings, service.clock, service.database
    client = BinanceClient(settings, clock, redis=service.bus.redis)
    exchange = MarketData(client, clock)
    kafka = KafkaProducer(settings, client_id="gateway")
    symbols = await chosen_symbols(database, settings.trading_symbols)
    gateway = compose(
        settings=settings,
        clock=clock,
        exchange=exchange,
        producer=KafkaMarketProducer(kafka, clock),
        candles=PostgresCandleHistory(database),
        open_socket=partial(
            BinanceWebSocket,
            settings.stream_url,
            clock=clock,
            silence_s_max=settings.stream_silence_s,
            life_s=settings.stream_life_s,
            may_connect=client.connections.take,
        ),
        symbols=symbols,
    )
    add_routes(service, gateway.service, exchange)
    service.health.add("kafka", kafka.ping)
    service.health.add("stream", gateway.socket.probe)
    service.add_diagnostic("gateway", gateway.service.statistics)
    service.add_diagnostic("stream", gateway.socket.statistics)
    for name, task in gateway.tasks().items():
        service.add_task(name, task)
    service.follow_symbols(gateway.set_symbols, current=symbols)
    service.on_stop(kafka.close)
    service.on_stop(client.close)


if __name__ == "__main__":
    run_service("gateway", build)
