"""Each edition of the database keeps market data its own way; the names and the numbers are the same on all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import psycopg
import pytest

from database.levels import AGGREGATES, COMPRESS_AFTER, COMPRESS_BY, HYPERTABLES, REFRESH_FROM, RETENTION
from database.migrate import migrate
from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from shared.src.config import Settings
from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.database import Database, DatabaseLevel
from shared.src.domain.candles import Candle, Timeframe, merge
from shared.src.market.history import PostgresCandleHistory

pytestmark = pytest.mark.integration

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000
UNITS = {"days": 1, "months": 30, "year": 365, "years": 365}


@pytest.fixture
def connection(settings: Settings) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(settings.database_url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def level(settings: Settings) -> DatabaseLevel:
    return migrate(settings.database_url)


def minutes(count: int, seed: int = 5) -> list[Candle]:
    random = Random(seed)
    made = []
    for index in range(count):
        prices = sorted(Decimal(random.randint(10_000, 99_999)).scaleb(-8) for _ in range(4))
        volume = Decimal(0) if random.random() < 0.3 else Decimal(random.randint(1, 10**14)).scaleb(-2)
        made.append(
            Candle(
                "PEPEUSDC",
                Timeframe.M1,
                START_MS + index * 60_000,
                prices[1],
                prices[3],
                prices[0],
                prices[2],
                volume,
                Decimal(random.randint(0, 10**15)).scaleb(-8),
                random.randint(0, 999),
                Decimal(random.randint(0, 10**10)),
                Decimal(random.randint(0, 10**10)),
            )
        )
    return made


def messages(candles: list[Candle], source: str = "stream") -> list[CandleMessage]:
    return [CandleMessage.of(candle, source=source, occurred_at_ms=candle.close_time) for candle in candles]


async def test_candle_views_sum_up_what_is_stored_to_the_last_digit(
    database: Database, connection: psycopg.Connection[Any], level: DatabaseLevel
) -> None:
    made = minutes(1440)
    await PostgresCandleWriter(database).store(messages(made))
    if level is DatabaseLevel.COMMUNITY:
        for timeframe in AGGREGATES:
            connection.execute(f"CALL refresh_continuous_aggregate('candles_{timeframe}', NULL, NULL)")
    for timeframe in map(Timeframe, AGGREGATES):
        size = timeframe.milliseconds // 60_000
        wanted = [merge(made[start : start + size], timeframe) for start in range(0, len(made), size)]
        rows = connection.execute(
            f"SELECT (extract(epoch FROM time) * 1000)::bigint, open, high, low, close, volume, quote_asset_volume,"
            f" number_of_trades FROM candles_{timeframe} WHERE symbol = 'PEPEUSDC' ORDER BY time"
        ).fetchall()
        assert rows == [
            (c.time, c.open, c.high, c.low, c.close, c.volume, c.quote_asset_volume, c.number_of_trades) for c in wanted
        ]


async def test_a_correction_replaces_every_number_and_a_repetition_none(
    database: Database, connection: psycopg.Connection[Any]
) -> None:
    writer, wrong, right = PostgresCandleWriter(database), minutes(3, seed=1), minutes(3, seed=2)
    await writer.store(messages(wrong))
    await writer.store(messages(wrong))
    assert connection.execute("SELECT count(*) FROM market_data WHERE updated_at > created_at").fetchone() == (0,)
    await writer.store(messages(right, CORRECTION))
    stored = await PostgresCandleHistory(database).candles(
        "PEPEUSDC", Timeframe.M1, until_ms=START_MS + DAY_MS, count=10
    )
    assert stored == right
    only_takers = [
        replace(
            candle,
            taker_buy_base_asset_volume=candle.taker_buy_base_asset_volume + 1,
            taker_buy_quote_asset_volume=candle.taker_buy_quote_asset_volume + 1,
        )
        for candle in right
    ]
    await writer.store(messages(only_takers, CORRECTION))
    stored = await PostgresCandleHistory(database).candles(
        "PEPEUSDC", Timeframe.M1, until_ms=START_MS + DAY_MS, count=10
    )
    assert stored == only_takers


def days(interval: str) -> timedelta:
    number, unit = interval.split()
    return timedelta(days=int(number) * UNITS[unit])


def test_tables_of_time_are_hypertables_where_there_are_any(
    connection: psycopg.Connection[Any], level: DatabaseLevel
) -> None:
    if level is DatabaseLevel.PLAIN:
        kinds = dict(
            connection.execute(
                "SELECT relname, relkind::text FROM pg_class WHERE relname = ANY(%s)", [list(HYPERTABLES)]
            ).fetchall()
        )
        assert kinds == dict.fromkeys(HYPERTABLES, "r")
        return
    chunks = dict(
        connection.execute(
            "SELECT hypertable_name::text, time_interval FROM timescaledb_information.dimensions"
            " WHERE column_name = 'time'"
            " AND hypertable_name = ANY(%s)",
            [list(HYPERTABLES)],
        ).fetchall()
    )
    assert chunks == {table: days(interval) for table, interval in HYPERTABLES.items()}


def test_policies_and_continuous_aggregates_exist_where_the_edition_has_them(
    connection: psycopg.Connection[Any], level: DatabaseLevel
) -> None:
    if level is not DatabaseLevel.COMMUNITY:
        kinds = connection.execute(
            "SELECT relname, relkind::text FROM pg_class WHERE relname LIKE 'candles\\_%'"
        ).fetchall()
        assert dict(kinds) == {f"candles_{timeframe}": "v" for timeframe in AGGREGATES}
        if level is DatabaseLevel.APACHE:
            jobs = "SELECT count(*) FROM timescaledb_information.jobs WHERE hypertable_name IS NOT NULL"
            assert connection.execute(jobs).fetchone() == (0,)
        return
    jobs = "SELECT hypertable_name::text, config FROM timescaledb_information.jobs WHERE proc_name = %s"
    compressed = dict(connection.execute(jobs, ["policy_compression"]).fetchall())
    assert {table: config["compress_after"] for table, config in compressed.items()} == dict.fromkeys(
        COMPRESS_BY, COMPRESS_AFTER
    )
    assert set(dict(connection.execute(jobs, ["policy_retention"]).fetchall())) == set(RETENTION)
    refreshed = connection.execute(jobs, ["policy_refresh_continuous_aggregate"]).fetchall()
    assert [config["start_offset"] for _, config in refreshed] == [REFRESH_FROM] * len(AGGREGATES)
    views = connection.execute("SELECT view_name::text FROM timescaledb_information.continuous_aggregates").fetchall()
    assert {name for (name,) in views} == {f"candles_{timeframe}" for timeframe in AGGREGATES}


def test_what_is_compressed_is_neither_corrected_nor_refreshed_any_more() -> None:
    assert days("7 days") < days(REFRESH_FROM) < days(COMPRESS_AFTER)
    assert all(days(COMPRESS_AFTER) < days(keep) for keep in RETENTION.values())
