"""The account is its owner's: what they do by hand is seen, booked where it belongs, and not undone."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.outside.conftest import Launch, fixture_of, listed
from tests.outside.platform import Operator, Platform, always, eventually

pytestmark = pytest.mark.integration
A, B = "AAAUSDC", "BBBUSDC"


def cancel_everything(platform: Platform, symbol: str) -> None:
    platform.operator.call("DELETE", "/api/v3/openOrders", symbol=symbol)


def test_a_sale_by_hand_ends_the_position_with_its_true_result(platform: Platform) -> None:
    platform.position(A, "8")
    cancel_everything(platform, A)
    platform.market(A, [["80.00", "1000"]], [["80.10", "1000"]])
    quantity = platform.operator.held("AAA").quantize(Decimal("0.001"), rounding="ROUND_DOWN")
    platform.operator.order(A, "SELL", "MARKET", quantity=str(quantity))
    eventually(lambda: platform.cycle(A)["status"] == "completed", "the position is over", 30)
    result = Decimal(platform.cycle(A)["profit_loss"])
    assert Decimal(-163) < result < Decimal(-158), f"8 bought at 100, sold at 80, with fees: {result}"


def test_one_sale_by_hand_ends_all_positions_that_it_sells(platform: Platform) -> None:
    platform.position(A, "5")
    platform.market(A, [["100.85", "1000"]], [["100.90", "1000"]])
    platform.position(A, "3")
    eventually(lambda: platform.operator.stops(A) > Decimal("7.98"), "both are protected")
    cancel_everything(platform, A)
    platform.market(A, [["90.00", "1000"]], [["90.10", "1000"]])
    quantity = platform.operator.held("AAA").quantize(Decimal("0.001"), rounding="ROUND_DOWN")
    platform.operator.order(A, "SELL", "MARKET", quantity=str(quantity))
    ended = "SELECT profit_loss FROM trade_cycles WHERE status = 'completed' ORDER BY created_at"
    eventually(lambda: len(platform.rows(ended)) == 2, "both positions are over", 30)
    first, second = (Decimal(row["profit_loss"]) for row in platform.rows(ended))
    assert Decimal(-52) < first < Decimal(-50), f"5 bought at 100, sold at 90, with fees: {first}"
    assert Decimal(-34) < second < Decimal(-33), f"3 bought at 100.90, sold at 90, with fees: {second}"
    always(lambda: "difference" not in platform.trader("GET", "/config/pauses").text, "nothing is halted", 20)


def test_protection_that_the_owner_takes_off_stays_off(platform: Platform) -> None:
    platform.position(A, "8")
    cancel_everything(platform, A)
    always(lambda: platform.operator.stops(A) == 0, "the bot does not arm against its owner", 10)
    assert platform.cycle(A)["status"] != "completed"
    assert A in platform.trader("GET", "/positions").text


def test_coins_of_the_owner_are_never_sold(launch: Launch) -> None:
    with launch(fixture_of(listed(A), USDC="10000", AAA="50")) as platform:
        platform.position(A, "8")
        platform.close(A)
        eventually(lambda: platform.is_flat(A), "the position is sold")
        always(lambda: platform.operator.held("AAA") >= Decimal("49.99"), "the owner's coins stay", 5)


def test_orders_the_platform_does_not_know_leave_it_at_work(platform: Platform) -> None:
    working = {"workingType": "LIMIT", "workingSide": "BUY", "workingPrice": "90", "workingQuantity": "1"}
    pending = {"pendingSide": "SELL", "pendingType": "LIMIT_MAKER", "pendingPrice": "120"}
    listing = {"symbol": B, "workingTimeInForce": "GTC"} | working | pending
    platform.operator.call("POST", "/api/v3/orderList/opo", **listing)
    platform.operator.order(B, "BUY", "LIMIT", price="95", quantity="1", timeInForce="GTC", icebergQty="0.5")
    platform.operator.order(B, "BUY", "STOP_LOSS", quantity="1", trailingDelta="100")
    trader = platform.services["trader"]
    trader.kill()
    trader.start()
    platform.position(A, "4")
    assert len(platform.operator.open_orders(B)) >= 3


def test_deposits_and_withdrawals_do_not_stop_trading(platform: Platform) -> None:
    platform.position(A, "4")
    platform.twin.do("POST", "/balances", {"account": "owner", "asset": "USDC", "delta": "500"})
    platform.twin.do("POST", "/balances", {"account": "owner", "asset": "BBB", "delta": "3"})
    platform.twin.do("POST", "/balances", {"account": "owner", "asset": "USDC", "delta": "-200"})
    always(lambda: "difference" not in platform.trader("GET", "/config/pauses").text, "flows halt nothing", 20)
    platform.position(B, "4")


def test_a_trade_by_hand_while_the_stream_was_away_is_found(platform: Platform) -> None:
    platform.position(A, "4")
    platform.fault("stream_stall", count=1000)
    platform.operator.order(A, "BUY", "MARKET", quantity="2")
    platform.twin.do("DELETE", "/faults")
    eventually(
        lambda: platform.rows(
            "SELECT 1 FROM trade_executions e JOIN orders o USING (client_order_id)"
            " WHERE o.cycle_id IS NULL AND e.symbol = %s AND e.quantity = 2",
            A,
        ),
        "the trade by hand is in the books",
        60,
    )
    platform.close(A)
    eventually(lambda: platform.is_flat(A), "the position is sold")
    assert platform.operator.held("AAA") > Decimal("1.99"), "what the owner bought is the owner's"


def test_trades_by_hand_that_nobody_told_are_found_wherever_they_were_made(platform: Platform) -> None:
    platform.position(A, "4")
    platform.fault("stream_stall", count=1000)
    platform.operator.order(A, "BUY", "MARKET", quantity="2")
    platform.operator.order(B, "BUY", "MARKET", quantity="3")
    platform.operator.order(B, "SELL", "MARKET", quantity="1")
    platform.close(A)
    platform.twin.do("DELETE", "/faults")
    booked = "SELECT 1 FROM trade_executions WHERE symbol = %s AND purpose = 'external' HAVING count(*) = %s"
    eventually(lambda: platform.rows(booked, A, 1), "the one below the platform's own is found", 60)
    eventually(lambda: platform.rows(booked, B, 2), "those where nothing else happened are found", 60)
    eventually(lambda: is_settled(platform), "the books equal the exchange, and nothing is called a flow", 60)
    platform.position(B, "4")


def test_what_the_account_did_before_the_platform_was_there_is_not_imported(launch: Launch) -> None:
    def before(operator: Operator) -> None:
        for _ in range(7):
            operator.order(A, "BUY", "MARKET", quantity="1")
        operator.order(A, "BUY", "LIMIT", price="90", quantity="1", timeInForce="GTC")

    with launch(before=before) as platform:
        eventually(lambda: platform.rows("SELECT 1 FROM orders WHERE purpose = 'external'"), "what stands is taken in")
        platform.position(A, "4")
        platform.operator.order(A, "SELL", "MARKET", quantity="2")
        eventually(lambda: len(platform.rows("SELECT 1 FROM trade_executions")) == 2, "what happened since is booked")
        eventually(lambda: is_settled(platform), "the books equal the exchange, and nothing is called a flow")
        assert platform.operator.held("AAA") > 8


def is_settled(platform: Platform) -> bool:
    """Whether the books equal the exchange by what was traded alone."""
    ledger = platform.ask("portfolio", "GET", "/ledger").json()
    flows = platform.rows("SELECT 1 FROM ledger_postings WHERE kind NOT IN ('opening', 'fill')")
    return bool(ledger.get("equals_exchange")) and not flows


def test_of_two_traders_one_acts(platform: Platform) -> None:
    second = platform.second_trader().start(wait=False)
    try:
        eventually(lambda: "standby" in str(second.health()), "the second stands by")
        refused = platform.ask_at(second.url, "POST", "/order", {"symbol": A, "side": "BUY", "quantity": "4"})
        assert refused.status_code in {409, 503}, refused.text
        platform.position(A, "4")
        platform.services["trader"].kill()
        eventually(lambda: second.health()[0] == 200, "the second takes over", 60)
        assert platform.ask_at(second.url, "POST", "/close-position", {"symbol": A}).status_code == 200
        eventually(lambda: platform.is_flat(A), "it sells what the first held")
        sold = platform.rows("SELECT count(*) AS exits FROM orders WHERE purpose = 'exit' AND status = 'FILLED'")
        assert sold[0]["exits"] == 1
    finally:
        second.stop()
