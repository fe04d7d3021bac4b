"""What every store of features does, in memory and in PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from market_analyzer.src.adapters.memory_features import MemoryFeatureStore
from market_analyzer.src.adapters.postgres_features import PostgresFeatureStore
from market_analyzer.src.ports import FeatureStore, Place
from shared.memory.candles import MemoryCandleStore
from shared.memory.features import MemoryFeatureTable
from shared.src.contracts.market import CandleMessage
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe
from shared.src.domain.errors import LeaseLostError
from shared.src.domain.features import BarFeatures
from shared.src.market.ports import CandleWriter

pytestmark = pytest.mark.integration

SYMBOL = "BTCUSDC"
Opened = tuple[FeatureStore, CandleWriter]
Open = Callable[[], Awaitable[Opened]]


@pytest.fixture(params=["memory", "postgres"])
def opened(request: pytest.FixtureRequest) -> Open:
    """A store of features, and the candles they are computed from."""
    if request.param == "postgres":
        database = request.getfixturevalue("database")

        async def open_postgres() -> Opened:
            return await PostgresFeatureStore.open(database), PostgresCandleWriter(database)

        return open_postgres
    candles = MemoryCandleStore()

    async def open_memory() -> Opened:
        return MemoryFeatureStore(MemoryFeatureTable(candles)), candles

    return open_memory


async def confirmed() -> None:
    """Nobody else has the candles."""


async def lost() -> None:
    raise LeaseLostError("another replica has them")


def row(minute: int, rsi: float = 50.0, *, timeframe: Timeframe = Timeframe.M1) -> BarFeatures:
    return BarFeatures(SYMBOL, timeframe, minute * MINUTE_MS, {"close": 1.0, "rsi_14": rsi, "active_bars_20": 20.0})


def candle(minute: int, close: str = "1", at_s: int = 0) -> CandleMessage:
    price = Decimal(close)
    made = Candle(SYMBOL, Timeframe.M1, minute * MINUTE_MS, price, price, price, price, Decimal(1))
    return CandleMessage.of(made, source="stream", occurred_at_ms=made.close_time + 1 + at_s * 1000)


def place(minute: int) -> Place:
    return SYMBOL, Timeframe.M1, minute * MINUTE_MS


async def test_the_newest_bar_with_features_is_known_by_series(opened: Open) -> None:
    store, _ = await opened()
    assert await store.newest(SYMBOL, Timeframe.M1) is None
    await store.store([row(7), row(8), row(5, timeframe=Timeframe.M5)], confirmed)
    assert await store.newest(SYMBOL, Timeframe.M1) == 8 * MINUTE_MS
    assert await store.newest(SYMBOL, Timeframe.M5) == 5 * MINUTE_MS
    assert await store.newest("ETHUSDC", Timeframe.M1) is None


async def test_nothing_is_stored_when_another_replica_has_the_candles(opened: Open) -> None:
    store, _ = await opened()
    with pytest.raises(LeaseLostError):
        await store.store([row(7)], lost)
    assert await store.newest(SYMBOL, Timeframe.M1) is None


async def test_a_bar_is_outdated_without_features_and_once_its_candle_changed(opened: Open) -> None:
    store, candles = await opened()
    await candles.store([candle(1), candle(2), candle(3)])
    await store.store([row(1), row(2)], confirmed)
    asked = [place(minute) for minute in (1, 2, 3, 4)]
    assert await store.outdated(asked) == {place(3)}, "minute 4 has no candle"
    await candles.store([candle(1, at_s=60), candle(2, "1.5", at_s=60)])
    assert await store.outdated(asked) == {place(2), place(3)}, "minute 1 was only read again"
    await store.store([row(2), row(3)], confirmed)
    assert await store.outdated(asked) == set()


async def test_only_bars_that_are_asked_for_are_returned(opened: Open) -> None:
    store, candles = await opened()
    await candles.store([candle(1), candle(2)])
    assert await store.outdated([place(2)]) == {place(2)}
