"""The account's records in memory: the balances of now, and its value over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from core.capital.equity import BooksPoint, Valued
from portfolio.src.ports import ValuedBalance
from shared.src.domain.money import ZERO
from shared.src.exchange.models import Balance


class MemoryAccountRecords:
    """Implements ``portfolio.src.ports.AccountRecords``."""

    def __init__(self) -> None:
        self._wallets: dict[str, Balance] = {}
        self._snapshots: dict[datetime, tuple[ValuedBalance, ...]] = {}
        self._points: dict[datetime, BooksPoint] = {}
        self._last: tuple[str, Valued, BooksPoint] | None = None

    @property
    def wallets(self) -> dict[str, Balance]:
        """By asset, what was held at some time; those that are gone are zero."""
        return dict(self._wallets)

    @property
    def snapshots(self) -> tuple[tuple[datetime, tuple[ValuedBalance, ...]], ...]:
        """The account at each moment it was written, oldest first."""
        return tuple(self._snapshots.items())

    @property
    def points(self) -> tuple[tuple[datetime, BooksPoint], ...]:
        """What the books were worth at each moment, oldest first."""
        return tuple(self._points.items())

    async def last_point(self, asset: str) -> tuple[Valued, BooksPoint] | None:
        return self._last[1:] if self._last is not None and self._last[0] == asset else None

    async def write_point(
        self, point: BooksPoint, valued: Valued, at: datetime, asset: str, equity_eur: Decimal | None
    ) -> None:
        self._points.setdefault(at, point)
        self._last = asset, valued, point

    async def write(self, held: Sequence[ValuedBalance], at: datetime) -> None:
        gone = {asset: Balance(asset, ZERO, ZERO) for asset in self._wallets}
        self._wallets = gone | {each.balance.asset: each.balance for each in held}
        if held:
            self._snapshots.setdefault(at, tuple(held))
