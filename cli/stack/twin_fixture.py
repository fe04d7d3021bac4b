"""The twin's fixture: which symbols exist there, who has what, and what its market does."""

from __future__ import annotations

from typing import Any

from cli.exits import misused
from core.risk.fees import FeeModel
from shared.src.domain.money import wire
from shared.src.domain.symbols import DEFAULT_SYMBOLS

ACCOUNT = "demo"
CAPITAL = "10000"
QUOTES = ("FDUSD", "USDC", "USDT", "TUSD", "DAI", "EUR", "BTC", "ETH", "BNB")
PRICE_OF_UNKNOWN = "10"


def quote_of(symbol: str) -> str:
    """The quote asset of a symbol.

    Raises:
        CommandError: it ends in no quote asset we know.
    """
    for quote in QUOTES:
        if symbol.isalnum() and symbol.endswith(quote) and len(symbol) > len(quote):
            return quote
    raise misused(f"--symbols: {symbol!r} is not a symbol such as BTCUSDC", "separate symbols by commas")


def twin_fixture(
    symbols: tuple[str, ...], *, seed: int, clock: dict[str, Any], market: dict[str, Any]
) -> dict[str, Any]:
    """A twin on which exactly these symbols trade, and an account with capital in each of their quote assets.

    Raises:
        CommandError: a symbol has no quote asset we know.
    """
    quotes, fees = {quote_of(symbol) for symbol in symbols}, FeeModel()
    account = {
        "name": ACCOUNT,
        "balances": dict.fromkeys(sorted(quotes), CAPITAL),
        "maker": wire(fees.maker),
        "taker": wire(fees.taker),
        "key_type": "HMAC",
    }
    listed = "default" if symbols == DEFAULT_SYMBOLS else [_listing(symbol) for symbol in symbols]
    return {"seed": seed, "clock": clock, "market": market, "symbols": listed, "accounts": [account]}


def _listing(symbol: str) -> dict[str, Any]:
    """A symbol as the twin lists it: with the grid and price of the pair of the same base where there is one."""
    from simulator.market.symbols import default_symbols

    quote = quote_of(symbol)
    base = symbol.removesuffix(quote)
    for known in default_symbols():
        if known["base"] == base and quote not in ("BTC", "ETH", "BNB"):
            return known | {"symbol": symbol, "quote": quote}
    return {"symbol": symbol, "base": base, "quote": quote, "last_price": PRICE_OF_UNKNOWN}
