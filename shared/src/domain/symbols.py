"""What a symbol is made of, where the exchange's own description is not at hand."""

from __future__ import annotations

from shared.src.domain.errors import ContractError

# Longest first, so that BTCFDUSD is not read as a pair quoted in USD
QUOTES = (
    *("FDUSD", "USDC", "USDT", "TUSD", "BUSD", "USD1", "EURI", "BIDR", "IDRT"),
    *("BTC", "ETH", "BNB", "EUR", "TRY", "BRL", "JPY", "ARS", "MXN", "ZAR", "PLN", "COP", "CZK", "RON", "UAH", "GBP"),
    *("AUD", "RUB", "NGN", "DAI", "PAX", "TRX", "XRP", "DOGE", "DOT", "SOL"),
)

# Majors, DeFi, gaming, AI, memes, others
DEFAULT_BASES = (
    *("BTC", "ETH", "SOL", "XRP", "ADA"),
    *("UNI", "AAVE", "COMP", "LINK"),
    *("SAND", "AXS", "ENJ"),
    *("FET", "RENDER"),
    *("PEPE", "DOGE", "SHIB"),
    *("AVAX", "ATOM", "NEAR", "ALGO", "POL"),
)
DEFAULT_SYMBOLS = tuple(f"{base}USDC" for base in DEFAULT_BASES)


def is_symbol(text: str) -> bool:
    """Whether it can be the name of a pair: letters and digits of any script, upper case where the script has one."""
    return text.isalnum() and text == text.upper() and 5 <= len(text) <= 20


def split_symbol(symbol: str, *, quote_first: str = "USDC") -> tuple[str, str]:
    """(base, quote) of a symbol.

    Raises:
        ContractError: no known quote asset ends the symbol.
    """
    for quote in (quote_first, *QUOTES):
        if symbol.endswith(quote) and len(symbol) > len(quote):
            return symbol.removesuffix(quote), quote
    raise ContractError(f"{symbol}: the quote asset is not known")


def parts_of(symbol: str, *, quote_first: str) -> tuple[str, str]:
    """(base, quote) of a symbol; the symbol itself and an empty quote where no known quote asset ends it."""
    try:
        return split_symbol(symbol, quote_first=quote_first)
    except ContractError:
        return symbol, ""
