"""Symbols taken apart, assets valued."""

from __future__ import annotations

from decimal import Decimal

import pytest

from core.capital.valuation import rate, symbols_of, underlying, value
from shared.src.domain.errors import ContractError
from shared.src.domain.symbols import split_symbol


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [
        ("BTCUSDC", ("BTC", "USDC")),
        ("BTCFDUSD", ("BTC", "FDUSD")),
        ("ETHBTC", ("ETH", "BTC")),
        ("1000SATSUSDT", ("1000SATS", "USDT")),
        ("USDCUSDT", ("USDC", "USDT")),
    ],
)
def test_a_symbol_falls_into_base_and_quote(symbol: str, parts: tuple[str, str]) -> None:
    assert split_symbol(symbol) == parts


def test_a_symbol_without_a_known_quote_is_an_error() -> None:
    with pytest.raises(ContractError, match="ABCXYZ"):
        split_symbol("ABCXYZ")


def test_an_asset_is_valued_directly_inversely_or_over_one_bridge() -> None:
    prices = {"BTCUSDC": Decimal(50000), "USDCUSDT": Decimal(1), "XYZBTC": Decimal("0.002")}
    assert rate("BTC", "USDC", prices) == 50000
    assert rate("USDT", "USDC", prices) == 1
    assert rate("XYZ", "USDC", prices) == 100
    assert rate("USDC", "USDC", {}) == 1


def test_an_asset_nobody_prices_has_no_value_instead_of_zero() -> None:
    assert value(Decimal(3), "XYZ", "USDC", {}) is None


def test_the_symbols_asked_for_hold_every_route() -> None:
    wanted = symbols_of(["XYZ"], "EUR")
    assert {"XYZEUR", "XYZBTC", "BTCEUR"} <= set(wanted)


def test_an_asset_that_others_are_quoted_in_is_valued_by_the_inverse() -> None:
    assert "USDTTRY" in symbols_of(["TRY"], "USDT")
    assert rate("TRY", "USDT", {"USDTTRY": Decimal(40)}) == Decimal("0.025")


def test_a_receipt_of_earn_is_worth_what_it_stands_for() -> None:
    assert rate("LDBTC", "USDC", {"BTCUSDC": Decimal(50_000)}) == 50_000
    assert underlying("LDBTC") == "BTC"
    assert underlying("LDO") is None


def test_a_price_of_zero_has_no_inverse() -> None:
    assert rate("TRY", "USDT", {"USDTTRY": Decimal(0)}) is None
