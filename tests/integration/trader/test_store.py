"""The trader's store in PostgreSQL."""

from __future__ import annotations

import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import OrderIntent
from shared.src.database import Database
from shared.src.sql import text
from tests.behaviour.trader.store import StoreBehaviour, StoreWorld
from trader.src.adapters.postgres_store import PostgresStore

DECISION = (
    "INSERT INTO decisions (intent_id, consensus_id, symbol, side, kind, approved, reason, intent, decided_at)"
    " VALUES (:id, 'cs', 'BTCUSDC', :side, :kind, TRUE, 'ok', CAST(:intent AS jsonb), :at)"
)


@pytest.fixture
def world(database: Database) -> StoreWorld:
    async def approve(intent: OrderIntent) -> None:
        row = {"id": intent.message_id, "intent": intent.model_dump_json(), "at": intent.occurred_at}
        row |= {"side": intent.side.value, "kind": intent.kind.value}
        async with database.begin() as connection:
            await connection.execute(text(DECISION), row)

    clock = ManualClock()
    return StoreWorld(PostgresStore(database, clock, demo=True), clock, approve)


@pytest.mark.integration
class TestPostgresStore(StoreBehaviour):
    pass
