"""What cycles in other quote assets came to, against numbers computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from core.statistics.conversion import CycleValue, UnpricedFee, UnvaluedCycle, converted, cycle_value
from core.statistics.results import CycleResult

AT = datetime(2026, 1, 1, tzinfo=UTC)
LIRA = UnvaluedCycle("cy-1", "TRY", AT)


def result(symbol: str) -> CycleResult:
    return CycleResult("cross", symbol, AT, Decimal("-1.56"), Decimal("0.82"), Decimal(410), "cy-1")


def test_lira_become_dollars_at_the_price_of_their_end() -> None:
    value = cycle_value(LIRA, "USDT", {"USDTTRY": Decimal(41)})
    found = converted(result("USDTTRY"), value, "USDT")
    assert found is not None
    assert round(found.profit_loss, 3) == Decimal("-0.038")
    assert (round(found.fees, 6), round(found.volume, 6)) == (Decimal("0.02"), Decimal(10))


def test_what_is_in_the_asset_of_valuation_stays_to_the_last_digit() -> None:
    assert converted(result("BTCUSDT"), None, "USDT") == result("BTCUSDT")


def test_without_a_price_nothing_is_known_and_nothing_is_counted() -> None:
    value = cycle_value(LIRA, "USDT", {})
    assert (value.rate, value.is_known) == (None, False)
    assert converted(result("USDTTRY"), value, "USDT") is None
    assert converted(result("USDTTRY"), None, "USDT") is None


def test_a_fee_that_had_no_price_is_taken_off_when_it_has_one() -> None:
    cycle = UnvaluedCycle(
        "cy-1", "USDT", AT, (UnpricedFee("BNB", Decimal("0.001")), UnpricedFee("BNB", Decimal("0.002")))
    )
    assert cycle_value(cycle, "USDT", {}).fee_gap is None
    value = cycle_value(cycle, "USDT", {"BNBUSDT": Decimal(600)})
    assert value == CycleValue("cy-1", "USDT", Decimal(1), Decimal("1.8"))
    found = converted(result("BTCUSDT"), value, "USDT")
    assert found is not None
    assert (found.profit_loss, found.fees) == (Decimal("-3.36"), Decimal("2.62"))
