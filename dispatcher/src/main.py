"""dispatcher: Kafka's market data into the database and Redis; Redis' decisions back into Kafka."""

from __future__ import annotations

from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from dispatcher.src.adapters.postgres_dead_letters import PostgresDeadLetters
from dispatcher.src.api import add_routes
from dispatcher.src.composition import compose
from shared.src.contracts.topics import kafka_market
from shared.src.frame.service import Service, run_service
from shared.src.kafka_client import KafkaConsumer, KafkaProducer
from shared.src.market.symbol_choice import chosen_symbols


async def build(service: Service) -> None:
    """Open what the dispatcher works with."""
    settings, database = service.settings, service.database
    symbols = await chosen_symbols(database, settings.trading_symbols)
    consumer = KafkaConsumer(settings, group="dispatcher", topics=[kafka_market(symbol) for symbol in symbols])
    producer = KafkaProducer(settings, client_id="dispatcher")
    letters = PostgresDeadLetters(database)
    dispatcher = compose(
        bus=service.bus,
        clock=service.clock,
        values=service.last_values,
        records=consumer,
        event_log=producer,
        candles=PostgresCandleWriter(database),
        dead_letters=letters,
    )
    add_routes(service, dispatcher, letters)
    service.health.add("kafka", producer.ping)
    service.add_diagnostic("routing", dispatcher.statistics)
    for name, task in dispatcher.tasks().items():
        service.add_task(name, task)
    service.follow_symbols(dispatcher.follow_symbols, current=symbols)
    service.on_stop(producer.close)
    service.on_stop(consumer.close)


if __name__ == "__main__":
    run_service("dispatcher", build)
