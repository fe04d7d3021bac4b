"""What is bought: never more than was set aside, never far from the decision, never against a pause or a rule."""

from __future__ import annotations

import time
from decimal import Decimal

import pytest

from tests.outside.conftest import Launch, fixture_of, listed
from tests.outside.platform import Platform, always, eventually

pytestmark = pytest.mark.integration
A, B = "AAAUSDC", "BBBUSDC"


def spent(platform: Platform, symbol: str) -> Decimal:
    rows = platform.rows(
        "SELECT coalesce(sum(quantity * price), 0) AS spent FROM trade_executions WHERE symbol = %s AND side = 'BUY'",
        symbol,
    )
    return Decimal(rows[0]["spent"])


def test_a_market_order_does_not_climb_a_thin_book(platform: Platform) -> None:
    platform.market(A, [["99.95", "1000"]], [["100.00", "0.5"], ["120.00", "1000"]])
    platform.buy(A, "8")
    time.sleep(3)
    assert spent(platform, A) <= Decimal(51), "only what stood near the decided price was bought"
    prices = platform.rows("SELECT price FROM trade_executions WHERE symbol = %s AND side = 'BUY'", A)
    assert all(Decimal(row["price"]) < 105 for row in prices)


def test_an_amount_to_spend_is_never_exceeded(platform: Platform) -> None:
    platform.market(A, [["99.95", "1000"]], [["100.00", "1"], ["100.30", "1"], ["140.00", "1000"]])
    platform.trader("POST", "/order", {"symbol": A, "side": "BUY", "quote_quantity": "500"})
    time.sleep(3)
    assert spent(platform, A) <= Decimal(500)
    prices = platform.rows("SELECT price FROM trade_executions WHERE symbol = %s AND side = 'BUY'", A)
    assert all(Decimal(row["price"]) < 105 for row in prices)


def test_an_entry_without_an_answer_is_not_sent_again_against_a_pause(platform: Platform) -> None:
    platform.fault("request_lost", endpoint="POST /api/v3/order")
    platform.buy(A, "4")
    eventually(lambda: platform.rows("SELECT 1 FROM orders WHERE symbol = %s", A), "the order is written down")
    assert platform.trader("POST", "/config/pause", {"reason": "the owner wants no entries"}).status_code == 200
    always(lambda: not platform.operator.held("AAA"), "nothing is bought while everything is paused", 35)


def test_a_cancelled_entry_without_an_answer_is_never_bought(platform: Platform) -> None:
    platform.fault("request_lost", endpoint="POST /api/v3/order")
    platform.buy(A, "4")
    eventually(lambda: platform.rows("SELECT 1 FROM orders WHERE symbol = %s", A), "the order is written down")
    order = platform.rows("SELECT client_order_id FROM orders WHERE symbol = %s", A)[0]["client_order_id"]
    answer = platform.trader("DELETE", f"/order/{order}")
    assert answer.status_code in {200, 202}, answer.text
    always(lambda: not platform.operator.held("AAA"), "a cancelled order is not bought later", 35)
    eventually(lambda: platform.cycle(A)["status"] in {"canceled", "failed"}, "its cycle ends")


def test_a_symbol_without_room_for_the_stop_is_not_bought(launch: Launch) -> None:
    one_stop = {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 1}
    with launch(fixture_of(listed(A, filters=[*RULES, one_stop]), USDC="10000", AAA="1")) as platform:
        platform.operator.order(
            A, "SELL", "STOP_LOSS_LIMIT", quantity="1", price="49", stopPrice="50", timeInForce="GTC"
        )
        answer = platform.buy(A, "4")
        assert answer.status_code in {409, 422}, answer.text
        assert "ALGO" in answer.text.upper(), answer.text
        assert platform.operator.held("AAA") == 1


def test_resting_orders_count_in_every_limit(launch: Launch) -> None:
    with launch(MAX_POSITION_SIZE="1000", MAX_EXPOSURE_PERCENT="100") as platform:
        resting = {"type": "LIMIT", "price": "90"}
        assert platform.buy(A, "10", **resting).status_code == 201
        second = platform.buy(A, "10", **resting)
        assert second.status_code in {409, 422}, "900 + 900 are more than 1000 in one asset"
        assert platform.buy(B, "10", **resting).status_code == 201


def test_nothing_is_bought_before_the_account_was_compared(launch: Launch) -> None:
    with launch() as platform:
        trader = platform.services["trader"]
        trader.stop()
        platform.fault("http_5xx_unknown", count=100_000, endpoint="GET /api/v3/openOrders", before=True)
        trader.start(wait=False)
        eventually(lambda: trader.health()[0] != 0, "the trader answers")
        answer = platform.buy(A, "4")
        assert answer.status_code in {409, 422, 503}, answer.text
        assert not platform.operator.held("AAA")
        platform.twin.do("DELETE", "/faults")
        eventually(lambda: platform.buy(A, "4").status_code == 201, "entries are taken again", 90)


def test_a_name_that_is_not_listed_does_not_stop_the_others(launch: Launch) -> None:
    with launch(TRADING_SYMBOLS=f"{A},GONEUSDC,{B}") as platform:
        platform.position(A, "4")
        _, health = platform.services["trader"].health()
        assert "GONEUSDC" in str(health) or "GONEUSDC" in str(platform.services["trader"].diagnostic())
        assert platform.buy("GONEUSDC", "4").status_code in {404, 409, 422}


def test_rules_that_change_while_it_runs_are_read_again(platform: Platform) -> None:
    platform.position(B, "4")
    rules = platform.twin.get("/api/v3/exchangeInfo", symbol=A)["symbols"][0]["filters"]
    lot = {"filterType": "LOT_SIZE", "minQty": "0.05", "maxQty": "9000", "stepSize": "0.05"}
    tick = {"filterType": "PRICE_FILTER", "minPrice": "0.1", "maxPrice": "100000", "tickSize": "0.1"}
    kept = [rule for rule in rules if rule["filterType"] not in {"LOT_SIZE", "PRICE_FILTER"}]
    platform.twin.do("POST", "/symbols", {"symbol": A, "filters": [*kept, lot, tick]})
    platform.position(A, "4.033", lot="0.05")
    assert Decimal(platform.cycle(A)["quantity"]) == 4


RULES = [
    {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "100000", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "100000", "stepSize": "0.001"},
    {"filterType": "NOTIONAL", "minNotional": "5", "applyMinToMarket": True, "maxNotional": "9000000",
     "applyMaxToMarket": False, "avgPriceMins": 5},
]  # fmt: skip
