"""dispatcher: Kafka's market data into the database and Redis; Redis' decisions back into Kafka."""

from __future__ import annotations

from dispatcher.src.api import add_routes
from dispatcher.src.persister import CandlePersister, DeadLetterPersister
from dispatcher.src.service import DispatcherService
from shared.src.contracts.topics import kafka_market
from shared.src.frame.service import Service, run_service
from shared.src.kafka_client import KafkaConsumer, KafkaProducer
from shared.src.market.symbol_choice import chosen_symbols


async def build(service: Service) -> None:
    """Compose the dispatcher."""
    settings, clock, database = service.settings, service.clock, service.database
    symbols = await chosen_symbols(database, settings.trading_symbols)
    consumer = KafkaConsumer(settings, group="dispatcher", topics=[kafka_market(symbol) for symbol in symbols])
    producer = KafkaProducer(settings, client_id="dispatcher")
    letters = DeadLetterPersister(database)
    dispatcher = DispatcherService(
        consumer=consumer,
        producer=producer,
        bus=service.bus,
        values=service.last_values,
        candles=CandlePersister(database),
        dead_letters=letters,
        clock=clock,
    )
    dispatcher.subscribe_mirrors()
    add_routes(service, dispatcher, letters)
    service.health.add("kafka", producer.ping)
    service.add_diagnostic("routing", dispatcher.statistics)
    service.add_task("kafka", dispatcher.run)
    service.add_task("lag", dispatcher.watch_lag)
    service.add_task("mirror", service.bus.run)
    service.add_task("dead-letters", dispatcher.keep_dead_letters)
    service.follow_symbols(dispatcher.follow_symbols, current=symbols)
    service.on_stop(producer.close)
    service.on_stop(consumer.close)


if __name__ == "__main__":
    run_service("dispatcher", build)
