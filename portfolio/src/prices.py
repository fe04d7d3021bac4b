"""Prices for valuation: the screens' ticks, closed candles, the exchange's list; what nobody prices is left out."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from core.capital.valuation import rate, symbols_of
from shared.src.bus.ports import LastValues
from shared.src.contracts.topics import KAFKA_TICK, TICK_KEY
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError

# The last close of each symbol that has one, now or at a moment; raises TransientError when the candles are away.
Closes = Callable[[Sequence[str]], Awaitable[dict[str, Decimal]]]
ClosesAt = Callable[[Sequence[str], datetime], Awaitable[dict[str, Decimal]]]
# The last price of every symbol the exchange lists; raises what its client raises.
Listed = Callable[[], Awaitable[dict[str, Decimal]]]

LISTED_FOR_S = 30.0

logger = logging.getLogger(__name__)


class LastPrices:
    """Ticks first, then closed candles; for an asset that no followed symbol prices, the exchange's list."""

    def __init__(
        self,
        values: LastValues,
        closes: Closes,
        *,
        quote_asset: str,
        clock: Clock,
        closes_at: ClosesAt,
        listed: Listed | None = None,
    ) -> None:
        self._values = values
        self._closes = closes
        self._closes_at = closes_at
        self._quote = quote_asset
        self._clock = clock
        self._listed = listed
        self._list: dict[str, Decimal] = {}
        self._list_s = float("-inf")

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        """Prices of every symbol that may help to value the assets, as far as they are known.

        Raises:
            TransientError: ticks or candles are away.
        """
        wanted = set(assets)
        symbols = symbols_of(wanted, self._quote)
        ticks = await self._ticks(symbols)
        prices = await self._closes([symbol for symbol in symbols if symbol not in ticks]) | ticks
        if self._listed is None or all(rate(asset, self._quote, prices) is not None for asset in wanted):
            return prices
        listed = await self._from_list(self._listed)
        return {symbol: listed[symbol] for symbol in symbols if symbol in listed} | prices

    async def at(self, assets: Iterable[str], moment: datetime) -> dict[str, Decimal]:
        """Prices as the candles before ``moment`` closed; those of now where there is none.

        Raises:
            TransientError: ticks or candles are away.
        """
        wanted = set(assets)
        then = await self._closes_at(symbols_of(wanted, self._quote), moment)
        if all(rate(asset, self._quote, then) is not None for asset in wanted):
            return then
        return await self.of_assets(wanted) | then

    async def _from_list(self, listed: Listed) -> dict[str, Decimal]:
        """The exchange's list, read now and then; without an answer, as it was."""
        now_s = self._clock.monotonic()
        if now_s - self._list_s >= LISTED_FOR_S:
            self._list_s = now_s
            try:
                self._list = await listed()
            except (TransientError, RejectedError, ContractError) as error:
                logger.warning("the exchange's prices not read", extra={"reason": str(error)})
        return self._list

    async def _ticks(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        raws = await self._values.get([TICK_KEY.format(symbol=symbol) for symbol in symbols])
        bids = {symbol: _bid(raw) for symbol, raw in zip(symbols, raws, strict=True) if raw is not None}
        return {symbol: price for symbol, price in bids.items() if price is not None}


def _bid(raw: bytes) -> Decimal | None:
    """What a sale would bring; None without a bid, and of what something else wrote: the candles know a price too."""
    try:
        tick = KAFKA_TICK.decode(raw)
    except ContractError:
        return None
    return tick.bid if tick.bid > 0 else None
