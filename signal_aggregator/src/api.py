"""What the signal aggregator answers over HTTP: its decisions."""

from typing import Annotated, Any

from fastapi import HTTPException, Query

from shared.src.frame.service import Service
from signal_aggregator.src.consensus import SignalAggregatorService
from signal_aggregator.src.ports import SignalStore


def add_routes(service: Service, aggregator: SignalAggregatorService, store: SignalStore) -> None:
    """Open the routes."""

    @service.app.get("/decisions", tags=["signals"])
    async def decisions(
        symbol: str | None = None, accepted: bool | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> list[dict[str, Any]]:
        return await store.recent(symbol=symbol, accepted=accepted, limit=limit)

    @service.app.get("/decisions/{decision_id}", tags=["signals"])
    async def decision(decision_id: str) -> dict[str, Any]:
        found = await store.one(decision_id)
        if found is None:
            raise HTTPException(404, f"there is no decision {decision_id}")
        return found

    @service.app.get("/stats", tags=["operations"])
    async def stats() -> dict[str, Any]:
        return aggregator.statistics()
