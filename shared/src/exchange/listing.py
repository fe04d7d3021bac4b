"""Which symbols the exchange has. A name that it does not have is left out; it never hides the rules of the others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final, TypeVar

from shared.src.domain.errors import ConfigurationError, RejectedError
from shared.src.exchange.rules import RulesSource, SymbolRules

T = TypeVar("T")

# Binance's codes for a name that is no symbol, and for one that cannot be a symbol.
NO_SUCH_SYMBOL: Final = -1121
ILLEGAL_NAME: Final = -1100


async def listed_rules(source: RulesSource, symbols: Iterable[str]) -> dict[str, SymbolRules]:
    """The rules of those that the exchange has, in the order asked. Raises as ``source``, but not for unknown names."""
    return await picked(source.exchange_info, tuple(symbols))


async def picked(read: Callable[[Sequence[str]], Awaitable[Mapping[str, T]]], symbols: Sequence[str]) -> dict[str, T]:
    """What ``read`` tells of the symbols that the exchange has.

    One unknown name refuses the whole call, so then everything is read (no names: all) and picked from.
    """
    if not symbols:
        return {}
    try:
        found = await read(symbols)
    except RejectedError as error:
        if error.code not in {NO_SUCH_SYMBOL, ILLEGAL_NAME}:
            raise
        found = {} if len(symbols) == 1 else await read(())
    return {symbol: found[symbol] for symbol in symbols if symbol in found}


def refuse_none_listed(configured: Sequence[str], unlisted: Sequence[str]) -> None:
    """Some names may be wrong, all of them not. Raises ConfigurationError."""
    if set(configured) <= set(unlisted):
        raise ConfigurationError(f"TRADING_SYMBOLS: the exchange has none of {', '.join(configured)}")
