"""market_analyzer: closed candles become feature frames, one row per symbol, time frame and bar."""

from __future__ import annotations

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports TA-Lib

# isort: split
from market_analyzer.src.adapters.postgres_features import PostgresFeatureStore
from market_analyzer.src.composition import compose
from shared.src.frame.service import Service, run_service
from shared.src.market.history import PostgresCandleHistory


async def build(service: Service) -> None:
    """Open what the market analyzer works with."""
    settings = service.settings
    listener = compose(
        settings=settings,
        bus=service.bus,
        clock=service.clock,
        candles=PostgresCandleHistory(service.database),
        store=await PostgresFeatureStore.open(service.database),
        values=service.last_values,
    )
    for name, task in listener.tasks().items():
        service.add_task(name, task)
    service.add_diagnostic("indicators", listener.statistics)


if __name__ == "__main__":
    run_service("market_analyzer", build)
