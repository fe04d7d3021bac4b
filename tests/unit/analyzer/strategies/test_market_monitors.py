"""Monitors see spreads and never vote."""

from __future__ import annotations

import pytest

from analyzer.src.monitors import books_of, futures_of
from analyzer.strategies.market_monitors import (
    CalendarSpreadMonitor,
    FundingMonitor,
    MarketMonitor,
    StablecoinMonitor,
    TriangularMonitor,
)
from shared.src.contracts.market import MarketTick
from shared.src.contracts.topics import KAFKA_TICK
from shared.src.domain.clock import from_ms

MONITORS = (TriangularMonitor(), StablecoinMonitor(), FundingMonitor(), CalendarSpreadMonitor())


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor.name)
def test_a_monitor_never_votes_and_sees_nothing_without_data(monitor: MarketMonitor) -> None:
    assert monitor.generate_signal({"books": {}, "close": 1.0}) is None
    assert monitor.observe({}) == []


def test_a_triangle_pays_when_the_cross_is_dear_enough_for_three_fees() -> None:
    books = {"LINKUSDC": (10.0, 10.0), "ETHUSDC": (2000.0, 2000.0), "LINKETH": (0.00506, 0.00507)}
    (seen,) = TriangularMonitor().observe({"books": books})
    assert seen.subject == "USDC>LINK>ETH>USDC"
    assert seen.percent == pytest.approx(100 * (0.00506 * 2000 / 10 * 0.999**3 - 1))
    assert TriangularMonitor().observe({"books": books, "taker_fee": 0.005}) == []
    books["LINKETH"] = (0.00502, 0.00503)
    assert TriangularMonitor().observe({"books": books}) == []


def test_a_stablecoin_off_parity_is_seen_from_both_sides() -> None:
    books = {"USDCUSDT": (0.9995, 0.9996), "FDUSDUSDT": (1.001, 1.0011), "DAIUSDT": (0.99995, 1.00005)}
    seen = StablecoinMonitor().observe({"books": books})
    assert [(entry.subject, round(entry.percent, 3)) for entry in seen] == [("FDUSDUSDT", 0.1), ("USDCUSDT", 0.04)]


def test_funding_and_calendar_spreads_are_seen_over_their_thresholds() -> None:
    funding = FundingMonitor().observe({"funding": {"BTCUSDT": 0.0005, "ETHUSDT": 0.00005}})
    assert [entry.subject for entry in funding] == ["BTCUSDT"]
    spreads = CalendarSpreadMonitor().observe({"futures": {"BTC": (100.0, 101.0), "ETH": (100.0, 100.1)}})
    assert [(entry.subject, round(entry.percent, 6)) for entry in spreads] == [("BTC", 1.0)]


def test_a_monitor_says_how_much_it_can_compare() -> None:
    books = {"LINKUSDC": (10.0, 10.0), "ETHUSDC": (2000.0, 2000.0), "LINKETH": (0.005, 0.005), "USDCUSDT": (1.0, 1.0)}
    data = {"books": books, "funding": {"BTCUSDT": 0.0001}, "futures": {}}
    assert [monitor.watched(data) for monitor in MONITORS] == [1, 1, 1, 0]


def test_an_answer_of_the_futures_endpoint_becomes_rates_and_spreads_of_the_coins_traded() -> None:
    rows = [
        {"symbol": "BTCUSDT", "markPrice": "100.0", "lastFundingRate": "0.0005"},
        {"symbol": "BTCUSDT_261225", "markPrice": "101.0", "lastFundingRate": ""},
        {"symbol": "PEPEUSDT", "markPrice": "0.00001", "lastFundingRate": "0.01"},
        {"symbol": "ETHUSDC", "markPrice": "2000", "lastFundingRate": "-0.0002"},
    ]
    found = futures_of(rows, {"BTC", "ETH"})
    assert found["funding"] == {"BTCUSDT": 0.0005, "ETHUSDC": -0.0002}
    assert found["futures"] == {"BTCUSDT_261225": (100.0, 101.0)}
    with pytest.raises(KeyError):
        futures_of([{"code": -1121}], {"BTC"})


def test_a_tick_that_is_old_or_unreadable_is_no_price() -> None:
    def tick(symbol: str, at_ms: int) -> bytes:
        prices = {"bid": "1.0", "bid_quantity": "1", "ask": "1.1", "ask_quantity": "1"}
        message = MarketTick(message_id=symbol, occurred_at=from_ms(at_ms), symbol=symbol, update_id=1, **prices)
        return KAFKA_TICK.encode(message)

    raws = [tick("USDCUSDT", 100_000), tick("DAIUSDT", 30_000), b"not json"]
    assert books_of(raws, 100_500) == {"USDCUSDT": (1.0, 1.1)}
