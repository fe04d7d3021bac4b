"""Frames come in any order that keeps each symbol's own; they are released in the order of market time."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.consensus.watermark import Watermark
from shared.src.domain.candles import Timeframe

SYMBOLS = ("AAAUSDC", "BBBUSDC", "CCCUSDC")
M1 = Timeframe.M1.milliseconds


def watermark_of(*symbols: str, grace_s: float = 15.0) -> Watermark[str]:
    return Watermark(symbols, grace_s=grace_s)


def hold(watermark: Watermark[str], symbol: str, number: int) -> None:
    watermark.hold(f"{symbol}:{number}", symbol, Timeframe.M1, number * M1)


@given(st.randoms(use_true_random=False), st.integers(1, 12))
def test_the_order_of_release_does_not_depend_on_the_order_of_arrival(chance: random.Random, bars: int) -> None:
    queues = {symbol: [(symbol, number) for number in range(1, bars + 1)] for symbol in SYMBOLS}
    watermark = watermark_of(*SYMBOLS)
    released: list[str] = []
    while waiting := [queue for queue in queues.values() if queue]:
        hold(watermark, *chance.choice(waiting).pop(0))
        for one in watermark.release(100, now_s=0.0):
            known, time_ms = watermark._reached, int(one.split(":")[1]) * M1
            assert all(known[(symbol, Timeframe.M1)] >= time_ms - M1 for symbol in SYMBOLS)
            released.append(one)
    assert sorted(released, key=lambda name: int(name.split(":")[1])) == released
    assert len(released) == bars * len(SYMBOLS)


def test_a_bar_waits_for_the_bar_before_it_of_every_symbol() -> None:
    watermark = watermark_of(*SYMBOLS)
    for symbol in SYMBOLS:
        watermark.reached(symbol, Timeframe.M1, 4 * M1)
    hold(watermark, "AAAUSDC", 5)
    assert watermark.release(10, now_s=0.0) == ["AAAUSDC:5"]
    hold(watermark, "AAAUSDC", 6)
    hold(watermark, "BBBUSDC", 5)
    assert watermark.release(10, now_s=0.0) == ["BBBUSDC:5"]
    hold(watermark, "CCCUSDC", 5)
    assert watermark.release(10, now_s=0.0) == ["CCCUSDC:5", "AAAUSDC:6"]


def test_a_silent_symbol_is_waited_for_once_and_again_when_it_was_heard() -> None:
    watermark = watermark_of(*SYMBOLS, grace_s=15)
    for symbol in SYMBOLS[:2]:
        watermark.reached(symbol, Timeframe.M1, 4 * M1)
    hold(watermark, "AAAUSDC", 5)
    assert watermark.release(10, now_s=0.0) == []
    assert watermark.release(10, now_s=14.0) == []
    assert watermark.release(10, now_s=16.0) == ["AAAUSDC:5"]
    assert watermark.statistics()["silent_symbols"] == ["CCCUSDC"]
    hold(watermark, "BBBUSDC", 5)
    hold(watermark, "AAAUSDC", 6)
    assert watermark.release(10, now_s=16.0) == ["BBBUSDC:5", "AAAUSDC:6"]
    hold(watermark, "CCCUSDC", 6)
    hold(watermark, "AAAUSDC", 7)
    hold(watermark, "BBBUSDC", 6)
    hold(watermark, "AAAUSDC", 8)
    assert watermark.release(10, now_s=16.0) == ["BBBUSDC:6", "CCCUSDC:6", "AAAUSDC:7"]


@pytest.mark.parametrize("most", [1, 2, 5])
def test_no_more_is_released_than_asked_for(most: int) -> None:
    watermark = watermark_of()
    for number in range(5):
        hold(watermark, "AAAUSDC", number)
    assert len(watermark.release(most, now_s=0.0)) == most
