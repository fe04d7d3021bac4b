"""What an account is told, in which order (rules: user data stream; recordings of orders that filled at once)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.twin_rest import (
    BNB,
    BTC,
    LIMIT_BUY,
    LIMIT_SELL,
    MARKET_BUY,
    OCO_SELL,
    STOP_SELL,
    RestClient,
    fixture_with,
    told,
)


def story(events: list[dict[str, Any]]) -> list[str]:
    """Each event in a word: the execution type of a report, else its kind."""
    names = {"outboundAccountPosition": "position", "listStatus": "list"}
    return [event["x"] if event["e"] == "executionReport" else names[event["e"]] for event in events]


def balances(event: dict[str, Any]) -> dict[str, tuple[str, str]]:
    assert event["e"] == "outboundAccountPosition"
    return {row["a"]: (row["f"], row["l"]) for row in event["B"]}


@pytest.mark.parametrize(
    ("order", "words"),
    [
        (MARKET_BUY, ["NEW", "TRADE", "position"]),
        ({**MARKET_BUY, "quantity": "2"}, ["NEW", "TRADE", "TRADE", "position"]),
        ({**LIMIT_BUY, "price": "50000.01", "quantity": "2"}, ["NEW", "TRADE", "position"]),
        ({**LIMIT_BUY, "price": "50000.01", "quantity": "2", "timeInForce": "IOC"},
         ["NEW", "TRADE", "EXPIRED", "position"]),
        ({**LIMIT_BUY, "timeInForce": "IOC"}, ["NEW", "EXPIRED", "position"]),
        ({**MARKET_BUY, "quantity": "7"}, ["NEW", "TRADE", "TRADE", "TRADE", "EXPIRED", "position"]),
        (LIMIT_BUY, ["NEW", "position"]),
        (STOP_SELL, ["NEW", "position"]),
    ],
    ids=["market", "two levels", "rests with the rest", "ioc", "ioc in vain", "beyond the book", "limit", "stop"],
)  # fmt: skip
async def test_an_order_is_told_whole_before_its_balances(
    rest: RestClient, order: dict[str, Any], words: list[str]
) -> None:
    events = rest.listen()
    await rest.order(order)
    assert story(await told(events)) == words


async def test_a_resting_order_is_told_fill_by_fill(rest: RestClient) -> None:
    await rest.order(LIMIT_SELL, price="50000.00", quantity="0.1")
    events = rest.listen()
    for _ in range(2):
        rest.outside("BUY", "0.05")
        assert story(await told(events)) == ["TRADE", "position"]


async def test_a_stop_that_fires_is_told_from_its_sibling_s_end_to_the_balances(rest: RestClient) -> None:
    response = await rest.post("orderList/oco", OCO_SELL, belowStopPrice="49999.00", belowPrice="49000")
    assert response.status_code == 200
    events = rest.listen()
    rest.outside("SELL", "1.5")
    assert story(await told(events)) == ["EXPIRED", "NEW", "TRADE", "position", "list"]


@pytest.mark.parametrize("order", [MARKET_BUY, LIMIT_SELL], ids=["taken", "resting"])
async def test_balances_name_base_quote_and_the_asset_of_commissions(rest: RestClient, order: dict[str, Any]) -> None:
    events = rest.listen()
    await rest.order(order)
    shown = balances((await told(events))[-1])
    assert list(shown) == ["BTC", "USDT", "BNB"]
    assert shown["BNB"] == ("0.00000000", "0.00000000")
    for asset in ("BTC", "USDT"):
        assert tuple(Decimal(part) for part in shown[asset]) == await rest.balance(asset)


async def test_a_pair_of_the_commission_asset_names_it_once() -> None:
    accounts = [{"name": "alice", "balances": {"BNB": "5"}}]
    rest = RestClient(fixture_with(accounts=accounts))
    async with rest.http:
        events = rest.listen()
        await rest.order(MARKET_BUY, symbol=BNB, side="SELL", quantity="1")
        assert list(balances((await told(events))[-1])) == ["BNB", "USDT"]


async def test_cancelling_tells_the_same_assets(rest: RestClient) -> None:
    order = await rest.order(LIMIT_BUY)
    events = rest.listen()
    await rest.signed("DELETE", "order", {"symbol": BTC, "orderId": order["orderId"]})
    news = await told(events)
    assert story(news) == ["CANCELED", "position"]
    assert list(balances(news[-1])) == ["BTC", "USDT", "BNB"]


async def test_a_deposit_names_only_what_it_changes(rest: RestClient) -> None:
    events = rest.listen()
    rest.twin.operations.change_balance("alice", "USDT", Decimal(5))
    news = await told(events)
    assert [event["e"] for event in news] == ["balanceUpdate", "outboundAccountPosition"]
    assert list(balances(news[-1])) == ["USDT"]
