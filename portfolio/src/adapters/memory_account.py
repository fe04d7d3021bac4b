"""The account's records in memory: the balances of now, and its value over time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from core.capital.valuation import symbols_of
from portfolio.src.ports import ValuedBalance
from shared.src.domain.money import ZERO
from shared.src.exchange.models import Balance


class MemoryAccountRecords:
    """Implements ``portfolio.src.ports.AccountRecords``."""

    def __init__(self) -> None:
        self._wallets: dict[str, Balance] = {}
        self._snapshots: dict[datetime, tuple[ValuedBalance, ...]] = {}

    @property
    def wallets(self) -> dict[str, Balance]:
        """By asset, what was held at some time; those that are gone are zero."""
        return dict(self._wallets)

    @property
    def snapshots(self) -> tuple[tuple[datetime, tuple[ValuedBalance, ...]], ...]:
        """The account at each moment it was written, oldest first."""
        return tuple(self._snapshots.items())

    async def write(self, held: Sequence[ValuedBalance], at: datetime) -> None:
        gone = {asset: Balance(asset, ZERO, ZERO) for asset in self._wallets}
        self._wallets = gone | {each.balance.asset: each.balance for each in held}
        if held:
            self._snapshots.setdefault(at, tuple(held))


class MemoryBalanceBoard:
    """Implements ``portfolio.src.ports.BalanceBoard``."""

    def __init__(self) -> None:
        self.held: tuple[ValuedBalance, ...] = ()
        self.total = ZERO

    async def show(self, held: Sequence[ValuedBalance], total: Decimal) -> None:
        self.held, self.total = tuple(held), total


class MemoryPrices:
    """Implements ``portfolio.src.ports.AssetPrices`` on prices that somebody keeps up to date, by symbol."""

    def __init__(self, last: Mapping[str, Decimal], *, quote_asset: str) -> None:
        self._last = last
        self._quote = quote_asset

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        symbols = symbols_of(assets, self._quote)
        return {symbol: self._last[symbol] for symbol in symbols if symbol in self._last}
