"""What the books say is what the exchange did, in the asset it did it in."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.outside.conftest import Launch, fixture_of, listed
from tests.outside.platform import Platform, eventually

pytestmark = pytest.mark.integration
A = "AAAUSDC"


def summary(platform: Platform) -> dict[str, Any]:
    return dict(platform.ask("portfolio", "GET", "/summary").json())


def round_trip(platform: Platform, symbol: str, quantity: str) -> None:
    platform.position(symbol, quantity)
    platform.close(symbol)
    eventually(lambda: platform.is_flat(symbol), f"{symbol} is flat")


def test_results_in_two_currencies_are_not_added(launch: Launch) -> None:
    dollars, lira = listed("AAAUSDC"), listed("USDCTRY", 40.0, "TRY")
    with launch(fixture_of(dollars, lira, USDC="10000", TRY="400000")) as platform:
        round_trip(platform, "AAAUSDC", "4")
        round_trip(platform, "USDCTRY", "1000")
        first = Decimal(platform.cycle("AAAUSDC")["profit_loss"])
        second = Decimal(platform.cycle("USDCTRY")["profit_loss"]) / Decimal("40")
        eventually(
            lambda: abs(Decimal(str(summary(platform)["realized_pnl"])) - first - second) < Decimal("0.05"),
            "the realised profit is converted",
            30,
        )


def points(platform: Platform) -> list[dict[str, Any]]:
    return platform.rows("SELECT equity, flow, return_index FROM equity_points ORDER BY time")


def moved(platform: Platform, **amounts: str) -> None:
    for asset, amount in amounts.items():
        platform.twin.do("POST", "/balances", {"account": "owner", "asset": asset, "delta": amount})


def test_coins_held_at_the_start_are_capital_and_a_deposit_is_no_gain(launch: Launch) -> None:
    with launch(fixture_of(listed("AAAUSDC"), listed("BNBUSDC", 600.0), USDC="10000", BNB="5")) as platform:
        eventually(lambda: points(platform), "the first point")
        assert points(platform)[0]["equity"] == Decimal(13000)
        round_trip(platform, "AAAUSDC", "4")
        moved(platform, USDC="2500", BNB="1")
        eventually(lambda: platform.rows("SELECT 1 FROM ledger_postings WHERE kind = 'deposit'"), "it is booked", 60)
        eventually(lambda: points(platform)[-1]["equity"] > 16000, "it is in the equity", 90)
        lost = Decimal(platform.cycle("AAAUSDC")["profit_loss"])
        told = Decimal(str(summary(platform)["performance_24h"]))
        assert lost < 0
        assert abs(told - 100 * lost / 13000) < Decimal("0.01")


def test_what_moves_without_a_trade_halts_nothing(platform: Platform) -> None:
    eventually(lambda: points(platform), "the books are open")
    moved(platform, USDC="-300", AAA="3")
    kinds = "SELECT kind, description FROM ledger_postings WHERE kind IN ('deposit', 'withdrawal') ORDER BY kind"
    eventually(lambda: len(platform.rows(kinds)) == 2, "both are booked", 90)
    assert [row["kind"] for row in platform.rows(kinds)] == ["deposit", "withdrawal"]
    assert "history" in platform.rows(kinds)[0]["description"], "the exchange's histories tell, not the balances"
    eventually(lambda: platform.ask("portfolio", "GET", "/ledger").json()["equals_exchange"], "no difference is left")
    assert platform.ask("portfolio", "GET", "/health").status_code == 200


def test_an_execution_that_cannot_be_booked_is_shown_and_holds_up_no_other(platform: Platform) -> None:
    eventually(lambda: points(platform), "the books are open")
    platform.database.execute(
        "INSERT INTO orders (client_order_id, intent_id, attempt, purpose, symbol, side, type, quantity, status, demo,"
        " created_at, updated_at)"
        " VALUES ('odd', 'external', 1, 'external', 'ODDXYZ', 'BUY', 'MARKET', 1, 'FILLED', true, now(), now())"
    )
    platform.database.execute(
        "INSERT INTO trade_executions (id, order_id, client_order_id, trade_id, symbol, side, price, quantity,"
        " quote_quantity, fee, fee_asset, role, purpose, demo, timestamp)"
        " VALUES ('ex-ODDXYZ-1', '1', 'odd', 1, 'ODDXYZ', 'BUY', 1, 1, 1, 0, '', 'taker', 'external', true, now())"
    )
    round_trip(platform, A, "4")
    eventually(lambda: "ex-ODDXYZ-1" in platform.ask("portfolio", "GET", "/quarantine").text, "it is shown", 90)
    assert "ex-ODDXYZ-1" in platform.ask("portfolio", "GET", "/health").text
    booked = "SELECT count(*) AS fills FROM ledger_postings WHERE kind = 'fill'"
    eventually(lambda: platform.rows(booked)[0]["fills"] == 2, "everything else is booked")
    assert platform.services["portfolio"].health()[0] == 200


def test_the_same_key_gives_the_same_answer_and_another_body_is_refused(platform: Platform) -> None:
    body = {"symbol": A, "side": "BUY", "quantity": "4"}
    first = platform.trader("POST", "/order", body, key="k-1")
    again = platform.trader("POST", "/order", body, key="k-1")
    assert (first.status_code, first.json()) == (201, again.json())
    other = platform.trader("POST", "/order", body | {"symbol": "BBBUSDC"}, key="k-1")
    assert other.status_code == 409, other.text
    eventually(lambda: platform.operator.held("AAA") > 0, "it is bought")
    assert platform.operator.held("AAA") < Decimal("4.1")
    assert platform.operator.held("BBB") == 0


def test_a_refusal_is_repeated_when_its_key_is(platform: Platform) -> None:
    body = {"symbol": A, "side": "BUY", "quantity": "4"}
    platform.trader("POST", "/config/pause", {"symbol": A})
    refused = platform.trader("POST", "/order", body, key="k-2")
    assert refused.status_code in {409, 422}, refused.text
    platform.trader("POST", "/config/resume", {"symbol": A})
    again = platform.trader("POST", "/order", body, key="k-2")
    assert (again.status_code, again.json()) == (refused.status_code, refused.json())
    assert platform.services["trader"].health()[0] == 200
    assert platform.operator.held("AAA") == 0


def test_no_answer_of_the_exchange_puts_a_key_into_what_is_shown(platform: Platform) -> None:
    platform.fault("malformed_answer", count=1, endpoint="POST /api/v3/order")
    platform.buy(A, "4")
    platform.fault("http_5xx_unknown", count=2)
    platform.buy(A, "4")
    eventually(lambda: platform.rows("SELECT 1 FROM orders"), "the order is written down")
    shown = platform.trader("GET", "/orders").text + str(platform.services["trader"].diagnostic())
    shown += platform.services["trader"].log_text()
    assert platform.twin.key not in shown
    assert "signature=" not in shown
