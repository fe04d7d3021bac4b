"""A price that does not move says nothing: oscillators are unknown there, and nobody reads that as oversold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.features.indicators.base import Stillness
from tests.unit.core.features.market import Bar, generated

OSCILLATORS = (
    *("rsi_14", "rsi_21", "rsi_user", "stoch_k", "stoch_d", "stoch_fast_k", "stoch_fast_d"),
    *("stoch_rsi", "stoch_rsi_d", "mfi_14", "williams_r"),
)


def flat(after: Bar, count: int) -> list[Bar]:
    """Bars at the close of another, at which a little is traded."""
    price = after.close
    return [Bar(after.time + (index + 1) * 60_000, price, price, price, price, 5.0) for index in range(count)]


MOVING = generated(60)
STILL = flat(MOVING[0], 80)


def rows_of(bars: list[Bar]) -> list[dict[str, object]]:
    engine = IndicatorEngine("TEST", "1m")
    return [dict(engine.update(bar)) for bar in bars]


def test_where_the_price_never_moved_every_oscillator_is_unknown() -> None:
    for row in rows_of(STILL):
        assert {name: row[name] for name in OSCILLATORS} == dict.fromkeys(OSCILLATORS)
        assert row["stoch_signal"] is None


def test_they_are_unknown_again_once_it_has_stood_still_for_as_long_as_they_look_back() -> None:
    rows = rows_of([*MOVING, *flat(MOVING[-1], 60)])
    assert rows[59]["stoch_fast_k"] is not None
    assert rows[-1]["stoch_fast_k"] is None
    assert rows[-1]["williams_r"] is None
    assert rows[-1]["rsi_14"] not in (None, 0), "Wilder's averages remember that it moved"


def test_they_are_known_when_it_moves_again() -> None:
    moved = [replace(bar, time=STILL[-1].time + (index + 1) * 60_000) for index, bar in enumerate(MOVING)]
    assert all(rows_of([*STILL, *moved])[-1][name] is not None for name in OSCILLATORS)


@pytest.mark.parametrize("bars", [STILL, [*MOVING, *flat(MOVING[-1], 40)]], ids=["never moved", "came to rest"])
def test_bar_by_bar_and_over_a_whole_history_the_same_is_unknown(bars: list[Bar]) -> None:
    batch = IndicatorEngine("TEST", "1m").batch(columns_of(bars))
    rows = rows_of(bars)
    for name in OSCILLATORS:
        assert [row[name] is None for row in rows] == np.isnan(batch[name]).tolist(), name


def test_stillness_counts_the_bars_at_one_price() -> None:
    high, low = np.array([2.0, 2, 3, 3, 3, 4]), np.array([2.0, 2, 3, 3, 2, 4])
    assert Stillness().fill([high, low]).tolist() == [1, 2, 1, 2, 0, 1]
    counted = Stillness()
    assert [counted.update(pair) for pair in zip(high, low, strict=True)] == [1, 2, 1, 2, 0, 1]
    for before, (high_now, low_now) in enumerate(zip(high, low, strict=True)):
        both = Stillness()
        both.fill([high[:before], low[:before]])
        assert both.update((high_now, low_now)) == [1, 2, 1, 2, 0, 1][before]
