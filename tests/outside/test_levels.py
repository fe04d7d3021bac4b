"""Stops and targets that are moved, by rule and by hand, in markets that jump: a symbol for each story."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.outside.conftest import Launch, fixture_of, listed
from tests.outside.platform import Platform, always, eventually

pytestmark = pytest.mark.integration


def triggers(platform: Platform, symbol: str) -> list[Decimal]:
    """Prices at which the exchange starts the stops that stand."""
    orders = platform.operator.open_orders(symbol)
    return [Decimal(order["stopPrice"]) for order in orders if order["type"].startswith("STOP_LOSS")]


def quoted(platform: Platform, symbol: str, bid: str, *, traded: bool) -> None:
    """Outsiders offer 0.10 apart from ``bid`` on; ``traded``: and one of them sells there."""
    platform.market(symbol, [[bid, "1000"]], [[str(Decimal(bid) + Decimal("0.10")), "1000"]])
    if traded:
        platform.trade(symbol, "SELL", "0.01")


def a_resting_entry_that_a_jump_fills_is_protected_not_sold(platform: Platform, symbol: str) -> None:
    assert platform.buy(symbol, "3", type="LIMIT", price="95").status_code == 201
    quoted(platform, symbol, "94.00", traded=False)
    platform.market(symbol, [["94.00", "1000"]], [["94.90", "1000"]])
    eventually(lambda: platform.holding(symbol) > 2, "it is bought")
    eventually(lambda: platform.is_protected(symbol), "it is protected", 15)
    assert not platform.cycle(symbol)["exit_reason"]


def a_stop_goes_to_break_even_once_somebody_has_paid_that_much(platform: Platform, symbol: str) -> None:
    platform.position(symbol, "3", stop_loss="95", take_profit="120")
    quoted(platform, symbol, "102.50", traded=False)
    always(lambda: triggers(platform, symbol) == [95], "the decided stop stays: only a bid is there", 4)
    quoted(platform, symbol, "102.60", traded=True)
    eventually(lambda: triggers(platform, symbol) == [Decimal("100.2")], "the entry and its fees", 40)
    assert platform.is_protected(symbol)


def a_stop_that_is_moved_by_hand_stands_where_it_was_asked_for(platform: Platform, symbol: str) -> None:
    path = f"/cycles/{platform.position(symbol, '4', stop_loss='90', take_profit='115')['id']}"
    assert platform.trader("PATCH", path, {"stop_price": "97.123"}).status_code == 200
    eventually(lambda: triggers(platform, symbol) == [Decimal("97.12")], "the stop is nearer")
    wrong: tuple[dict[str, str], ...] = (
        {"stop_price": "120"},
        {"stop_price": "80"},
        {"take_profit_price": "50"},
        {"stop_price": "NaN"},
        {},
    )
    for body in wrong:
        refused = platform.trader("PATCH", path, body)
        assert (refused.status_code, bool(refused.json()["detail"])) == (422, True), refused.text
    platform.twin.do("POST", "/symbols", {"symbol": symbol, "status": "BREAK"})
    always(lambda: triggers(platform, symbol) == [Decimal("97.12")], "until the status is read again", 1.2)
    platform.trader("PATCH", path, {"stop_price": "98"})
    always(lambda: triggers(platform, symbol) == [Decimal("97.12")], "a closed market keeps the stop", 4)
    platform.twin.do("POST", "/symbols", {"symbol": symbol, "status": "TRADING"})
    eventually(lambda: triggers(platform, symbol) == [98], "it moves once the symbol trades", 40)


def the_rest_of_a_target_that_no_stop_may_be_as_small_as_is_protected_later(platform: Platform, symbol: str) -> None:
    platform.position(symbol, "7", stop_loss="95", take_profit="101.5")
    before = platform.twin.get("/api/v3/exchangeInfo", symbol=symbol)["symbols"][0]["filters"]
    larger = {"filterType": "NOTIONAL", "minNotional": "650", "applyMinToMarket": True, "maxNotional": "9000000",
              "applyMaxToMarket": False, "avgPriceMins": 5}  # fmt: skip
    others = [rule for rule in before if rule["filterType"] != "NOTIONAL"]
    platform.twin.do("POST", "/symbols", {"symbol": symbol, "filters": [*others, larger]})
    platform.market(symbol, [["101.40", "1000"]], [["101.60", "1000"]])
    platform.trade(symbol, "BUY", "2")
    eventually(lambda: symbol in platform.trader("GET", "/config/pauses").text, "its symbol is halted")
    assert platform.cycle(symbol)["status"] != "completed"
    platform.twin.do("POST", "/symbols", {"symbol": symbol, "filters": before})
    eventually(lambda: platform.is_protected(symbol), "the rest has a stop", 60)


def levels_on_the_wrong_side_are_refused(platform: Platform, symbol: str) -> None:
    for levels in ({"take_profit": "60"}, {"type": "LIMIT", "price": "90", "stop_loss": "95"}, {"stop_loss": "130"}):
        refused = platform.buy(symbol, "1", **levels)
        assert refused.status_code == 422, refused.text
        assert "the price" in refused.json()["detail"]
    assert not platform.rows("SELECT 1 FROM orders WHERE symbol = %s", symbol)


STORIES = (
    a_resting_entry_that_a_jump_fills_is_protected_not_sold,
    a_stop_goes_to_break_even_once_somebody_has_paid_that_much,
    a_stop_that_is_moved_by_hand_stands_where_it_was_asked_for,
    the_rest_of_a_target_that_no_stop_may_be_as_small_as_is_protected_later,
    levels_on_the_wrong_side_are_refused,
)


def test_levels_of_open_positions(launch: Launch) -> None:
    symbols = [f"L{chr(ord('A') + number)}USDC" for number in range(len(STORIES))]
    with launch(fixture_of(*map(listed, symbols), USDC="50000"), BREAK_EVEN_PERCENT="2") as platform:
        for story, symbol in zip(STORIES, symbols, strict=True):
            story(platform, symbol)
