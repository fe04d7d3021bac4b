"""Candles built from trades: borders, aggregation, flat minutes, selection rules."""

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.api.market_data import StoredMarketData
from simulator.api.rest.tickers import kline_row
from simulator.fixture import parse_fixture
from simulator.market import series as column
from simulator.market.candle_store import TwinCandles
from simulator.market.intervals import DAY_MS, INTERVALS, MINUTE_MS, candle_start, next_start, parse_zone
from simulator.market.series import Rows
from simulator.market.source import History
from simulator.opening import numbered
from simulator.world import World

START = 1_767_225_600_000  # 2026-01-01T00:00:00Z, a Thursday
HOUR = 60 * MINUTE_MS


def store_of(trades: list[tuple[int, str, str]], start: int = START) -> TwinCandles:
    store = TwinCandles()
    store.add_symbol("BTCUSDC", decimals=5, start_ms=start, price=Decimal(100))
    for number, (offset, price, quantity) in enumerate(trades, 1):
        store.add_trade("BTCUSDC", Decimal(price), Decimal(quantity), start + offset, True, number)
    return store


def klines(
    store: TwinCandles,
    symbol: str,
    interval: str,
    *,
    now_ms: int,
    start_ms: int | None = None,
    end_ms: int | None = None,
    limit: int = 500,
    zone_ms: int = 0,
) -> list[list[Any]]:
    """What GET klines answers."""
    data = StoredMarketData(store, lambda: now_ms)
    rows = data.klines(symbol, interval, start=start_ms, end=end_ms, limit=limit, offset_ms=zone_ms)
    return [kline_row(row) for row in rows]


def test_a_candle_holds_its_trades_exactly() -> None:
    store = store_of([(0, "100", "1"), (10_000, "103", "0.5"), (20_000, "99.5", "2"), (50_000, "101", "0.00001")])

    row = klines(store, "BTCUSDC", "1m", now_ms=START + 59_000)[-1]

    assert row == [
        START,
        "100.00000000",
        "103.00000000",
        "99.50000000",
        "101.00000000",
        "3.50001000",
        START + 59_999,
        "350.50101000",
        4,
        "3.50001000",
        "350.50101000",
        "0",
    ]


def test_a_minute_without_trades_is_flat_with_no_volume() -> None:
    store = store_of([(0, "105", "1"), (3 * MINUTE_MS, "106", "1")])

    rows = klines(store, "BTCUSDC", "1m", now_ms=START + 3 * MINUTE_MS)

    assert [row[0] for row in rows] == [START + index * MINUTE_MS for index in range(4)]
    assert rows[1][1:6] == ["105.00000000"] * 4 + ["0.00000000"]
    assert rows[2][8] == 0


def test_the_last_row_is_the_open_candle() -> None:
    store = store_of([(0, "105", "1")])

    row = klines(store, "BTCUSDC", "1h", now_ms=START + 10_000)[-1]

    assert row[0] == START
    assert row[6] == START + HOUR - 1
    assert int(row[6]) > START + 10_000


def test_a_higher_candle_opens_with_its_first_trade_and_not_with_the_flat_minute_before() -> None:
    store = store_of([(0, "100", "1"), (5 * MINUTE_MS + 61_000, "90", "1"), (5 * MINUTE_MS + 130_000, "95", "1")])

    row = klines(store, "BTCUSDC", "5m", now_ms=START + 9 * MINUTE_MS)[-1]

    assert row[1:5] == ["90.00000000", "95.00000000", "90.00000000", "95.00000000"]


def test_start_gives_the_oldest_and_no_start_gives_the_newest() -> None:
    store = store_of([(index * MINUTE_MS, "100", "1") for index in range(30)])
    now = START + 29 * MINUTE_MS

    from_start = klines(store, "BTCUSDC", "1m", now_ms=now, start_ms=START + 1, limit=3)
    newest = klines(store, "BTCUSDC", "1m", now_ms=now, limit=3)
    until = klines(store, "BTCUSDC", "1m", now_ms=now, end_ms=START + 10 * MINUTE_MS, limit=3)
    between = klines(store, "BTCUSDC", "1m", now_ms=now, start_ms=START, end_ms=START + MINUTE_MS, limit=500)

    assert [row[0] for row in from_start] == [START + index * MINUTE_MS for index in (1, 2, 3)]
    assert [row[0] for row in newest] == [START + index * MINUTE_MS for index in (27, 28, 29)]
    assert [row[0] for row in until] == [START + index * MINUTE_MS for index in (8, 9, 10)]
    assert [row[0] for row in between] == [START, START + MINUTE_MS]


def test_seconds_are_filled_up_between_trades() -> None:
    store = store_of([(0, "100", "1"), (3_500, "101", "2")])

    rows = klines(store, "BTCUSDC", "1s", now_ms=START + 4_000)

    assert [row[4] for row in rows] == ["100.00000000"] * 3 + ["101.00000000"] * 2
    assert [row[8] for row in rows] == [1, 0, 0, 1, 0]


def test_a_time_zone_moves_the_day() -> None:
    store = store_of([(0, "100", "1"), (20 * HOUR, "101", "1")])

    rows = klines(store, "BTCUSDC", "1d", now_ms=START + 20 * HOUR, zone_ms=parse_zone("+8"))

    assert [row[0] for row in rows] == [START - 8 * HOUR, START + 16 * HOUR]


@pytest.mark.parametrize("text", ["x", "15", "-13", "1:75", "+14:30"])
def test_a_zone_outside_the_world_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        parse_zone(text)


@given(
    st.lists(
        st.tuples(st.integers(0, 3 * 86_400_000), st.integers(1, 10_000), st.integers(1, 10_000)),
        min_size=1,
        max_size=60,
    ),
    st.sampled_from([interval for interval in INTERVALS if interval not in ("1s", "1m")]),
)
@settings(max_examples=60)
def test_higher_candles_are_the_sum_of_their_minutes(trades: list[tuple[int, int, int]], interval: str) -> None:
    ordered = sorted(trades)
    store = store_of([(at, str(price), f"{Decimal(size) / 100_000}") for at, price, size in ordered])
    now = START + ordered[-1][0]

    minutes = klines(store, "BTCUSDC", "1m", now_ms=now, start_ms=START, limit=10_000)
    first = candle_start(interval, START, 0)
    built = klines(store, "BTCUSDC", interval, now_ms=now, start_ms=first, limit=10_000)

    for place in (5, 7, 8, 9, 10):
        total = sum((Decimal(str(row[place])) for row in minutes), Decimal(0))
        assert sum((Decimal(str(row[place])) for row in built), Decimal(0)) == total
    assert built[-1][4] == minutes[-1][4]
    for row in built:
        inside = [m for m in minutes if int(row[0]) <= int(m[0]) <= int(row[6]) and m[8]]
        if inside:
            assert row[1] == inside[0][1]
            assert Decimal(str(row[2])) == max(Decimal(str(m[2])) for m in inside)
            assert Decimal(str(row[3])) == min(Decimal(str(m[3])) for m in inside)


@given(st.sampled_from(INTERVALS), st.integers(0, 2_000_000_000_000), st.integers(-12, 14))
def test_every_moment_lies_in_exactly_one_candle(interval: str, moment: int, zone: int) -> None:
    start = candle_start(interval, moment, zone * HOUR)
    end = next_start(interval, start, zone * HOUR)

    assert start <= moment < end
    assert candle_start(interval, end, zone * HOUR) == end


def test_memory_is_bounded_and_old_minutes_live_on_in_hours() -> None:
    store = store_of([(0, "100", "1")])
    for day in range(1, 12):
        store.add_trade("BTCUSDC", Decimal(100 + day), Decimal(1), START + day * 86_400_000, True, day + 1)
    now = START + 11 * 86_400_000

    assert len(store["BTCUSDC"].minutes) <= 10_000
    days = klines(store, "BTCUSDC", "1d", now_ms=now)
    assert [row[0] for row in days] == [START + day * 86_400_000 for day in range(12)]
    assert all(row[8] == 1 for row in days)


def test_the_window_of_a_day_sums_its_minutes() -> None:
    store = store_of([(0, "100", "1"), (60_000, "110", "2"), (120_000, "95", "1")])

    window = store.window("BTCUSDC", START - 86_400_000, START + 130_000)

    assert (window.open, window.high, window.low, window.last) == (
        "100.00000000",
        "110.00000000",
        "95.00000000",
        "95.00000000",
    )
    assert window.volume == "4.00000000"
    assert window.quote_volume == "415.00000000"
    assert window.weighted_average == "103.75000000"
    assert window.change == "-5.00000000"
    assert window.change_percent == "-5.000"
    assert (window.count, window.first_id, window.last_id) == (3, 1, 3)
    quiet = store.window("BTCUSDC", START + 180_000, START + 190_000)
    assert (quiet.count, quiet.weighted_average, quiet.last) == (0, "0.00000000", "95.00000000")


def test_a_past_gets_a_trade_id_for_every_trade_its_candles_count() -> None:
    def rows(*counts: int) -> Rows:
        made = np.zeros((len(counts), column.WIDTH), dtype=np.int64)
        made[:, column.COUNT] = counts
        return made

    past = numbered(History(minutes=rows(0, 1, 4), hours=rows(3, 0, 2)))
    ids = [tuple(row) for part in (past.hours, past.minutes) for row in part[:, column.FIRST_ID :].tolist()]
    assert ids == [(1, 3), (-1, -1), (4, 5), (-1, -1), (6, 6), (7, 10)]
    assert past.last_id == 10


def test_tickers_over_the_past_count_the_trades_between_their_ids() -> None:
    clock = {"mode": "stepped", "start": "2026-01-01T00:00:00Z"}
    world = World(parse_fixture({"clock": clock, "market": {"kind": "synthetic", "history_minutes": 1_500}}))
    now = world.clock.market_ms()
    for symbol, market in world.exchange.markets.items():
        window = world.candles.window(symbol, now - DAY_MS, now)
        assert 0 < window.first_id <= window.last_id
        assert window.count == window.last_id - window.first_id + 1
        ids = [trade.trade_id for trade in market.tape.trades]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
        assert market.tape.next_trade_id == window.last_id + 1
