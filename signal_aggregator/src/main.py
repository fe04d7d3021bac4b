"""signal_aggregator: votes become one decision per symbol, time frame and bar."""

from shared.src.frame.service import Service, run_service
from signal_aggregator.src.adapters.postgres_signals import PostgresSignalStore
from signal_aggregator.src.api import add_routes
from signal_aggregator.src.composition import compose


async def build(service: Service) -> None:
    """Open what the signal aggregator works with."""
    store = PostgresSignalStore(service.database)
    aggregator = compose(settings=service.settings, bus=service.bus, clock=service.clock, store=store)
    for name, task in aggregator.tasks().items():
        service.add_task(name, task)
    service.add_diagnostic("consensus", aggregator.statistics)
    add_routes(service, aggregator, store)


if __name__ == "__main__":
    run_service("signal_aggregator", build)
