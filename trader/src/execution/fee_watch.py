"""What trades cost the account: its own rates, and whether it holds enough of the asset that makes them cheaper.

Read at the start and every hour, symbol by symbol. Until a symbol's rates are read, the settings' ones stand in.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from decimal import Decimal

from core.risk.fees import FeeModel
from shared.src.bus.alerts import alert
from shared.src.bus.ports import Notices
from shared.src.contracts.alerts import AlertLevel
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.money import ONE
from shared.src.exchange.models import Commission
from trader.src.execution.funds import Funds
from trader.src.ports import Exchange, Prices, Store

logger = logging.getLogger(__name__)

READ_EVERY_S = 3600.0
TRY_AGAIN_S = 60.0


class FeeWatch:
    """``of`` says what a symbol's trades cost as far as is known; ``look`` looks whether that is still so."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        store: Store,
        prices: Prices,
        funds: Funds,
        notices: Notices,
        clock: Clock,
        quote_asset: str,
        largest: Decimal,
        otherwise: FeeModel,
    ) -> None:
        """``largest``: units of ``quote_asset`` in the largest position; the fees of its way in and out are enough.
        ``otherwise``: where the account's rates are not known.
        """
        self._exchange = exchange
        self._store = store
        self._prices = prices
        self._funds = funds
        self._notices = notices
        self._clock = clock
        self._quote = quote_asset
        self._largest = largest
        self._otherwise = otherwise
        self._rates: dict[str, Commission] = {}
        self._due: dict[str, float] = {}
        self._held: dict[str, bool] = {}
        self.fees: dict[str, FeeModel] = {}

    def of(self, symbol: str) -> FeeModel:
        return self.fees.get(symbol, self._otherwise)

    @property
    def discounts(self) -> dict[str, bool]:
        """The assets that earn a discount, and whether enough of each is held."""
        return dict(self._held)

    async def look(self, symbols: Iterable[str]) -> None:
        """One round; what cannot be read now is read later."""
        known = tuple(symbols)
        for symbol in known:
            await self._read(symbol)
        for asset in sorted({each.discount_asset for each in self._rates.values() if each.discount is not None}):
            await self._weigh(asset)
        for symbol in known:
            await self._apply(symbol)

    async def _read(self, symbol: str) -> None:
        now = self._clock.monotonic()
        if now < self._due.get(symbol, now):
            return
        try:
            self._rates[symbol] = await self._exchange.commission(symbol)
        except (TransientError, RejectedError, ContractError) as error:
            self._due[symbol] = now + TRY_AGAIN_S
            logger.warning("commission not read", extra={"symbol": symbol, "reason": str(error)})
        else:
            self._due[symbol] = now + READ_EVERY_S

    async def _weigh(self, asset: str) -> None:
        """Whether enough of an asset is held to pay fees with; told when that is over."""
        if not self._funds.is_known:
            return
        free, before = self._funds.free(asset), self._held.get(asset)
        standard = max(max(each.standard) for each in self._rates.values())
        enough = free > 0 and free * await self._price(asset) >= 2 * standard * self._largest
        self._held[asset] = enough
        if not enough and before is not False:
            title = f"too little {asset} to pay fees with"
            detail = f"{free} {asset} are free: fees are taken from what trades bring, without the discount"
            await alert(
                self._notices, self._clock, source="trader", level=AlertLevel.WARNING, title=title, detail=detail
            )

    async def _price(self, asset: str) -> Decimal:
        """Quote units for a unit; where nobody knows, so many that any amount is enough."""
        if asset == self._quote:
            return ONE
        try:
            return (await self._prices.ticker(asset + self._quote)).bid
        except (TransientError, RejectedError):
            return Decimal("Infinity")

    async def _apply(self, symbol: str) -> None:
        rates = self._rates.get(symbol)
        if rates is None:
            return
        fees = FeeModel.of_account(rates, discounted=self._held.get(rates.discount_asset, False))
        if fees != self.fees.get(symbol):
            await self._store.save_fees(symbol, fees, self._clock.now())
            self.fees[symbol] = fees
