"""What every store of decisions does, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from coordinator.src.adapters.memory_decisions import MemoryDecisionStore
from coordinator.src.adapters.postgres_decisions import PostgresDecisionStore
from coordinator.src.decisions import Decision, decision_of
from coordinator.src.ports import DecisionStore
from core.risk.entry_decisions import SignalVerdict
from core.risk.exit_levels import Levels
from core.risk.verdicts import Approved, Refused
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.signals import ConsensusSignal
from shared.src.database import Database
from shared.src.domain.clock import from_ms
from shared.src.sql import text
from tests.integration.coordinator.conftest import write_signal
from tests.unit.core.risk.builders import CLOSE_MS, consensus

pytestmark = pytest.mark.integration

NOW = from_ms(CLOSE_MS + 1000)
ENTRY = Approved(Decimal("0.01"), Decimal(505), "active", Levels(Decimal(49_000), Decimal(52_000)))


@dataclass
class Kept:
    """A store, and a way to let a consensus be accepted that it finds."""

    store: DecisionStore
    accept: Callable[[ConsensusSignal], Awaitable[None]]
    accepted: list[ConsensusSignal] = field(default_factory=list)


@pytest.fixture(params=["memory", "postgres"])
def kept(request: pytest.FixtureRequest) -> Kept:
    if request.param == "postgres":
        database = request.getfixturevalue("database")
        return Kept(PostgresDecisionStore(database), lambda signal: write_signal(database, signal))
    accepted: list[ConsensusSignal] = []

    async def all_accepted() -> list[ConsensusSignal]:
        return accepted

    async def accept(signal: ConsensusSignal) -> None:
        accepted.append(signal)

    return Kept(MemoryDecisionStore(ManualClock(NOW), all_accepted), accept)


@pytest.fixture
def store(kept: Kept) -> DecisionStore:
    return kept.store


def decision(symbol: str = "BTCUSDC", verdict: SignalVerdict = ENTRY, *, second: int = 0) -> Decision:
    now = NOW + timedelta(seconds=second)
    return decision_of(consensus(symbol=symbol), verdict, now=now, trailing_delta_bips=None)


async def listed(store: DecisionStore, **wanted: Any) -> list[str]:
    rows = await store.latest(**({"symbol": None, "approved": None, "limit": 100} | wanted))
    return [row["symbol"] for row in rows]


async def test_a_decision_is_kept_once(store: DecisionStore) -> None:
    first, second = decision(), decision("ETHUSDC")
    assert await store.insert([first]) == [first]
    assert await store.insert([first, second]) == [second]
    assert await store.decided([consensus().message_id, "con-other"]) == {consensus().message_id}


async def test_what_is_not_published_comes_back_oldest_first(store: DecisionStore) -> None:
    late, early, refused = decision(second=2), decision("ETHUSDC"), decision("SOLUSDC", Refused("no"))
    await store.insert([late, early, refused])
    assert await store.unpublished(older_s=60) == []
    assert await store.unpublished(older_s=0) == [early.intent, late.intent]
    await store.mark_published([early.intent_id])
    assert await store.unpublished(older_s=0) == [late.intent]


async def test_accepted_consensus_without_a_decision_are_found_oldest_first(kept: Kept) -> None:
    signals = [consensus(close_time=CLOSE_MS - minute * 60_000) for minute in range(3)]
    for signal in signals:
        await kept.accept(signal)
    await kept.store.insert([decision_of(signals[1], Refused("no"), now=NOW, trailing_delta_bips=None)])
    since = from_ms(CLOSE_MS) - timedelta(hours=1)
    assert await kept.store.undecided(since=since, older_s=0) == [signals[2], signals[0]]
    assert await kept.store.undecided(since=from_ms(CLOSE_MS), older_s=0) == [signals[0]]


async def test_decisions_are_listed_newest_first(store: DecisionStore) -> None:
    await store.insert([decision(), decision("ETHUSDC", Refused("no"), second=1), decision("SOLUSDC", second=2)])
    assert await listed(store) == ["SOLUSDC", "ETHUSDC", "BTCUSDC"]
    assert await listed(store, approved=False) == ["ETHUSDC"]
    assert await listed(store, symbol="BTCUSDC") == ["BTCUSDC"]
    assert await listed(store, limit=1) == ["SOLUSDC"]


async def test_a_row_says_what_was_decided(store: DecisionStore) -> None:
    made = decision()
    await store.insert([made])
    (row,) = await store.latest(symbol=None, approved=None, limit=1)
    assert made.intent is not None
    assert row == {
        "intent_id": made.intent_id,
        "consensus_id": consensus().message_id,
        "symbol": "BTCUSDC",
        "side": "BUY",
        "kind": "entry",
        "approved": True,
        "reason": made.reason,
        "intent": made.intent.model_dump(mode="json"),
        "published": False,
        "decided_at": NOW,
    }


async def test_a_decision_is_found_by_its_intent_or_its_consensus(kept: Kept) -> None:
    await kept.accept(consensus())
    await kept.store.insert([decision()])
    for name in (decision().intent_id, consensus().message_id):
        row = await kept.store.one(name)
        assert row is not None
        assert (row["symbol"], row["strategy"], row["timeframe"]) == ("BTCUSDC", "EMA_Cross_Strategy", "1m")
    assert await kept.store.one("int-other") is None


async def test_an_intent_that_breaks_its_contract_holds_up_no_other(database: Database) -> None:
    store = PostgresDecisionStore(database)
    odd, sound = decision(), decision("ETHUSDC", second=1)
    await store.insert([odd, sound])
    async with database.begin() as connection:
        spoiled = "UPDATE decisions SET intent = jsonb_set(intent, '{side}', '\"HOLD\"') WHERE intent_id = :id"
        await connection.execute(text(spoiled), {"id": odd.intent_id})
    assert await store.unpublished(older_s=0) == [sound.intent]
