"""Features that one service stores and the other reads back, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import pytest

from analyzer.src.adapters.memory_features import MemoryStoredFeatures
from analyzer.src.adapters.postgres_features import PostgresStoredFeatures
from analyzer.src.ports import StoredFeatures
from core.features.engine import IndicatorEngine
from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from market_analyzer.src.adapters.memory_features import MemoryFeatureStore
from market_analyzer.src.adapters.postgres_features import PostgresFeatureStore
from market_analyzer.src.ports import FeatureStore
from shared.memory.candles import MemoryCandleStore
from shared.memory.features import MemoryFeatureTable
from shared.src.contracts.market import CandleMessage
from shared.src.domain.candles import Candle
from shared.src.domain.features import BarFeatures, FeatureValue
from shared.src.market.ports import CandleWriter
from tests.integration.pipeline.recorded import candle

pytestmark = pytest.mark.integration

BARS = range(300)
SYMBOLS = ("BTCUSDT", "ETHUSDT")


@dataclass(frozen=True)
class Tables:
    candles: CandleWriter
    written: FeatureStore
    read: StoredFeatures


Open = Callable[[], Awaitable[Tables]]


@pytest.fixture(params=["memory", "postgres"])
def opened(request: pytest.FixtureRequest) -> Open:
    if request.param == "postgres":
        database = request.getfixturevalue("database")

        async def open_postgres() -> Tables:
            store = await PostgresFeatureStore.open(database)
            return Tables(PostgresCandleWriter(database), store, PostgresStoredFeatures(database))

        return open_postgres

    async def open_memory() -> Tables:
        candles = MemoryCandleStore()
        table = MemoryFeatureTable(candles)
        return Tables(candles, MemoryFeatureStore(table), MemoryStoredFeatures(table))

    return open_memory


async def confirmed() -> None:
    """Nobody else has the candles."""


def computed(symbol: str) -> list[tuple[Candle, BarFeatures]]:
    engine = IndicatorEngine(symbol, "1m")
    bars = [candle(symbol, number) for number in BARS]
    return [(bar, BarFeatures(symbol, bar.timeframe, bar.time, engine.update(bar))) for bar in bars]


def known(values: Mapping[str, FeatureValue]) -> dict[str, FeatureValue]:
    return {name: value for name, value in values.items() if value is not None}


async def filled(tables: Tables) -> dict[str, list[BarFeatures]]:
    """The features of two symbols, stored as they come; as they were computed."""
    made = {}
    for symbol in SYMBOLS:
        pairs = computed(symbol)
        messages = [CandleMessage.of(bar, source="stream", occurred_at_ms=bar.close_time) for bar, _ in pairs]
        await tables.candles.store(messages)
        made[symbol] = [row for _, row in pairs]
        await tables.written.store(made[symbol], confirmed)
    return made


async def test_a_stored_row_has_every_value_that_its_frame_had(opened: Open) -> None:
    tables = await opened()
    made = await filled(tables)
    for symbol in SYMBOLS:
        read = [row for row in await tables.read.tail(count=5) if row.symbol == symbol]
        assert [row.time for row in read] == [row.time for row in made[symbol][-5:]]
        for row, expected in zip(read, made[symbol][-5:], strict=True):
            assert known(row.values) == known(expected.values)


async def test_rows_are_of_bars_that_closed_before_a_moment(opened: Open) -> None:
    tables = await opened()
    last = (await filled(tables))["BTCUSDT"][-1]
    read = await tables.read.tail(count=3, before_ms=last.close_time)
    assert {symbol: [row.time for row in read if row.symbol == symbol] for symbol in SYMBOLS} == {
        symbol: [last.time - minutes * 60_000 for minutes in (3, 2, 1)] for symbol in SYMBOLS
    }


async def test_an_empty_table_has_no_rows(opened: Open) -> None:
    assert list(await (await opened()).read.tail(count=3)) == []
