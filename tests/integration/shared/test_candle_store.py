"""What stored candles do, in memory and in PostgreSQL."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

import pytest

from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from shared.memory.candles import MemoryCandleStore
from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.domain.candles import MINUTE_MS, Candle, Gap, Timeframe
from shared.src.market.history import PostgresCandleHistory
from shared.src.market.ports import CandleHistory, CandleWriter

pytestmark = pytest.mark.integration

BTC, ETH = "BTCUSDC", "ETHUSDC"
END = 10**12


class Table(Protocol):
    """Both ends of the stored candles."""

    @property
    def reader(self) -> CandleHistory: ...
    @property
    def writer(self) -> CandleWriter: ...


class Both:
    def __init__(self, reader: CandleHistory, writer: CandleWriter) -> None:
        self.reader = reader
        self.writer = writer


@pytest.fixture(params=["memory", "postgres"])
def table(request: pytest.FixtureRequest) -> Table:
    if request.param == "postgres":
        database = request.getfixturevalue("database")
        return Both(PostgresCandleHistory(database), PostgresCandleWriter(database))
    store = MemoryCandleStore()
    return Both(store, store)


def message(
    minute: int,
    price: str = "1",
    *,
    at_s: int = 0,
    source: str = "stream",
    symbol: str = BTC,
    timeframe: Timeframe = Timeframe.M1,
) -> CandleMessage:
    """A candle as the gateway published it ``at_s`` seconds after its end."""
    at, open_ms = Decimal(price), minute * MINUTE_MS
    candle = Candle(symbol, timeframe, open_ms, at, at + 1, at / 2, at, Decimal("2.5"), at * 2, 3, Decimal(1), at)
    return CandleMessage.of(candle, source=source, occurred_at_ms=candle.close_time + 1 + at_s * 1000)


async def prices(table: Table, *, until: int = END, count: int = 100) -> list[str]:
    found = await table.reader.candles(BTC, Timeframe.M1, until_ms=until, count=count)
    assert found == sorted(found, key=lambda candle: candle.time)
    return [str(candle.close.normalize()) for candle in found]


async def test_a_candle_comes_back_as_it_was(table: Table) -> None:
    stored = message(7, "12.34567891")
    await table.writer.store([stored])
    assert await table.reader.candles(BTC, Timeframe.M1, until_ms=END, count=5) == [stored.candle()]


async def test_the_newest_up_to_a_time_are_returned_oldest_first(table: Table) -> None:
    await table.writer.store([message(minute, str(minute)) for minute in (3, 1, 2, 5, 4)])
    assert await prices(table, until=4 * MINUTE_MS, count=2) == ["3", "4"]
    assert await prices(table, until=0) == []


async def test_series_are_kept_apart(table: Table) -> None:
    await table.writer.store([message(5, "1"), message(5, "2", symbol=ETH), message(5, "3", timeframe=Timeframe.M5)])
    assert await prices(table) == ["1"]


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (message(1, "1", at_s=5), message(1, "2", at_s=6), "2"),
        (message(1, "1", at_s=5), message(1, "2", at_s=4), "1"),
        (message(1, "1", at_s=5), message(1, "2", at_s=5, source=CORRECTION), "2"),
        (message(1, "1", at_s=5, source=CORRECTION), message(1, "2", at_s=5), "1"),
        (message(1, "1", at_s=5), message(1, "2", at_s=5), "2"),
        (message(1, "2", at_s=5), message(1, "1", at_s=5), "2"),
    ],
)
async def test_of_two_the_later_counts_then_the_correction(
    table: Table, first: CandleMessage, second: CandleMessage, kept: str
) -> None:
    await table.writer.store([first])
    await table.writer.store([second])
    assert await prices(table) == [kept]


async def test_within_one_batch_the_order_does_not_count_either(table: Table) -> None:
    await table.writer.store([message(1, "2", at_s=9), message(1, "1"), message(1, "3", at_s=5)])
    assert await prices(table) == ["2"]


async def test_a_candle_that_was_read_again_moves_on_in_time(table: Table) -> None:
    """So that one published in between and written later does not replace it."""
    for one in (message(1, "1"), message(1, "1", at_s=120, source="history"), message(1, "3", at_s=60)):
        await table.writer.store([one])
    assert await prices(table) == ["1"]


async def test_nothing_is_stored_of_an_empty_batch(table: Table) -> None:
    await table.writer.store([])
    assert await table.reader.newest(BTC) == {}


async def test_the_newest_of_each_time_frame_is_known(table: Table) -> None:
    five = message(5, timeframe=Timeframe.M5)
    await table.writer.store([message(8), message(9), five, message(20, symbol=ETH)])
    assert await table.reader.newest(BTC) == {Timeframe.M1: 9 * MINUTE_MS, Timeframe.M5: 5 * MINUTE_MS}


async def test_holes_are_between_stored_minutes_only(table: Table) -> None:
    await table.writer.store([message(minute) for minute in (1, 2, 5, 6, 9)])
    await table.writer.store([message(minute, symbol=ETH) for minute in (1, 2, 3)])
    await table.writer.store([message(minute, timeframe=Timeframe.M5) for minute in (0, 50)])
    first, second = Gap(3 * MINUTE_MS, 5 * MINUTE_MS), Gap(7 * MINUTE_MS, 9 * MINUTE_MS)
    assert await table.reader.holes(since_ms=0) == {BTC: [first, second]}
    assert await table.reader.holes(since_ms=5 * MINUTE_MS) == {BTC: [second]}
