"""signal_aggregator: votes become one decision per symbol, time frame and bar."""

from typing import Annotated, Any

from fastapi import HTTPException, Query

from shared.src.contracts.topics import VOTES
from shared.src.frame.service import Service, run_service
from signal_aggregator.src.consensus import SignalAggregatorService, rules_of


async def build(service: Service) -> None:
    """Compose the signal aggregator."""
    aggregator = SignalAggregatorService(
        database=service.database,
        bus=service.bus,
        clock=service.clock,
        rules=rules_of(service.settings),
        market_mode=service.settings.market_mode,
    )
    service.bus.subscribe_fenced(VOTES, aggregator.on_votes, group="signal_aggregator")
    service.add_task("votes", service.bus.run)
    service.add_task("pending", aggregator.publish_pending)
    service.add_diagnostic("consensus", aggregator.statistics)

    @service.app.get("/decisions", tags=["signals"])
    async def decisions(
        symbol: str | None = None, accepted: bool | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 50
    ) -> list[dict[str, Any]]:
        return await aggregator.recent(symbol=symbol, accepted=accepted, limit=limit)

    @service.app.get("/decisions/{decision_id}", tags=["signals"])
    async def decision(decision_id: str) -> dict[str, Any]:
        found = await aggregator.explain(decision_id)
        if found is None:
            raise HTTPException(404, f"there is no decision {decision_id}")
        return found

    @service.app.get("/stats", tags=["operations"])
    async def stats() -> dict[str, Any]:
        return aggregator.statistics()


if __name__ == "__main__":
    run_service("signal_aggregator", build)
