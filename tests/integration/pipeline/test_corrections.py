"""A candle that turns out to have been wrong, through the real processes: features follow it, decisions do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from core.features.candle_columns import CANDLE_COLUMNS
from core.features.engine import IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from shared.src.config import Settings
from shared.src.contracts.market import CORRECTION
from shared.src.contracts.topics import CANDLE_CLOSED, FEATURES, VOTES
from shared.src.database import Database
from shared.src.domain.candles import Candle
from shared.src.domain.clock import from_ms
from shared.src.sql import text
from tests.integration.pipeline.recorded import ballot, candle, count, produce, until
from tests.processes import environment_of, services
from tests.streams import backlog_of, length_of, messages_of

pytestmark = pytest.mark.integration

SYMBOL = "NEARUSDT"  # of its own: a topic in Kafka outlives a test
HISTORY, WRONG, SEEN, END = 200, 230, 260, 270
REVISED = "SELECT count(*) FROM analyzer_data WHERE analysis_timestamp >= (SELECT max(updated_at) FROM market_data)"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols=SYMBOL, interval="1m")


def market(numbers: range, *, corrected: bool) -> list[Candle]:
    return [candle(SYMBOL, number, factor="1.04" if corrected and number == WRONG else "1") for number in numbers]


def recomputed(settings: Settings, candles: Sequence[Candle]) -> list[dict[str, Any]]:
    """The features of each candle, as a batch over all of them has them."""
    engine = IndicatorEngine(SYMBOL, "1m", IndicatorParameters.of(settings))
    engine.warm_up(candles[:HISTORY])
    return [dict(engine.update(one)) for one in candles[HISTORY:]]


async def stored(database: Database) -> list[dict[str, Any]]:
    async with database.begin() as connection:
        rows = await connection.execute(text("SELECT * FROM analyzer_data ORDER BY time"))
        return [dict(row) | dict(row["extra"]) for row in rows.mappings()]


async def test_features_after_a_correction_are_those_of_the_corrected_candles_and_no_bar_is_decided_on_again(
    settings: Settings, database: Database, redis: Redis, tmp_path: Path
) -> None:
    chain = ("dispatcher", "market_analyzer", "analyzer")
    with services(chain, environment_of(settings, MIN_VOTES="1"), tmp_path) as running:
        await produce(settings, market(range(HISTORY), corrected=False), source="history")
        await produce(settings, market(range(HISTORY, SEEN), corrected=False), source="stream")
        await until(lambda: length_of(redis, VOTES), SEEN - HISTORY)
        before = await ballot(redis)
        await produce(settings, market(range(WRONG, WRONG + 1), corrected=True), source=CORRECTION)
        await until(lambda: count(database, REVISED), SEEN - WRONG)
        await produce(settings, market(range(SEEN, END), corrected=False), source="stream")
        await until(lambda: length_of(redis, VOTES), END - HISTORY)
        # the same candles once more, as after a dispatcher that died before it committed: nothing happens
        await produce(settings, market(range(SEEN, END), corrected=False), source="stream")
        await until(lambda: length_of(redis, CANDLE_CLOSED), END - HISTORY + 1 + END - SEEN)

        async def handled() -> int:
            return -await backlog_of(redis, CANDLE_CLOSED, "market_analyzer")

        await until(handled, 0)
        details = running["market_analyzer"].diagnostic()["details"]["indicators"]
    votes = await ballot(redis)
    assert len(votes) == await length_of(redis, VOTES) == END - HISTORY
    assert {key: votes[key] for key in before} == before
    assert (details["revised_rows"], details["repeated_candles"]) == (SEEN - WRONG, 1 + END - SEEN)
    candles = market(range(END), corrected=True)
    wanted, found = recomputed(settings, candles), await stored(database)
    assert [row["time"] for row in found] == [from_ms(one.time) for one in candles[HISTORY:]]
    for row, expected in zip(found, wanted, strict=True):
        values = {name: value for name, value in expected.items() if name not in CANDLE_COLUMNS}
        assert {name: row[name] for name in values} == values
    live = [frame for frame in await messages_of(redis, FEATURES) if not frame.revised]
    assert [frame.time for frame in live] == [one.time for one in candles[HISTORY:]]
    assert live[-1].values["rsi_14"] == wanted[-1]["rsi_14"]
