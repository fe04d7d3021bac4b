"""At what price a recorded bar fills an order, as a table: open, high, low, close; stop 95, target 110."""

from __future__ import annotations

from decimal import Decimal

import pytest

from backtester.fast_engine.fills import Doubt
from shared.src.domain.candles import MINUTE_MS
from tests.unit.backtester.recorded import START_MS, market

STOP, TARGET = Decimal(95), Decimal(110)
LATE = START_MS + 10_000 * MINUTE_MS
CALM = "100.00 101.01 99.00 100.00"

# the bars, and where the position leaves: bar, price, reason, whether the order inside of the bar is known
CASES = {
    "the stop is reached": ([CALM, "99 100 94 96"], (1, "94.99", "stop_loss", False)),
    "it opens under the stop": ([CALM, "90 92 89 91"], (1, "89.99", "stop_loss", False)),
    "the stop is the low": ([CALM, "99 100 95 96"], (1, "95", "stop_loss", False)),
    "it trades over the target": ([CALM, "105 111 104 108"], (1, "110", "take_profit", False)),
    "it opens over the target": ([CALM, "112 113 90 91"], (1, "110", "take_profit", False)),
    "both, and nobody knows which first": ([CALM, "100 111 94 100"], (1, "94.99", "stop_loss", True)),
    "both in the entry's own bar": (["100.00 111 94 99.01"], (0, "94.99", "stop_loss", True)),
}


@pytest.mark.parametrize(("rows", "expected"), CASES.values(), ids=CASES.keys())
def test_an_exit_is_filled_where_the_bar_says(rows: list[str], expected: tuple[int, str, str, bool]) -> None:
    found = market(rows).exit_of(0, STOP, TARGET, LATE)
    assert found is not None
    assert (found.bar, found.price, found.reason, found.is_ambiguous) == (
        expected[0],
        Decimal(expected[1]),
        *expected[2:],
    )
    candle = market(rows).candles[found.bar]
    assert candle.low <= found.price <= candle.high


def test_a_target_that_is_only_touched_is_not_filled() -> None:
    assert market([CALM, "105 110 104 108", CALM]).exit_of(0, STOP, TARGET, LATE) is None


def test_the_other_order_of_an_ambiguous_bar_takes_the_target() -> None:
    found = market([CALM, "100 111 94 100"], doubt=Doubt.TARGET).exit_of(0, STOP, TARGET, LATE)
    assert found is not None
    assert (found.price, found.reason, found.is_ambiguous) == (TARGET, "take_profit", True)


def test_a_position_that_is_too_old_leaves_at_the_open() -> None:
    found = market([CALM] * 5).exit_of(0, STOP, TARGET, START_MS + 3 * MINUTE_MS)
    assert found is not None
    assert (found.bar, found.reason, found.price) == (3, "time", Decimal("99.99"))


def test_the_end_of_the_data_is_no_exit() -> None:
    assert market([CALM] * 5).exit_of(0, STOP, TARGET, LATE) is None


@pytest.mark.parametrize(("slippage", "bid", "ask"), [("0", "99.99", "100.01"), ("0.1", "99.89", "100.11")])
def test_orders_at_market_pay_half_a_spread_and_the_slippage(slippage: str, bid: str, ask: str) -> None:
    ticker = market([CALM], slippage=slippage).ticker(0)
    assert (ticker.bid, ticker.ask) == (Decimal(bid), Decimal(ask))


def test_no_order_is_filled_outside_of_its_bar() -> None:
    ticker = market(["100.01 100.01 100.01 100.01"], slippage="1").ticker(0)
    assert (ticker.bid, ticker.ask) == (Decimal("100.01"), Decimal("100.01"))


def test_an_order_takes_no_more_than_a_share_of_the_volume() -> None:
    assert market([CALM], volume="50.0").most(0) == 5
