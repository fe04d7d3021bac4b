"""A candle of REST is closed when the exchange shows that it is, not when our clock says so."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from gateway.src.historical_data_fetcher import GRACE_MS, GRACE_WALL_MS, HistoricalDataFetcher
from shared.memory.manual_clock import ManualClock
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import RejectedError
from tests.unit.gateway.rig import ListedExchange

MINUTE = 60_000
SYMBOL = "BTCUSDC"


def candle(index: int, close: int = 100) -> Candle:
    price = Decimal(close)
    return Candle(SYMBOL, Timeframe.M1, index * MINUTE, price, price, price, price, Decimal(1))


def fetcher(candles: list[Candle], *, now_ms: int) -> HistoricalDataFetcher:
    return HistoricalDataFetcher(ListedExchange(candles), ManualClock(from_ms(now_ms)))


async def opens(candles: list[Candle], *, now_ms: int, end: int) -> list[int]:
    found = await fetcher(candles, now_ms=now_ms).between(SYMBOL, Timeframe.M1, 0, end * MINUTE)
    return [each.time // MINUTE for each in found]


async def test_a_candle_that_the_exchange_has_gone_past_is_closed() -> None:
    still_open = replace(candle(3), is_closed=False)
    assert await opens([candle(0), candle(1), candle(2), still_open], now_ms=3 * MINUTE + 1, end=3) == [0, 1, 2]


async def test_a_candle_that_may_still_move_is_not_taken_though_our_clock_is_past_its_end() -> None:
    # our clock is ahead, or the exchange's candles are behind its trades
    assert await opens([candle(0), candle(1), candle(2)], now_ms=3 * MINUTE + 1, end=3) == [0, 1]


async def test_without_a_follower_a_candle_is_closed_once_its_end_is_long_past() -> None:
    candles = [candle(0), candle(1)]
    assert await opens(candles, now_ms=2 * MINUTE + GRACE_MS - 2, end=2) == [0]
    assert await opens(candles, now_ms=2 * MINUTE + GRACE_MS, end=2) == [0, 1]


async def test_an_accelerated_exchange_has_wall_time_to_finish_a_candle() -> None:
    class Fast(ManualClock):
        speed = 300.0

    grace = int(GRACE_WALL_MS * Fast.speed)
    for now_ms, count in ((2 * MINUTE + grace - 2, 1), (2 * MINUTE + grace, 2)):
        source = HistoricalDataFetcher(ListedExchange([candle(0), candle(1)]), Fast(from_ms(now_ms)))
        assert len(await source.between(SYMBOL, Timeframe.M1, 0, 2 * MINUTE)) == count


async def test_pages_join_without_a_seam() -> None:
    candles = [candle(index) for index in range(2_500)]
    source = fetcher(candles, now_ms=2_501 * MINUTE + GRACE_MS)
    found = await source.between(SYMBOL, Timeframe.M1, 0, 2_500 * MINUTE)
    assert [each.time // MINUTE for each in found] == list(range(2_500))
    assert source.requests == 3


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_single_candle_is_waited_for_until_the_exchange_cannot_have_it(arrives: bool) -> None:
    clock = ManualClock(from_ms(MINUTE + 1))
    exchange = ListedExchange([candle(0)] if arrives else [])
    found = await HistoricalDataFetcher(exchange, clock).closed(SYMBOL, Timeframe.M1, 0)
    assert found == ([candle(0)] if arrives else [])
    assert clock.now_ms() >= MINUTE + GRACE_MS


async def test_a_symbol_that_the_exchange_does_not_have_has_no_candles_until_it_is_listed() -> None:
    class Changing(ListedExchange):
        listed = False

        async def klines(self, symbol: str, *args: Any, **window: Any) -> list[Candle]:
            if not self.listed:
                raise RejectedError("-1121 Invalid symbol.", code=-1121)
            return await super().klines(symbol, *args, **window)

    exchange = Changing([candle(0), candle(1)])
    source = HistoricalDataFetcher(exchange, ManualClock(from_ms(2 * MINUTE + GRACE_MS)))
    assert await source.between(SYMBOL, Timeframe.M1, 0, 2 * MINUTE) == []
    assert source.unlisted == {SYMBOL}
    exchange.listed = True
    assert len(await source.between(SYMBOL, Timeframe.M1, 0, 2 * MINUTE)) == 2
    assert source.unlisted == set()


async def test_any_other_refusal_of_candles_is_told() -> None:
    class Refusing(ListedExchange):
        async def klines(self, *_: Any, **__: Any) -> list[Candle]:
            raise RejectedError("-1102 Mandatory parameter was not sent.", code=-1102)

    source = HistoricalDataFetcher(Refusing([]), ManualClock(from_ms(2 * MINUTE)))
    with pytest.raises(RejectedError, match="-1102"):
        await source.between(SYMBOL, Timeframe.M1, 0, MINUTE)
