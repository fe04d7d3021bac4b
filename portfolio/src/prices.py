"""Last prices: the screens' ticks first, closed candles where there is no tick."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from decimal import Decimal

from core.capital.valuation import symbols_of
from shared.src.bus.ports import LastValues
from shared.src.contracts.topics import KAFKA_TICK, TICK_KEY
from shared.src.domain.errors import ContractError

# The last close of each symbol that has one; raises TransientError when the candles are away.
Closes = Callable[[Sequence[str]], Awaitable[dict[str, Decimal]]]


class LastPrices:
    """Knows no more than the platform has seen."""

    def __init__(self, values: LastValues, closes: Closes, *, quote_asset: str) -> None:
        self._values = values
        self._closes = closes
        self._quote = quote_asset

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        """Prices of every symbol that may help to value the assets, as far as they are known.

        Raises:
            TransientError: ticks or candles are away.
        """
        symbols = symbols_of(assets, self._quote)
        ticks = await self._ticks(symbols)
        return await self._closes([symbol for symbol in symbols if symbol not in ticks]) | ticks

    async def _ticks(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        raws = await self._values.get([TICK_KEY.format(symbol=symbol) for symbol in symbols])
        middles = {symbol: _middle(raw) for symbol, raw in zip(symbols, raws, strict=True) if raw is not None}
        return {symbol: price for symbol, price in middles.items() if price is not None}


def _middle(raw: bytes) -> Decimal | None:
    """Between bid and ask; None of what something else wrote: the candles know the price too."""
    try:
        tick = KAFKA_TICK.decode(raw)
    except ContractError:
        return None
    return (tick.bid + tick.ask) / 2
