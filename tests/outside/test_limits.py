"""Limits hold at every moment, losses are seen before they are realised, and what was halted stays so."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from tests.outside.conftest import Launch, fixture_of, listed
from tests.outside.platform import Platform, always, eventually

pytestmark = pytest.mark.integration
A, B = "AAAUSDC", "BBBUSDC"


def state(platform: Platform, service: str = "trader") -> dict[str, Any]:
    return dict(platform.ask(service, "GET", "/status").json())


def refused(platform: Platform, word: str, symbol: str = B, quantity: str = "4") -> None:
    answer = platform.buy(symbol, quantity)
    assert answer.status_code == 422, answer.text
    assert word in answer.text


def test_a_loss_that_is_not_realised_yet_halts_entries_over_restarts_until_an_admin_lifts_it(launch: Launch) -> None:
    with launch(MAX_DAILY_LOSS="50") as platform:
        platform.position(A, "10", stop_loss="50")
        assert state(platform)["state"] == "running"
        platform.market(A, [["93.95", "1000"]], [["94.00", "1000"]])
        eventually(lambda: state(platform)["state"] == "halted", "entries are halted")
        refused(platform, "MAX_DAILY_LOSS")
        assert "MAX_DAILY_LOSS" in state(platform, "coordinator")["halts"]["all"]
        for service in ("trader", "coordinator"):
            assert "MAX_DAILY_LOSS" in platform.ask(service, "GET", "/health").text
        assert platform.is_protected(A)

        platform.market(A, [["99.95", "1000"]], [["100.00", "1000"]])
        platform.services["trader"].stop()
        platform.services["trader"].start()
        refused(platform, "MAX_DAILY_LOSS")
        assert platform.trader("POST", "/config/resume", {}).status_code == 200
        assert platform.buy(B, "4").status_code == 201


def test_what_the_owner_takes_out_is_no_loss(launch: Launch) -> None:
    with launch(MAX_DAILY_LOSS="50", MAX_DRAWDOWN_PERCENT="2") as platform:
        platform.position(A, "10")
        platform.twin.do("POST", "/balances", {"account": "owner", "asset": "USDC", "delta": "-4000"})
        always(lambda: not state(platform)["halts"], "a withdrawal halts nothing", 6)


def test_a_coin_that_is_priced_in_another_coin_is_measured_by_its_worth(launch: Launch) -> None:
    bitcoin, ether = listed("BTCUSDC"), listed("ETHBTC", 20.0, "BTC")
    with launch(fixture_of(bitcoin, ether, USDC="10000", BTC="1000"), MAX_POSITION_SIZE="2500") as platform:
        refused(platform, "MAX_POSITION_SIZE", "ETHBTC", "2")
        assert platform.buy("ETHBTC", "1").status_code == 201
        refused(platform, "MAX_POSITION_SIZE", "ETHBTC", "1")
        platform.market("ETHBTC", [["15.00", "1000"]], [["15.05", "1000"]])
        eventually(lambda: Decimal(state(platform)["losses"]["day_result"]) < -400, "the loss is told in USDC")


def test_orders_that_come_at_once_share_one_limit(launch: Launch) -> None:
    with launch(MAX_POSITION_SIZE="1000", MAX_EXPOSURE_PERCENT="100", MAX_CONCURRENT_POSITIONS="50") as platform:
        with ThreadPoolExecutor(12) as people:
            answers = list(people.map(lambda _: platform.buy(A, "3", type="LIMIT", price="90"), range(12)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [422] * 9
        resting = [order for order in platform.operator.open_orders(A) if order["side"] == "BUY"]
        assert sum(Decimal(order["origQty"]) * Decimal(order["price"]) for order in resting) == 810


def test_a_quote_that_nobody_can_price_is_refused_by_name(launch: Launch) -> None:
    with launch(fixture_of(listed("ETHBTC", 20.0, "BTC"), USDC="10000", BTC="1000")) as platform:
        refused(platform, "what BTC is worth in USDC is not known", "ETHBTC", "1")


def test_a_panic_leaves_nothing_open_and_lets_nothing_in(platform: Platform) -> None:
    platform.position(A, "4")
    assert platform.buy(B, "4", type="LIMIT", price="90").status_code == 201
    assert platform.trader("POST", "/panic", {"confirm": False}).status_code == 422
    assert platform.trader("POST", "/panic", {"confirm": True}).status_code == 202
    eventually(lambda: platform.trader("GET", "/panic").json()["done"], "everything is out")
    assert platform.is_flat(A)
    assert not platform.operator.open_orders(A)
    assert not platform.operator.open_orders(B)
    refused(platform, "halted")
