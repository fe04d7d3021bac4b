"""Equity over time: what was brought is no gain, whatever it was and whenever its price became known."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.capital.equity import BooksHolding, BooksPoint, Valued, first_point, next_point, unpriced
from shared.src.domain.money import ONE, ZERO


def books(rates: dict[str, str], **amounts: tuple[str, str]) -> Valued:
    """Amount and what was brought of each asset, at these rates."""
    return Valued(
        {asset: BooksHolding(Decimal(amount), Decimal(brought)) for asset, (amount, brought) in amounts.items()},
        {asset: Decimal(rate) for asset, rate in rates.items()},
    )


START = books({"USDC": "1", "BNB": "600"}, USDC=("10000", "10000"), BNB=("0.5", "0.5"))


def test_everything_that_is_held_at_the_start_is_capital() -> None:
    assert first_point(START) == BooksPoint(Decimal(10300), Decimal(10300), ONE)


def test_a_loss_is_measured_against_all_of_it() -> None:
    now = books({"USDC": "1", "BNB": "600"}, USDC=("9975.28", "10000"), BNB=("0.5", "0.5"))
    point = next_point(START, first_point(START), now)
    assert point.flow == 0
    assert round((point.return_index - 1) * 100, 2) == Decimal("-0.24")


def test_a_deposit_of_a_coin_is_no_gain_and_later_gains_count_it() -> None:
    rates = {"USDC": "1", "BNB": "600"}
    now = books(rates, USDC=("10000", "10000"), BNB=("10.5", "10.5"))
    point = next_point(START, first_point(START), now)
    assert (point.equity, point.flow, point.return_index) == (Decimal(16300), Decimal(6000), ONE)
    risen = books(rates | {"BNB": "660"}, USDC=("10000", "10000"), BNB=("10.5", "10.5"))
    assert next_point(now, point, risen).return_index == (Decimal(16930) / 16300).quantize(Decimal("1e-18"))


def test_a_conversion_costs_no_more_than_its_spread_brings_as_a_flow() -> None:
    now = books({"USDC": "1", "BNB": "600"}, USDC=("9399", "9399"), BNB=("1.5", "1.5"))
    point = next_point(START, first_point(START), now)
    assert (point.flow, point.return_index) == (Decimal(-1), ONE)


def test_an_asset_that_gets_its_first_price_has_earned_nothing() -> None:
    before = books({"USDC": "1"}, USDC=("100", "100"), ODD=("7", "7"))
    assert unpriced(before.holdings, before.rates) == ["ODD"]
    now = books({"USDC": "1", "ODD": "20"}, USDC=("100", "100"), ODD=("7", "7"))
    point = next_point(before, first_point(before), now)
    assert (point.equity, point.flow, point.return_index) == (Decimal(240), Decimal(140), ONE)


def test_what_was_lost_whole_earns_nothing_afterwards() -> None:
    gone = books({"USDC": "1"}, USDC=("0", "100"))
    last = next_point(books({"USDC": "1"}, USDC=("100", "100")), BooksPoint(Decimal(100), ZERO, ONE), gone)
    assert last.return_index == 0
    assert next_point(gone, last, books({"USDC": "1"}, USDC=("50", "150"))).return_index == 0


amounts = st.decimals("0", "10000", places=4)


@given(steps=st.lists(st.tuples(amounts, amounts), max_size=8))
def test_flows_alone_never_move_the_index_and_equity_is_what_was_brought(steps: list[tuple[Decimal, Decimal]]) -> None:
    before, last = START, first_point(START)
    brought = last.flow
    for usdc, bnb in steps:
        now = Valued({"USDC": BooksHolding(usdc, usdc), "BNB": BooksHolding(bnb, bnb)}, START.rates)
        before, last = now, next_point(before, last, now)
        brought += last.flow
        if last.equity == 0:
            return
        assert abs(last.return_index - 1) < Decimal("1e-9")
        assert last.equity == brought


def test_an_account_of_less_than_a_unit_grows_too() -> None:
    before, now = books({"USDC": "1"}, USDC=("0.5", "0.5")), books({"USDC": "1"}, USDC=("0.6", "0.5"))
    assert next_point(before, first_point(before), now).return_index == Decimal("1.2")
