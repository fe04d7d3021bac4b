"""Fixtures: the documented form, its defaults, and plain words for what is wrong."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulator.fixture import DEFAULT_FIXTURE, FixtureError, load_fixture, parse_fixture
from simulator.market.clock import ClockMode

DOCUMENTED: dict[str, Any] = {
    "seed": 7,
    "clock": {"mode": "accelerated", "speed": 60, "start": "2026-01-01T00:00:00Z"},
    "market": {"kind": "still"},
    "symbols": [
        {
            "symbol": "BTCUSDT",
            "base": "BTC",
            "quote": "USDT",
            "status": "TRADING",
            "last_price": "50000.00",
            "filters": [
                {"filterType": "PRICE_FILTER", "minPrice": "0.01", "maxPrice": "1000000", "tickSize": "0.01"},
                {"filterType": "LOT_SIZE", "minQty": "0.00001", "maxQty": "9000", "stepSize": "0.00001"},
            ],
            "bids": [["49999.99", "1"]],
            "asks": [["50000.01", "1"]],
        }
    ],
    "accounts": [
        {
            "name": "alice",
            "balances": {"BTC": "1", "USDT": "100000"},
            "maker": "0.001",
            "taker": "0.001",
            "key_type": "HMAC",
        }
    ],
    "limits": {"weight_1m": 6000, "orders_10s": 100, "orders_1d": 200000},
}


def test_the_documented_fixture_is_one() -> None:
    fixture = parse_fixture(DOCUMENTED)

    assert fixture.clock.mode is ClockMode.ACCELERATED
    assert fixture.clock.start_ms() == 1_767_225_600_000
    assert fixture.symbols[0].bids == [(Decimal("49999.99"), Decimal(1))]
    assert fixture.accounts[0].balances == {"BTC": Decimal(1), "USDT": Decimal(100_000)}


def test_the_default_has_22_symbols_and_one_account() -> None:
    fixture = parse_fixture(DEFAULT_FIXTURE)

    assert len(fixture.symbols) == 22
    assert [account.name for account in fixture.accounts] == ["demo"]


def test_a_symbol_without_filters_gets_ordinary_ones() -> None:
    symbol = {"symbol": "AB", "base": "A", "quote": "B", "last_price": "0.0123"}

    fixture = parse_fixture({"symbols": [symbol]})

    kinds = {entry["filterType"]: entry for entry in fixture.symbols[0].filters}
    assert Decimal(kinds["PRICE_FILTER"]["tickSize"]) == Decimal("0.000001")
    assert {"LOT_SIZE", "NOTIONAL", "MAX_NUM_ORDERS"} <= set(kinds)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"clock": {"mode": "fast"}}, "clock.mode"),
        ({"clock": {"speed": 0}}, "clock.speed"),
        ({"market": {"kind": "replay"}}, "files"),
        ({"market": {"kind": "replay", "files": {"NOPE": "x.csv"}}}, "NOPE"),
        ({"symbols": []}, "symbols"),
        ({"accounts": [{"name": "a"}, {"name": "a"}]}, "twice"),
        ({"accounts": [{"name": "a", "balances": {"X": "-1"}}]}, "balance of -1"),
        ({"accounts": [{"name": "a", "maker": "1.5"}]}, "maker"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_said(change: dict[str, Any], said: str) -> None:
    with pytest.raises(FixtureError, match=said):
        parse_fixture({**DOCUMENTED, **change})


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.json"
    file.write_text("{")

    with pytest.raises(FixtureError, match=r"broken\.json"):
        load_fixture(file)
