"""What the account holds, as the exchange last said: kept current by its stream, corrected by every reconciliation."""

from __future__ import annotations

from decimal import Decimal

from shared.src.domain.money import ZERO
from shared.src.exchange.models import Balance


class Funds:
    """Balances by asset."""

    def __init__(self) -> None:
        self._balances: dict[str, Balance] = {}
        self.is_known = False

    @property
    def balances(self) -> dict[str, Balance]:
        return dict(self._balances)

    def replace(self, balances: dict[str, Balance]) -> None:
        """All balances, from a snapshot."""
        self._balances = dict(balances)
        self.is_known = True

    def update(self, balances: dict[str, Balance]) -> None:
        """Those that changed."""
        self._balances |= balances

    def free(self, asset: str) -> Decimal:
        held = self._balances.get(asset)
        return held.free if held else ZERO

    def total(self, asset: str) -> Decimal:
        held = self._balances.get(asset)
        return held.total if held else ZERO
