"""The table ``decisions``, and what the coordinator reads of the others' tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import text

from coordinator.src.pocket_checker import OpenCycle, View
from core.capital.pockets import Pocket, availability
from shared.src.contracts.orders import DecisionMade, OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import CONSENSUS, ORDER_INTENT
from shared.src.database import Database
from shared.src.domain.clock import to_ms
from shared.src.domain.errors import ContractError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import IntentKind, Side
from shared.src.domain.symbols import split_symbol
from shared.src.sql import ENDED_CYCLES

SWEEP_MAX = 200

# One round trip; amounts travel as text inside the JSON.
_VIEW = text(f"""
SELECT
  (SELECT json_agg(json_build_object('id', id, 'symbol', symbol, 'created_ms', extract(epoch FROM created_at) * 1000,
                   'cost', (GREATEST(quantity - exit_quantity, 0) * COALESCE(entry_price, 0))::text,
                   'reserved', (SELECT r.amount::text FROM pocket_reservations r
                                WHERE r.intent_id = c.intent_id AND r.status = 'active')))
   FROM trade_cycles c WHERE status NOT IN {ENDED_CYCLES}) AS cycles,
  (SELECT json_agg(json_build_object('symbol', d.symbol, 'amount', r.amount::text))
   FROM pocket_reservations r JOIN decisions d USING (intent_id)
   WHERE r.status = 'active' AND d.approved
     AND NOT EXISTS (SELECT 1 FROM trade_cycles c WHERE c.intent_id = r.intent_id)) AS pending,
  (SELECT json_object_agg(pocket, json_build_array(share_percent::text, total::text, reserved::text, used::text))
   FROM capital_pockets) AS pockets,
  (SELECT COALESCE(sum(profit_loss), 0) FROM trade_cycles
   WHERE status = 'completed' AND completed_at >= :day) AS profit_today,
  (SELECT json_object_agg(scope, reason) FROM trading_pauses) AS pauses,
  (SELECT array_agg(consensus_id) FROM decisions WHERE consensus_id = ANY(:ids)) AS decided
""")

_COLUMNS = "intent_id, consensus_id, symbol, side, kind, approved, reason, intent, decided_at"
_INSERT = text(f"""
INSERT INTO decisions ({_COLUMNS})
SELECT {_COLUMNS} FROM jsonb_populate_recordset(CAST(NULL AS decisions), CAST(:rows AS jsonb))
ON CONFLICT (intent_id) DO NOTHING RETURNING intent_id
""")

_PUBLISHED = text("UPDATE decisions SET published = TRUE WHERE intent_id = ANY(:ids)")

_UNPUBLISHED = text("""
SELECT intent_id, intent FROM decisions
WHERE approved AND NOT published AND created_at < now() - make_interval(secs => :older_s)
ORDER BY decided_at LIMIT :limit
""")

_UNDECIDED = text("""
SELECT s.id, s.metadata -> 'message' AS message FROM trading_signals s
WHERE s.accepted AND s.timestamp >= :since AND s.created_at < now() - make_interval(secs => :older_s)
  AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.consensus_id = s.id)
ORDER BY s.timestamp LIMIT :limit
""")

_LIST = text("""
SELECT intent_id, consensus_id, symbol, side, kind, approved, reason, intent, published, decided_at
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


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided; ``intent`` is there when it was approved."""

    intent_id: str
    signal: ConsensusSignal
    kind: IntentKind
    reason: str
    decided_at: datetime
    intent: OrderIntent | None = None

    def notice(self) -> DecisionMade:
        return DecisionMade(
            message_id=self.intent_id,
            occurred_at=self.decided_at,
            correlation_id=self.signal.correlation_id,
            intent_id=self.intent_id,
            consensus_id=self.signal.message_id,
            symbol=self.signal.symbol,
            side=self.signal.side,
            kind=self.kind,
            approved=self.intent is not None,
            reason=self.reason,
        )


class DecisionStore:
    """Reads and writes, one transaction each."""

    def __init__(self, database: Database, *, quote_asset: str) -> None:
        self._database = database
        self._quote = quote_asset

    async def view(self, now: datetime, consensus_ids: Sequence[str]) -> tuple[View, set[str]]:
        """The state that decisions are made on, and which of the consensus have been decided."""
        day = now.replace(hour=0, minute=0, second=0, microsecond=0)
        async with self._database.autocommit() as connection:
            row = (await connection.execute(_VIEW, {"day": day, "ids": list(consensus_ids)})).one()
        cycles = row.cycles or []
        exposure: dict[str, Decimal] = {}
        for entry in cycles:
            at_stake = Decimal(entry["cost"]) or Decimal(entry["reserved"] or 0)
            self._add(exposure, entry["symbol"], at_stake)
        for entry in row.pending or []:
            self._add(exposure, entry["symbol"], Decimal(entry["amount"]))
        view = View(
            now_ms=to_ms(now),
            cycles=tuple(OpenCycle(entry["id"], entry["symbol"], int(entry["created_ms"])) for entry in cycles),
            pending=tuple(entry["symbol"] for entry in row.pending or []),
            exposure=exposure,
            profit_today=row.profit_today,
            pauses=row.pauses or {},
        )
        return _with_pockets(view, row.pockets or {}), set(row.decided or [])

    def _add(self, exposure: dict[str, Decimal], symbol: str, amount: Decimal) -> None:
        base, _ = split_symbol(symbol, quote_first=self._quote)
        exposure[base] = exposure.get(base, ZERO) + amount

    async def insert(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Write decisions in one statement; answers those that were not there before."""
        rows = orjson.dumps([_row(decision) for decision in decisions]).decode()
        async with self._database.autocommit() as connection:
            new = set((await connection.execute(_INSERT, {"rows": rows})).scalars())
        return [decision for decision in decisions if decision.intent_id in new]

    async def mark_published(self, intent_ids: Sequence[str]) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(_PUBLISHED, {"ids": list(intent_ids)})

    async def unpublished(self, *, older_s: float) -> list[OrderIntent]:
        """Approved intents that were committed and not sent, oldest first."""
        async with self._database.autocommit() as connection:
            rows = (await connection.execute(_UNPUBLISHED, {"older_s": older_s, "limit": SWEEP_MAX})).all()
        return [ORDER_INTENT.decode(orjson.dumps(row.intent)) for row in rows]

    async def undecided(self, *, since: datetime, older_s: float) -> list[ConsensusSignal]:
        """Accepted consensus that nobody decided on, oldest first. Rows without their message are passed over."""
        parameters = {"since": since, "older_s": older_s, "limit": SWEEP_MAX}
        async with self._database.autocommit() as connection:
            rows = (await connection.execute(_UNDECIDED, parameters)).all()
        signals = []
        for row in rows:
            try:
                signals.append(CONSENSUS.decode(orjson.dumps(row.message)))
            except ContractError:
                continue  # written by another version or by hand; the row itself stays visible
        return signals

    async def latest(self, *, symbol: str | None, approved: bool | None, limit: int) -> list[dict[str, Any]]:
        """Decisions, newest first."""
        async with self._database.autocommit() as connection:
            rows = await connection.execute(_LIST, {"symbol": symbol, "approved": approved, "limit": limit})
            return [dict(row) for row in rows.mappings()]

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        """A decision by its intent id or its consensus id, with the consensus behind it and the cycle after it."""
        async with self._database.autocommit() as connection:
            row = (await connection.execute(_ONE, {"id": decision_id})).mappings().one_or_none()
            return dict(row) if row else None


def _with_pockets(view: View, pockets: dict[str, list[str]]) -> View:
    known = [Pocket(name, *(Decimal(number) for number in numbers)) for name, numbers in pockets.items()]
    return replace(view, capital=sum((pocket.total for pocket in known), ZERO), pockets=availability(known))


def _row(decision: Decision) -> dict[str, Any]:
    return {
        "intent_id": decision.intent_id,
        "consensus_id": decision.signal.message_id,
        "symbol": decision.signal.symbol,
        "side": Side(decision.signal.side).value,
        "kind": decision.kind.value,
        "approved": decision.intent is not None,
        "reason": decision.reason,
        "intent": orjson.Fragment(ORDER_INTENT.encode(decision.intent)) if decision.intent else None,
        "decided_at": decision.decided_at,
    }
