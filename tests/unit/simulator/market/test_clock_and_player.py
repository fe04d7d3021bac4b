"""The market clock, and the driver that plays a market at its pace."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.market.book import Level
from simulator.market.clock import ClockMode, MarketClock
from simulator.market.driver import Driver
from simulator.market.intervals import MINUTE_MS
from simulator.market.source import History, Tick
from simulator.market.symbols import DEFAULT_PROFILES

START = 1_767_225_600_000
BTC = DEFAULT_PROFILES[0]


class Watch:
    """Wall time moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def clock_of(mode: ClockMode, watch: Watch, speed: float = 1.0) -> MarketClock:
    return MarketClock(mode, speed=speed, start_ms=START, monotonic=watch, wall=lambda: START + 5)


def test_an_accelerated_clock_runs_faster() -> None:
    watch = Watch()
    clock = clock_of(ClockMode.ACCELERATED, watch, 60)
    watch.seconds += 2.5

    assert clock.market_ms() == START + 150_000
    assert clock.wall_seconds_until(START + 210_000) == pytest.approx(1.0)
    assert clock.reading().wall_ms == START + 5


def test_a_skew_moves_what_clients_see_and_nothing_else() -> None:
    clock = clock_of(ClockMode.REAL, Watch())
    clock.skew_ms = -2_000

    assert clock.now_ms() == START + 5 - 2_000
    assert clock.market_ms() == START + 5


def test_a_stepped_clock_moves_by_hand_only() -> None:
    watch = Watch()
    clock = clock_of(ClockMode.STEPPED, watch)
    watch.seconds += 1000

    assert clock.market_ms() == START
    assert clock.advance(7) == START + 7
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)
    with pytest.raises(ValueError, match="stepped"):
        clock_of(ClockMode.REAL, watch).advance(1)


class Script:
    """A source with one trade at every quarter of a minute."""

    steps_per_minute = 4

    def history(self, symbol: str) -> History:
        return History()

    def price(self, symbol: str) -> Decimal:
        return BTC.price

    def minute(self, open_ms: int) -> Sequence[Tick]:
        return [
            Tick(open_ms + part * 15_000, BTC.symbol, BTC.price + part, Decimal("0.1"), part % 2 == 0)
            for part in range(4)
        ]


class Recorder:
    """A sink that writes down what it gets."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []
        self.prices: list[Decimal] = []

    def move(self, symbol: str, bids: list[Level], asks: list[Level], time_ms: int) -> None:
        assert bids[0][0] < asks[0][0]

    def trade(self, symbol: str, price: Decimal, quantity: Decimal, taker_buys: bool, time_ms: int) -> None:
        self.log.append(("trade", time_ms))
        self.prices.append(price)

    def end_minute(self, time_ms: int) -> None:
        self.log.append(("minute", time_ms))

    def settle(self) -> None:
        return


def driver_of(clock: MarketClock) -> tuple[Driver, Recorder]:
    recorder = Recorder()
    driver = Driver(Script(), {BTC.symbol: BTC}, recorder, clock, 1)
    driver.open()
    return driver, recorder


def test_minutes_end_after_their_trades_and_before_the_next_ones() -> None:
    driver, recorder = driver_of(clock_of(ClockMode.STEPPED, Watch()))

    asyncio.run(driver.advance(2 * MINUTE_MS))

    expected = [("trade", START + part * 15_000) for part in range(4)]
    expected += [("minute", START + MINUTE_MS)]
    expected += [("trade", START + MINUTE_MS + part * 15_000) for part in range(4)]
    expected += [("minute", START + 2 * MINUTE_MS), ("trade", START + 2 * MINUTE_MS)]
    assert recorder.log == expected


@given(st.lists(st.integers(0, 100_000), max_size=20))
def test_however_time_is_cut_the_same_is_played(steps: list[int]) -> None:
    whole, in_one = driver_of(clock_of(ClockMode.STEPPED, Watch()))
    parts, in_parts = driver_of(clock_of(ClockMode.STEPPED, Watch()))

    async def play() -> None:
        await whole.advance(sum(steps))
        for step in steps:
            await parts.advance(step)

    asyncio.run(play())

    # a first advance of nothing plays what is due at the start
    assert in_parts.log == in_one.log or not steps


def test_a_late_driver_plays_everything_it_missed() -> None:
    watch = Watch()
    driver, recorder = driver_of(clock_of(ClockMode.ACCELERATED, watch, 60))
    watch.seconds += 600

    while not driver.play_until(START + 600 * 60_000, 50):
        continue

    assert sum(kind == "trade" for kind, _ in recorder.log) == 4 * 600 + 1
    assert [time for _, time in recorder.log] == sorted(time for _, time in recorder.log)


def test_a_gap_shifts_prices_for_good() -> None:
    driver, recorder = driver_of(clock_of(ClockMode.STEPPED, Watch()))
    driver.gap(BTC.symbol, -50)

    asyncio.run(driver.advance(1_000))

    assert recorder.prices == [BTC.price / 2]
    with pytest.raises(ValueError, match="no price"):
        driver.gap(BTC.symbol, -100)


def test_a_frozen_symbol_does_not_trade() -> None:
    driver, recorder = driver_of(clock_of(ClockMode.STEPPED, Watch()))
    driver.freeze(BTC.symbol)

    asyncio.run(driver.advance(MINUTE_MS - 1))

    assert recorder.log == []
