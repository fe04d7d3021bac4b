"""The dispatcher's own routes: dead letters."""

from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query

from dispatcher.src.ports import DeadLetterStore
from dispatcher.src.service import DispatcherService
from shared.src.frame.auth import Principal, Scope
from shared.src.frame.service import Service


def add_routes(service: Service, dispatcher: DispatcherService, letters: DeadLetterStore) -> None:
    """Open the routes."""

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
