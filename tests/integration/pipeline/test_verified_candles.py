"""A stored candle that is not the exchange's is found, counted and replaced."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.symbol_feed import SymbolFeed
from gateway.src.verifier import CandleVerifier
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.market.history import PostgresCandleHistory
from tests.unit.gateway.rig import KeptMessages, ListedExchange

pytestmark = pytest.mark.integration

SYMBOL = "BTCUSDC"
START_MS = 1_767_225_600_000


def candle(timeframe: Timeframe, index: int) -> Candle:
    price = Decimal(100 + index)
    open_ms = START_MS + index * timeframe.milliseconds
    return Candle(SYMBOL, timeframe, open_ms, price, price + 1, price - 1, price, Decimal("1.5"), Decimal(150), 3)


def messages(candles: list[Candle], source: str) -> list[CandleMessage]:
    return [CandleMessage.of(each, source=source, occurred_at_ms=each.close_time) for each in candles]


async def test_what_is_wrong_or_missing_in_the_table_is_replaced_by_the_exchanges_candles(database: Database) -> None:
    exchange = [candle(frame, index) for frame in (Timeframe.M1, Timeframe.M5) for index in range(20)]
    clock = ManualClock(from_ms(START_MS + 21 * Timeframe.M5.milliseconds))
    wrong, gone = candle(Timeframe.M5, 15), candle(Timeframe.M5, 17)
    stored = [each for each in exchange if each not in (wrong, gone)] + [replace(wrong, close=wrong.low)]
    writer = PostgresCandleWriter(database)
    await writer.store(messages(stored, "stream"))

    kept: Any = KeptMessages()
    fetcher = HistoricalDataFetcher(ListedExchange(exchange), clock)
    feed = SymbolFeed(SYMBOL, clock=clock, fetcher=fetcher, producer=kept, warmup=100)
    verifier = CandleVerifier(PostgresCandleHistory(database), fetcher, bars=30)
    await verifier.check(feed)
    assert kept.published == [(wrong, CORRECTION), (gone, "repair")]
    assert verifier.statistics() == {"checked": 20, "corrected": 1, "added": 1}

    for each, source in kept.published:
        await writer.store(messages([each], source))
    until_ms = START_MS + 21 * Timeframe.M5.milliseconds
    found = await PostgresCandleHistory(database).candles(SYMBOL, Timeframe.M5, until_ms=until_ms, count=100)
    assert found == exchange[20:]
    await verifier.check(feed)
    assert len(kept.published) == 2, "what is right is left alone"
