"""Self-trade prevention (rules: STP FAQ; changelog 2023-12-04)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.engine.orders import StpMode
from tests.contract.twin_rest import BTC, LIMIT_BUY, LIMIT_SELL, RestClient, refusal, told

STP_CASES = [
    ("EXPIRE_TAKER", ("EXPIRED_IN_MATCH", "NEW")),
    ("EXPIRE_MAKER", ("NEW", "EXPIRED_IN_MATCH")),
    ("EXPIRE_BOTH", ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH")),
    ("DECREMENT", ("EXPIRED_IN_MATCH", "EXPIRED_IN_MATCH")),
    ("NONE", ("FILLED", "FILLED")),
]


@pytest.mark.parametrize(("mode", "statuses"), STP_CASES)
async def test_self_trade_prevention_mode_of_the_taker_decides(
    rest: RestClient, mode: str, statuses: tuple[str, str]
) -> None:
    maker = await rest.order(LIMIT_SELL, price="50000.00")
    taker = await rest.order(LIMIT_BUY, price="50000.00", selfTradePreventionMode=mode)
    made = await rest.query("order", symbol=BTC, orderId=maker["orderId"])
    assert (taker["status"], made["status"]) == statuses
    matches = await rest.query("myPreventedMatches", symbol=BTC, orderId=taker["orderId"])
    assert len(matches) == (0 if mode == "NONE" else 1)
    if mode == "EXPIRE_MAKER":
        assert "takerPreventedQuantity" not in matches[0]
        assert [row["makerOrderId"] for row in taker["preventedMatches"]] == [maker["orderId"]]
        assert matches[0]["makerPreventedQuantity"] == "0.10000000"
        assert made["preventedQuantity"] == "0.10000000"


async def test_prevention_mode_must_be_allowed_by_the_symbol(rest: RestClient) -> None:
    market = rest.twin.state.exchange.market(BTC)
    market.rules = replace(market.rules, allowed_stp=(StpMode.EXPIRE_MAKER,))
    response = await rest.post("order", LIMIT_BUY, selfTradePreventionMode="NONE")
    message = "This symbol does not allow the specified self-trade prevention mode."
    assert refusal(response) == (400, -1013, message)


async def _meet(rest: RestClient, mode: str, maker: str, taker: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A resting sale at 50000 meets a purchase of the same account; the two orders afterwards."""
    resting = await rest.order(LIMIT_SELL, price="50000.00", quantity=maker)
    taking = await rest.order(LIMIT_BUY, price="50000.00", quantity=taker, selfTradePreventionMode=mode)
    sale = await rest.query("order", symbol=BTC, orderId=resting["orderId"])
    purchase = await rest.query("order", symbol=BTC, orderId=taking["orderId"])
    return sale, purchase


@pytest.mark.parametrize(
    ("mode", "maker", "taker", "prevented"),
    [
        ("EXPIRE_TAKER", "0.01", "0.02", ["0.02"]),
        ("EXPIRE_MAKER", "0.03", "0.01", ["0.03"]),
        ("EXPIRE_BOTH", "0.03", "0.01", ["0.01", "0.03"]),
        ("DECREMENT", "0.03", "0.01", ["0.01", "0.01"]),
    ],
)
async def test_an_event_says_what_would_have_traded_beside_what_was_prevented(
    rest: RestClient, mode: str, maker: str, taker: str, prevented: list[str]
) -> None:
    events = rest.listen()
    await _meet(rest, mode, maker, taker)
    reports = [event for event in await told(events) if event.get("x") == "TRADE_PREVENTION"]
    assert [report["B"] for report in reports] == [f"{amount}000000" for amount in prevented]
    assert {(report["pl"], report["pL"], report["pY"]) for report in reports} == {
        ("0.01000000", "50000.00000000", "500.00000000")
    }
    assert {(report["l"], report["L"], report["Y"]) for report in reports} == {("0.00000000",) * 3}


@pytest.mark.parametrize(("maker", "taker", "open_one"), [("0.06", "0.02", "maker"), ("0.02", "0.06", "taker")])
async def test_a_decremented_order_that_stays_open_shows_what_was_prevented(
    rest: RestClient, maker: str, taker: str, open_one: str
) -> None:
    """STP FAQ, scenario G: what rests is origQty less executedQty less preventedQuantity."""
    sale, purchase = await _meet(rest, "DECREMENT", maker, taker)
    matched = (await rest.query("myPreventedMatches", symbol=BTC, orderId=sale["orderId"]))[0]
    for order in (sale, purchase):
        assert order["preventedQuantity"] == "0.02000000"
        assert order["preventedMatchId"] == matched["preventedMatchId"]
    standing = sale if open_one == "maker" else purchase
    assert (standing["status"], standing["origQty"], standing["executedQty"]) == ("NEW", "0.06000000", "0.00000000")
    assert [row["preventedQuantity"] for row in await rest.query("openOrders", symbol=BTC)] == ["0.02000000"]
    call = {"symbol": BTC, "orderId": standing["orderId"]}
    cancelled = (await rest.signed("DELETE", "order", call)).json()
    assert (cancelled["status"], cancelled["preventedQuantity"]) == ("CANCELED", "0.02000000")


@pytest.mark.parametrize("mode", ["EXPIRE_MAKER", "EXPIRE_TAKER"])
async def test_the_order_that_lost_nothing_shows_nothing_prevented(rest: RestClient, mode: str) -> None:
    sale, purchase = await _meet(rest, mode, "0.01", "0.02")
    kept = purchase if mode == "EXPIRE_MAKER" else sale
    assert (kept["status"], "preventedQuantity" in kept, "preventedMatchId" in kept) == ("NEW", False, False)
