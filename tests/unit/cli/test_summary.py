"""The ledger is compared with the exchange to the last digit."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from cli.demo.summary import differences

amounts = st.decimals(min_value=0, max_value=10**9, places=12, allow_nan=False, allow_infinity=False)
balances = st.dictionaries(st.sampled_from(["BTC", "ETH", "USDC", "BNB"]), amounts)


@given(balances)
def test_equal_balances_have_no_difference_however_they_are_written(held: dict[str, Decimal]) -> None:
    rewritten = {asset: amount.quantize(Decimal("1e-18")) for asset, amount in held.items()}
    assert differences(held, rewritten) == []


@given(balances, balances)
def test_every_asset_that_differs_is_named_and_no_other(ours: dict[str, Decimal], theirs: dict[str, Decimal]) -> None:
    zero = Decimal(0)
    wrong = {asset for asset in {*ours, *theirs} if ours.get(asset, zero) != theirs.get(asset, zero)}
    assert {row["asset"] for row in differences(ours, theirs)} == wrong


@given(balances, balances)
def test_the_difference_explains_the_two_amounts(ours: dict[str, Decimal], theirs: dict[str, Decimal]) -> None:
    for row in differences(ours, theirs):
        assert Decimal(row["ledger"]) - Decimal(row["exchange"]) == Decimal(row["difference"])


def test_one_unit_of_the_last_digit_is_a_difference() -> None:
    ours = {"BTC": Decimal("0.100000000000000001")}
    theirs = {"BTC": Decimal("0.1")}
    assert differences(ours, theirs) == [
        {"asset": "BTC", "ledger": "0.100000000000000001", "exchange": "0.1", "difference": "0.000000000000000001"}
    ]
