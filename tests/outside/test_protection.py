"""Between the entry's fill and flat, the exchange holds a stop over everything, whatever market and exchange do."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.outside.platform import Platform, always, eventually, longest_without

pytestmark = pytest.mark.integration
A = "AAAUSDC"


def test_the_rest_of_a_target_that_filled_in_part_has_a_stop_again(platform: Platform) -> None:
    platform.position(A, "8", stop_loss="95", take_profit="110")
    platform.market(A, [["108.00", "1000"]], [["112.00", "1000"]])
    platform.trade(A, "BUY", "1")
    eventually(lambda: platform.holding(A) < Decimal("7.1"), "the target filled a part")
    eventually(lambda: platform.is_protected(A), "the rest has a stop", 10)
    platform.market(A, [["90.00", "1000"]], [["90.10", "1000"]])
    platform.trade(A, "SELL", "0.01")
    eventually(lambda: platform.is_flat(A), "the rest was sold when the price fell through the stop")


def test_a_price_that_falls_through_the_stop_at_once_is_sold_at_what_can_be_had(platform: Platform) -> None:
    platform.position(A, "8", stop_loss="95", take_profit="110")
    platform.market(A, [["80.00", "1000"]], [["80.10", "1000"]])
    platform.trade(A, "SELL", "0.01")
    eventually(lambda: platform.is_flat(A), "a gap does not leave the position", 30)


@pytest.mark.parametrize(
    "refusing",
    [
        {"filterType": "LOT_SIZE", "minQty": "1000", "maxQty": "100000", "stepSize": "1000"},
        {"filterType": "MARKET_LOT_SIZE", "minQty": "1000", "maxQty": "100000", "stepSize": "1"},
        {"filterType": "NOTIONAL", "minNotional": "100000", "applyMinToMarket": True, "maxNotional": "9000000",
         "applyMaxToMarket": False, "avgPriceMins": 5},
    ],
    ids=lambda rule: str(rule["filterType"]),
)  # fmt: skip
def test_a_position_that_a_new_filter_keeps_from_being_sold_stays_open_and_is_sold_later(
    platform: Platform, refusing: dict[str, object]
) -> None:
    platform.position(A, "8")
    before = platform.twin.get("/api/v3/exchangeInfo", symbol=A)["symbols"][0]["filters"]
    changed = [rule for rule in before if rule["filterType"] != refusing["filterType"]] + [refusing]
    platform.twin.do("POST", "/symbols", {"symbol": A, "filters": changed})
    platform.close(A)
    always(lambda: platform.cycle(A)["status"] != "completed", "what holds everything is not over", 8)
    platform.twin.do("POST", "/symbols", {"symbol": A, "filters": before})
    eventually(lambda: platform.is_flat(A), "it is sold once it can be", 60)


def test_a_book_without_bids_does_not_end_a_position(platform: Platform) -> None:
    platform.position(A, "8")
    platform.market(A, [], [["100.00", "1000"]])
    platform.close(A)
    eventually(lambda: platform.cycle(A)["exit_reason"], "the way out is asked for")
    assert platform.cycle(A)["status"] != "completed"
    platform.market(A, [["99.00", "1000"]], [["99.10", "1000"]])
    eventually(lambda: platform.is_flat(A), "it is sold once somebody bids", 60)


def test_a_halted_symbol_keeps_its_protection_until_it_can_be_sold(platform: Platform) -> None:
    platform.position(A, "8")
    platform.twin.do("POST", "/symbols", {"symbol": A, "status": "BREAK"})
    platform.close(A)
    eventually(lambda: platform.cycle(A)["exit_reason"], "the way out is asked for")
    assert platform.cycle(A)["status"] != "completed"
    eventually(lambda: platform.operator.stops(A) > Decimal("7.9"), "the stop stands", 5)
    platform.twin.do("POST", "/symbols", {"symbol": A, "status": "TRADING"})
    eventually(lambda: platform.is_flat(A), "it is sold once the symbol trades", 60)


@pytest.mark.parametrize("fault", ["rate_limit_1003", "ban_418"])
def test_a_way_out_while_the_exchange_refuses_calls_leaves_the_position_protected(
    platform: Platform, fault: str
) -> None:
    platform.position(A, "8")
    platform.fault(fault, count=1, endpoint="POST /api/v3/order", retry_after=10)
    platform.close(A)
    naked = longest_without(
        lambda: _stops(platform) > Decimal("7.9"),
        lambda: platform.is_flat(A),
        90,
    )
    assert naked < 3, f"{naked:.1f} s without a stop"


def _stops(platform: Platform) -> Decimal:
    """As ``Operator.stops``; what nobody may ask during a ban counts as standing."""
    try:
        return platform.operator.stops(A)
    except AssertionError:
        return Decimal(8)
