"""Frames come in any order that keeps each symbol's own; they are released in the order of market time."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.src.watermark import Watermark
from shared.src.bus.ports import Delivery
from shared.src.contracts.market import FeatureFrame
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms

SYMBOLS = ("AAAUSDC", "BBBUSDC", "CCCUSDC")
M1 = Timeframe.M1.milliseconds


def delivery(symbol: str, number: int) -> Delivery[FeatureFrame]:
    frame = FeatureFrame(
        message_id=f"{symbol}:{number}",
        occurred_at=from_ms(0),
        symbol=symbol,
        timeframe=Timeframe.M1,
        time=number * M1,
        close_time=(number + 1) * M1 - 1,
        values={"close": 1.0},
    )
    return Delivery(frame, b"0-0", None)


class Wall:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def names(released: Sequence[Delivery[FeatureFrame]]) -> list[str]:
    return [one.message.message_id for one in released]


@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_the_order_of_release_does_not_depend_on_the_order_of_arrival(chance: random.Random, bars: int) -> None:
    queues = {symbol: [delivery(symbol, number) for number in range(1, bars + 1)] for symbol in SYMBOLS}
    watermark = Watermark(SYMBOLS, monotonic=Wall())
    released: list[str] = []
    while waiting := [queue for queue in queues.values() if queue]:
        watermark.hold(chance.choice(waiting).pop(0))
        for one in watermark.release(100):
            known = watermark._reached
            assert all(known[(symbol, Timeframe.M1)] >= one.message.time - M1 for symbol in SYMBOLS)
            released.append(one.message.message_id)
    assert sorted(released, key=lambda name: int(name.split(":")[1])) == released
    assert len(released) == bars * len(SYMBOLS)


def test_a_bar_waits_for_the_bar_before_it_of_every_symbol() -> None:
    watermark = Watermark(SYMBOLS, monotonic=Wall())
    for symbol in SYMBOLS:
        watermark.reached(symbol, Timeframe.M1, 4 * M1)
    watermark.hold(delivery("AAAUSDC", 5))
    assert names(watermark.release(10)) == ["AAAUSDC:5"]
    watermark.hold(delivery("AAAUSDC", 6))
    watermark.hold(delivery("BBBUSDC", 5))
    assert names(watermark.release(10)) == ["BBBUSDC:5"]
    watermark.hold(delivery("CCCUSDC", 5))
    assert names(watermark.release(10)) == ["CCCUSDC:5", "AAAUSDC:6"]


def test_a_silent_symbol_is_waited_for_once_and_again_when_it_was_heard() -> None:
    wall = Wall()
    watermark = Watermark(SYMBOLS, monotonic=wall, grace_s=15)
    for symbol in SYMBOLS[:2]:
        watermark.reached(symbol, Timeframe.M1, 4 * M1)
    watermark.hold(delivery("AAAUSDC", 5))
    assert names(watermark.release(10)) == []
    wall.now = 14.0
    assert names(watermark.release(10)) == []
    wall.now = 16.0
    assert names(watermark.release(10)) == ["AAAUSDC:5"]
    assert watermark.statistics()["silent_symbols"] == ["CCCUSDC"]
    watermark.hold(delivery("BBBUSDC", 5))
    watermark.hold(delivery("AAAUSDC", 6))
    assert names(watermark.release(10)) == ["BBBUSDC:5", "AAAUSDC:6"]
    watermark.hold(delivery("CCCUSDC", 6))
    watermark.hold(delivery("AAAUSDC", 7))
    watermark.hold(delivery("BBBUSDC", 6))
    watermark.hold(delivery("AAAUSDC", 8))
    assert names(watermark.release(10)) == ["BBBUSDC:6", "CCCUSDC:6", "AAAUSDC:7"]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_is_released_than_asked_for(most: int) -> None:
    watermark = Watermark((), monotonic=Wall())
    for number in range(5):
        watermark.hold(delivery("AAAUSDC", number))
    assert len(watermark.release(most)) == most
