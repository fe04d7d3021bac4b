"""The table ``decisions``, and the consensus that have no row in it yet."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel

from coordinator.src.adapters.rows import LISTED, row_of
from coordinator.src.decisions import Decision
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import CONSENSUS, ORDER_INTENT, Topic
from shared.src.database import Database
from shared.src.domain.errors import ContractError
from shared.src.sql import text

logger = logging.getLogger(__name__)
M = TypeVar("M", bound=BaseModel)

SWEEP_MAX = 200

_DECIDED = text("SELECT DISTINCT consensus_id FROM decisions WHERE consensus_id = ANY(:ids)")

_COLUMNS = ", ".join(LISTED)
_INSERT = text(f"""
INSERT INTO decisions ({_COLUMNS})
SELECT {_COLUMNS} FROM jsonb_populate_recordset(CAST(NULL AS decisions), CAST(:rows AS jsonb))
ON CONFLICT (intent_id) DO NOTHING RETURNING intent_id
""")

_PUBLISHED = text("UPDATE decisions SET published = TRUE WHERE intent_id = ANY(:ids)")

_UNPUBLISHED = text("""
SELECT intent_id, intent FROM decisions
WHERE approved AND NOT published AND created_at < now() - make_interval(secs => :older_s)
ORDER BY decided_at, intent_id LIMIT :limit
""")

_UNDECIDED = text("""
SELECT s.id, s.metadata -> 'message' AS message FROM trading_signals s
WHERE s.accepted AND s.timestamp >= :since AND s.created_at < now() - make_interval(secs => :older_s)
  AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.consensus_id = s.id)
ORDER BY s.timestamp, s.id LIMIT :limit
""")

_LIST = text(f"""
SELECT {", ".join(LISTED)}
FROM decisions
WHERE (CAST(:symbol AS varchar) IS NULL OR symbol = :symbol)
  AND (CAST(:approved AS boolean) IS NULL OR approved = :approved)
ORDER BY decided_at DESC, intent_id LIMIT :limit
""")

_ONE = text("""
SELECT d.*, s.strategy, s.timeframe, s.strength, s.confidence, s.reason AS consensus_reason, s.votes,
       c.id AS cycle_id, c.status AS cycle_status
FROM decisions d
LEFT JOIN trading_signals s ON s.id = d.consensus_id
LEFT JOIN trade_cycles c ON c.intent_id = d.intent_id
WHERE d.intent_id = :id OR d.consensus_id = :id LIMIT 1
""")


def _readable(rows: Iterable[Any], topic: Topic[M], column: str) -> list[M]:
    """The messages in the rows, but for those that another version or a hand wrote and that break their contract.

    They must not hold up the others; each stays where it is, for whoever looks.
    """
    found = []
    for row in rows:
        try:
            found.append(topic.decode(orjson.dumps(getattr(row, column))))
        except ContractError as error:
            logger.error("row passed over", extra={"topic": topic.name, "reason": str(error)})
    return found


class PostgresDecisionStore:
    """Implements ``coordinator.src.ports.DecisionStore``, one statement each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decided(self, consensus_ids: Collection[str]) -> set[str]:
        async with self._database.autocommit() as connection:
            return set((await connection.execute(_DECIDED, {"ids": list(consensus_ids)})).scalars())

    async def insert(self, decisions: Sequence[Decision]) -> list[Decision]:
        rows = orjson.dumps([row_of(decision) for decision in decisions]).decode()
        async with self._database.autocommit() as connection:
            new = set((await connection.execute(_INSERT, {"rows": rows})).scalars())
        return [decision for decision in decisions if decision.intent_id in new]

    async def mark_published(self, intent_ids: Collection[str]) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(_PUBLISHED, {"ids": list(intent_ids)})

    async def unpublished(self, *, older_s: float) -> list[OrderIntent]:
        async with self._database.autocommit() as connection:
            rows = (await connection.execute(_UNPUBLISHED, {"older_s": older_s, "limit": SWEEP_MAX})).all()
        return _readable(rows, ORDER_INTENT, "intent")

    async def undecided(self, *, since: datetime, older_s: float) -> list[ConsensusSignal]:
        """As the port says."""
        parameters = {"since": since, "older_s": older_s, "limit": SWEEP_MAX}
        async with self._database.autocommit() as connection:
            rows = (await connection.execute(_UNDECIDED, parameters)).all()
        return _readable(rows, CONSENSUS, "message")

    async def latest(self, *, symbol: str | None, approved: bool | None, limit: int) -> list[dict[str, Any]]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(_LIST, {"symbol": symbol, "approved": approved, "limit": limit})
            return [dict(row) for row in rows.mappings()]

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(_ONE, {"id": decision_id})).mappings().one_or_none()
            return dict(row) if row else None
