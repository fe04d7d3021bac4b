"""Time, money, candles."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.memory.manual_clock import ManualClock
from shared.src.clocks import ScaledClock, SystemClock
from shared.src.domain.candles import Candle, Timeframe, merge
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.ids import client_order_id, derived_id
from shared.src.domain.money import ceil_to_step, floor_to_step, to_decimal, wire

amounts = st.decimals(min_value=0, max_value=10**12, places=8)
steps = st.sampled_from([Decimal(1).scaleb(-places) for places in range(9)] + [Decimal("0.05"), Decimal("0.025")])


@given(amount=amounts, step=steps)
def test_flooring_never_exceeds_what_is_held_and_is_a_multiple(amount: Decimal, step: Decimal) -> None:
    floored = floor_to_step(amount, step)
    assert floored <= amount < floored + step
    assert floored % step == 0
    assert floored <= ceil_to_step(amount, step) <= floored + step


@given(amount=st.decimals(min_value=-(10**12), max_value=10**12, places=12))
def test_the_wire_carries_every_digit_and_no_exponent(amount: Decimal) -> None:
    text = wire(amount)
    assert Decimal(text) == amount
    assert "E" not in text


def test_money_never_comes_from_a_float() -> None:
    with pytest.raises(TypeError, match="float"):
        to_decimal(0.1)  # type: ignore[arg-type]
    for text in ("nan", "Infinity", "1,5", ""):
        with pytest.raises(ValueError, match="not a"):
            to_decimal(text)


def test_a_scaled_clock_runs_faster_than_the_wall() -> None:
    wall = SystemClock().now_ms()
    clock = ScaledClock(speed=60, market_ms=1_700_000_000_000, wall_ms=wall - 1000)
    assert 60_000 <= clock.now_ms() - 1_700_000_000_000 <= 120_000
    with pytest.raises(ValueError, match="speed@market_ms@wall_ms"):
        ScaledClock.parse("60")


def test_a_naive_time_has_no_place_on_the_time_line() -> None:
    with pytest.raises(ValueError, match="naive"):
        to_ms(datetime(2026, 1, 1))  # noqa: DTZ001
    assert from_ms(to_ms(datetime(2026, 1, 1, tzinfo=UTC))) == datetime(2026, 1, 1, tzinfo=UTC)


async def test_a_manual_clock_moves_only_when_told() -> None:
    clock = ManualClock()
    start = clock.now_ms()
    await clock.sleep(2.5)
    assert clock.now_ms() - start == 2500
    assert clock.monotonic() == 2.5


def test_the_same_decision_always_has_the_same_id() -> None:
    assert derived_id("int", "a", 1) == derived_id("int", "a", 1)
    assert derived_id("int", "a", 1) != derived_id("int", "a1")
    assert len(client_order_id("int-1", "entry", 1)) <= 36


def minute(index: int, price: str = "10") -> Candle:
    value = Decimal(price)
    return Candle(
        "BTCUSDC", Timeframe.M1, index * 60_000, value, value + index, value, value, Decimal(index), number_of_trades=1
    )


def test_a_higher_candle_is_what_its_minutes_say() -> None:
    merged = merge([minute(index) for index in range(5, 10)], Timeframe.M5)
    assert merged.time == 300_000
    assert merged.high == 19
    assert merged.volume == 35
    assert merged.number_of_trades == 5


def test_a_minute_without_trades_opens_no_higher_candle_and_is_neither_its_high_nor_its_low() -> None:
    """Binance fills a quiet minute with the last price; its 5m candle opens with the first trade all the same."""
    quiet = [
        replace(minute(index, "99"), high=Decimal(99), volume=Decimal(0), number_of_trades=0) for index in range(5, 10)
    ]
    merged = merge([quiet[0], minute(6), *quiet[2:4], minute(9, "9")], Timeframe.M5)
    assert [merged.open, merged.high, merged.low, merged.close] == [Decimal(10), Decimal(18), Decimal(9), Decimal(9)]
    still = merge(quiet, Timeframe.M5)
    assert {still.open, still.high, still.low, still.close} == {Decimal(99)}


def test_minutes_with_a_hole_make_no_higher_candle() -> None:
    with pytest.raises(ValueError, match="do not make one 5m"):
        merge([minute(index) for index in (5, 6, 8, 9)], Timeframe.M5)
