"""What every store of dead letters does, in memory and in PostgreSQL."""

from __future__ import annotations

import pytest

from dispatcher.src.adapters.memory_dead_letters import MemoryDeadLetters
from dispatcher.src.adapters.postgres_dead_letters import PostgresDeadLetters
from dispatcher.src.ports import DeadLetterStore
from shared.memory.manual_clock import ManualClock
from shared.src.bus.dead_letters import DeadLetter

pytestmark = pytest.mark.integration


@pytest.fixture(params=["memory", "postgres"])
def letters(request: pytest.FixtureRequest) -> DeadLetterStore:
    if request.param == "postgres":
        return PostgresDeadLetters(request.getfixturevalue("database"))
    return MemoryDeadLetters(ManualClock())


def letter(text: str) -> DeadLetter:
    return DeadLetter.of("roottrading:a:topic", consumer="group", raw=text.encode(), reason="it is not JSON")


async def test_a_letter_is_kept_once(letters: DeadLetterStore) -> None:
    assert [await letters.store(letter(text)) for text in ("one", "two", "one")] == [True, True, False]
    found = await letters.recent(10)
    assert [row["payload"] for row in found] == ["two", "one"]
    assert {name: found[0][name] for name in ("source", "consumer", "reason", "replayed_at")} == {
        **{"source": "roottrading:a:topic", "consumer": "group", "reason": "it is not JSON", "replayed_at": None},
    }
    assert set(found[0]) == {"id", "source", "consumer", "reason", "payload", "occurred_at", "replayed_at"}
    assert len(await letters.recent(1)) == 1


async def test_a_letter_that_is_replayed_says_so(letters: DeadLetterStore) -> None:
    await letters.store(letter("one"))
    (kept,) = await letters.recent(1)
    assert await letters.take_for_replay(kept["id"]) == ("roottrading:a:topic", "one")
    assert (await letters.recent(1))[0]["replayed_at"] is not None
    assert await letters.take_for_replay(kept["id"] + 1) is None
