"""What every store of parameters does, in memory and in PostgreSQL."""

from __future__ import annotations

import pytest

from analyzer.src.adapters.memory_parameters import MemoryParameterStore
from analyzer.src.adapters.postgres_parameters import PostgresParameterStore
from analyzer.src.parameters import AUTHOR_CHARACTERS_MAX
from analyzer.src.ports import ParameterStore
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import ConfigurationError
from tests.unit.analyzer.test_parameters import strategy

pytestmark = pytest.mark.integration

RSI = strategy("RSI_Strategy")
EMA = strategy("EMA_Cross")


@pytest.fixture(params=["memory", "postgres"])
def store(request: pytest.FixtureRequest) -> ParameterStore:
    if request.param == "postgres":
        return PostgresParameterStore(request.getfixturevalue("database"))
    return MemoryParameterStore(ManualClock())


async def test_nothing_is_set_at_first(store: ParameterStore) -> None:
    assert (await store.current(), await store.version(), list(await store.history("RSI_Strategy"))) == ({}, 0, [])


async def test_a_change_holds_and_keeps_what_was_set_before(store: ParameterStore) -> None:
    assert await store.change(RSI, {"oversold": 25.0}, author="a") == {"oversold": 25.0}
    before = await store.version()
    assert await store.change(RSI, {"overbought": 75.0}, author="b") == {"oversold": 25.0, "overbought": 75.0}
    assert await store.version() > before
    await store.change(EMA, {"adx_min": 20.0}, author="b")
    assert await store.current() == {
        "RSI_Strategy": {"oversold": 25.0, "overbought": 75.0},
        "EMA_Cross": {"adx_min": 20.0},
    }


async def test_a_strategy_that_gave_everything_back_has_no_overrides(store: ParameterStore) -> None:
    await store.change(RSI, {"oversold": 25.0}, author="a")
    assert await store.change(RSI, {"oversold": None}, author="a") == {}
    assert await store.current() == {}


async def test_what_is_out_of_bounds_changes_nothing(store: ParameterStore) -> None:
    await store.change(RSI, {"oversold": 25.0}, author="a")
    before = await store.version()
    with pytest.raises(ConfigurationError, match="oversold must be between 5 and 45"):
        await store.change(RSI, {"oversold": 99.0, "overbought": 75.0}, author="a")
    assert (await store.current(), await store.version()) == ({"RSI_Strategy": {"oversold": 25.0}}, before)


async def test_the_last_changes_come_first_with_their_authors(store: ParameterStore) -> None:
    for value in (21.0, 22.0, 23.0):
        await store.change(RSI, {"oversold": value}, author=f"author {value:g}" + "x" * AUTHOR_CHARACTERS_MAX)
    await store.change(EMA, {"adx_min": 20.0}, author="b")
    found = await store.history("RSI_Strategy", 2)
    assert [row["parameters"] for row in found] == [{"oversold": 23.0}, {"oversold": 22.0}]
    assert found[0]["author"].startswith("author 23x")
    assert len(found[0]["author"]) == AUTHOR_CHARACTERS_MAX
    assert set(found[0]) == {"parameters", "author", "changed_at"}
