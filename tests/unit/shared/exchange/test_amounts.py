"""What fills came to, from whichever source tells of them: the exchange's own digits, to the last."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.src.domain.errors import ContractError
from shared.src.exchange.models import parse_execution_report, parse_placement, parse_trade
from shared.src.exchange.quote_amounts import QUOTE_STEP, quote_amounts

PRICE, QUANTITY = "0.03567", "0.0123"  # price x quantity has 9 decimals: 0.000438741


def placement(total: str, *fills: dict[str, str]) -> dict[str, Any]:
    return {
        "symbol": "ETHBTC",
        "orderId": 7,
        "clientOrderId": "rt-1",
        "side": "BUY",
        "type": "MARKET",
        "status": "FILLED",
        "origQty": "1",
        "executedQty": "1",
        "cummulativeQuoteQty": total,
        "fills": list(fills),
    }


def fill(number: int, price: str = PRICE, quantity: str = QUANTITY, **fee: str) -> dict[str, str]:
    values = {"tradeId": str(number), "price": price, "qty": quantity, "commission": "0", "commissionAsset": "BNB"}
    return values | fee


def trade(**values: Any) -> dict[str, Any]:
    row = {
        "symbol": "ETHBTC",
        "id": 1,
        "orderId": 7,
        "isBuyer": True,
        "price": PRICE,
        "qty": QUANTITY,
        "quoteQty": "0.00043874",
        "commission": "0.00000000",
        "commissionAsset": "BNB",
        "isMaker": False,
        "time": 1,
    }
    return row | values


def event(**values: Any) -> dict[str, Any]:
    row = {
        **{"s": "ETHBTC", "i": 7, "C": "", "c": "rt-1", "S": "BUY", "o": "MARKET", "X": "FILLED", "q": "1", "z": "1"},
        **{"Z": "0.00043874", "p": "0", "P": "0", "f": "GTC", "g": -1, "T": 1, "w": False, "x": "TRADE", "t": 1},
        **{"L": PRICE, "l": QUANTITY, "Y": "0.00043874", "n": "0", "N": None, "m": False},
    }
    return row | values


@pytest.mark.parametrize("total", ["0.00043874", "0.00043875"])
def test_one_fill_came_to_what_the_exchange_says_however_it_rounds(total: str) -> None:
    (found,) = parse_placement(placement(total, fill(1))).fills
    assert found.quote_quantity == Decimal(total)


def test_a_placement_a_trade_and_an_event_tell_the_same_amount() -> None:
    (placed,) = parse_placement(placement("0.00043874", fill(1))).fills
    (told,) = parse_execution_report(event()).fills
    assert placed.quote_quantity == parse_trade(trade()).quote_quantity == told.quote_quantity


def test_of_several_fills_the_one_that_was_rounded_takes_the_rest() -> None:
    report = parse_placement(placement("0.00082875", fill(1), fill(2, price="0.039", quantity="0.01")))
    assert [each.quote_quantity for each in report.fills] == [Decimal("0.00043875"), Decimal("0.00039")]


def test_fills_whose_amounts_cannot_be_told_are_left_to_the_trade_list() -> None:
    assert [each.quote_quantity for each in parse_placement(placement("0.00087748", fill(1), fill(2))).fills] == [
        Decimal("0.00043874")
    ] * 2
    assert parse_placement(placement("0.00087749", fill(1), fill(2))).fills == ()


def test_a_total_that_is_not_of_these_fills_tells_nothing() -> None:
    assert quote_amounts([Decimal("0.000438741")], Decimal("0.0005")) is None


amounts = st.decimals(min_value="0.000000001", max_value="100", places=10)


@given(products=st.lists(amounts, min_size=1, max_size=6))
def test_what_fills_came_to_adds_up_to_what_the_exchange_moved(products: list[Decimal]) -> None:
    total = sum((product.quantize(QUOTE_STEP, rounding="ROUND_DOWN") for product in products), Decimal(0))
    known = quote_amounts(products, total)
    assert known is not None
    assert sum(known) == total


@pytest.mark.parametrize("named", [None, "", "BNB"])
def test_where_no_fee_was_taken_there_is_no_fee_asset_whatever_the_source_names(named: str | None) -> None:
    placed = parse_placement(placement("0.00043874", fill(1) | {"commissionAsset": named or ""})).fills
    told = parse_execution_report(event(N=named)).fills
    listed = parse_trade(trade(commissionAsset=named or ""))
    assert [each.fee_asset for each in (*placed, *told, listed)] == ["", "", ""]


def test_a_fee_without_its_asset_is_no_answer_of_the_exchange() -> None:
    for wrong in (
        lambda: parse_execution_report(event(n="0.1", N=None)),
        lambda: parse_trade(trade(commission="0.1", commissionAsset="")),
    ):
        with pytest.raises(ContractError, match="without its asset"):
            wrong()


@pytest.mark.parametrize("status", ["PENDING_NEW", "CANCELED", "EXPIRED", "REJECTED"])
def test_a_leg_that_never_began_has_no_quantity(status: str) -> None:
    row = placement("0") | {"status": status, "executedQty": "0.00000000"}
    del row["origQty"]
    assert parse_placement(row).order.quantity == 0


@pytest.mark.parametrize(("status", "executed"), [("NEW", "0"), ("FILLED", "1"), ("CANCELED", "0.5")])
def test_any_other_order_without_a_quantity_is_none(status: str, executed: str) -> None:
    row = placement("0") | {"status": status, "executedQty": executed}
    del row["origQty"]
    with pytest.raises(ContractError, match="origQty"):
        parse_placement(row)
