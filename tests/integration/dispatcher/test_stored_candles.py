"""Which candle a row holds, whoever writes it, in whatever order: on the real database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from random import Random

import pytest

from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from shared.src.config import Settings
from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.market.history import PostgresCandleHistory
from shared.src.sql import text

pytestmark = pytest.mark.integration

SYMBOL = "BTCUSDC"
MINUTE_MS = 60_000
SOURCES = ("stream", "repair", CORRECTION)
ROW = text("SELECT close, source, occurred_at, created_at, updated_at FROM market_data")


def message(close: str, at_s: int, *, source: str = "stream", minute: int = 0) -> CandleMessage:
    """A candle of ``minute`` as the gateway published it ``at_s`` seconds after its end."""
    price = Decimal(close)
    candle = Candle(SYMBOL, Timeframe.M1, minute * MINUTE_MS, price, price, price, price, Decimal(1), Decimal(1), 1)
    return CandleMessage.of(candle, source=source, occurred_at_ms=candle.close_time + 1 + at_s * 1000)


def order(candle: CandleMessage) -> tuple[object, ...]:
    """Of two candles the later one counts; of the same moment a correction, then any rule that is always the same."""
    return candle.occurred_at, candle.source == CORRECTION, candle.close


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[PostgresCandleWriter]:
    """The dispatcher that took over."""
    database = Database.of(settings, "other")
    yield PostgresCandleWriter(database)
    await database.close()


async def closes(database: Database) -> list[str]:
    found = await PostgresCandleHistory(database).candles(SYMBOL, Timeframe.M1, until_ms=10**12, count=100)
    return [str(candle.close.normalize()) for candle in found]


async def test_a_dispatcher_that_wakes_up_after_a_correction_does_not_bring_the_old_candle_back(
    database: Database, other: PostgresCandleWriter
) -> None:
    frozen = PostgresCandleWriter(database)
    in_hand = [message("1", 0), message("2", 60, minute=1)]
    await other.store(in_hand)
    await other.store([message("1.5", 90, source=CORRECTION)])
    await frozen.store(in_hand)
    assert await closes(database) == ["1.5", "2"]


async def test_what_was_read_again_and_found_the_same_is_not_replaced_by_what_was_read_before(
    database: Database,
) -> None:
    writer = PostgresCandleWriter(database)
    for candle in (message("1", 0), message("1", 120, source="history"), message("3", 60, source="repair")):
        await writer.store([candle])
    assert await closes(database) == ["1"]


async def test_a_repeated_candle_changes_nothing_and_one_read_again_does_not_count_as_changed(
    database: Database,
) -> None:
    writer = PostgresCandleWriter(database)

    async def row() -> Sequence[object]:
        async with database.begin() as connection:
            return tuple((await connection.execute(ROW)).one())

    await writer.store([message("1", 0)])
    first = await row()
    await writer.store([message("1", 0)])
    assert await row() == first
    await writer.store([message("1", 300, source="history")])
    assert (await row())[3:] == first[3:], "the values did not change"
    await writer.store([message("2", 400, source=CORRECTION)])
    assert (await row())[:2] == (Decimal(2), CORRECTION)
    assert (await row())[4] != first[4]


async def test_every_digit_that_the_column_has_comes_back(database: Database) -> None:
    price, volume = Decimal("1234567890123456.000000000001"), Decimal("123456789012345678901234.000000000009")
    candle = Candle(
        "PEPEUSDC",
        Timeframe.D1,
        0,
        price,
        price + 1,
        Decimal("1E-12"),
        price,
        volume,
        volume + 1,
        2**31 - 1,
        Decimal("0E-8"),
        Decimal("1E+3"),
    )
    await PostgresCandleWriter(database).store([CandleMessage.of(candle, source="stream", occurred_at_ms=0)])
    assert await PostgresCandleHistory(database).candles("PEPEUSDC", Timeframe.D1, until_ms=0, count=1) == [candle]


async def test_the_row_is_the_newest_candle_in_whatever_order_batches_and_by_whichever_replica_it_came(
    database: Database, other: PostgresCandleWriter
) -> None:
    one = PostgresCandleWriter(database)
    for seed in range(30):
        random = Random(seed)
        published = [
            message(
                random.choice("123"), random.randint(0, 4), source=random.choice(SOURCES), minute=random.randint(0, 1)
            )
            for _ in range(random.randint(1, 8))
        ]

        async def write(writer: PostgresCandleWriter, mine: list[CandleMessage], random: Random = random) -> None:
            random.shuffle(mine)
            while mine:
                size = random.randint(1, 3)
                await writer.store(mine[:size])
                del mine[:size]

        async with database.begin() as connection:
            await connection.execute(text("TRUNCATE market_data"))
        await asyncio.gather(write(one, list(published)), write(other, list(published)))
        newest: dict[int, CandleMessage] = {}
        for candle in sorted(published, key=order):
            newest[candle.time] = candle
        assert await closes(database) == [str(newest[time].close) for time in sorted(newest)], f"seed {seed}"
