"""The feature rows that are kept in memory."""

from __future__ import annotations

from decimal import Decimal

from shared.memory.candles import MemoryCandleStore
from shared.memory.features import MemoryFeatureTable
from shared.src.contracts.market import CandleMessage
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe
from shared.src.domain.features import BarFeatures

END = 10**13


def row(minute: int, rsi: float = 50.0) -> BarFeatures:
    return BarFeatures("BTCUSDC", Timeframe.M1, minute * MINUTE_MS, {"rsi_14": rsi})


async def candles_of(minutes: range) -> MemoryCandleStore:
    store, price = MemoryCandleStore(), Decimal(1)
    made = [
        Candle("BTCUSDC", Timeframe.M1, minute * MINUTE_MS, price, price, price, price, price) for minute in minutes
    ]
    await store.store([CandleMessage.of(one, source="stream", occurred_at_ms=one.close_time) for one in made])
    return store


async def test_only_the_newest_rows_are_kept_but_every_bar_is_known_to_have_some() -> None:
    table = MemoryFeatureTable(await candles_of(range(10)), rows_kept=3)
    for minute in range(10):
        table.put([row(minute)])
    assert [kept.time // MINUTE_MS for kept in table.tail(count=5, before_ms=END)] == [7, 8, 9]
    assert table.newest("BTCUSDC", Timeframe.M1) == 9 * MINUTE_MS
    assert not table.is_outdated(("BTCUSDC", Timeframe.M1, 0))


async def test_a_row_that_is_computed_again_replaces_itself_only_while_it_is_kept() -> None:
    table = MemoryFeatureTable(await candles_of(range(10)), rows_kept=3)
    table.put([row(minute) for minute in range(10)])
    table.put([row(2, 1.0), row(8, 2.0)])
    assert [kept.values["rsi_14"] for kept in table.tail(count=5, before_ms=END)] == [50.0, 2.0, 50.0]
