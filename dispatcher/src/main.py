"""dispatcher: Kafka's market data into the database and Redis; Redis' decisions back into Kafka."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query

from dispatcher.src.persister import CandlePersister, DeadLetterPersister
from dispatcher.src.service import DispatcherService
from shared.src.auth import Principal, Scope
from shared.src.contracts.topics import kafka_market
from shared.src.kafka_client import KafkaConsumer, KafkaProducer
from shared.src.service import Service, run_service


async def build(service: Service) -> None:
    """Compose the dispatcher."""
    settings = service.settings
    topics = [kafka_market(symbol) for symbol in settings.trading_symbols]
    consumer = KafkaConsumer(settings, group="dispatcher", topics=topics)
    producer = KafkaProducer(settings, client_id="dispatcher")
    letters = DeadLetterPersister(service.database)
    dispatcher = DispatcherService(
        consumer=consumer,
        producer=producer,
        bus=service.bus,
        candles=CandlePersister(service.database),
        dead_letters=letters,
        clock=service.clock,
    )
    dispatcher.subscribe_mirrors()

    service.health.add("kafka", producer.ping)
    service.add_diagnostic("routing", dispatcher.statistics)
    service.add_task("kafka", dispatcher.run)
    service.add_task("mirror", service.bus.run)
    service.add_task("dead-letters", dispatcher.keep_dead_letters)
    service.on_stop(producer.close)
    service.on_stop(consumer.close)

    @service.app.get("/dead-letters", tags=["operations"])
    async def dead_letters(limit: Annotated[int, Query(ge=1, le=500)] = 50) -> list[dict[str, Any]]:
        return await letters.recent(limit)

    @service.app.post("/dead-letters/{letter_id}/replay", tags=["operations"])
    async def replay(
        letter_id: int, principal: Annotated[Principal, Depends(service.auth.require(Scope.ADMIN))]
    ) -> dict[str, Any]:
        if not await dispatcher.replay(letter_id):
            raise HTTPException(404, f"there is no dead letter {letter_id}")
        await service.auth.record(principal, "dead_letter_replay", {"id": letter_id})
        return {"replayed": letter_id}


if __name__ == "__main__":
    run_service("dispatcher", build)
