"""What the exchange takes of a trade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol


class FeeSettings(Protocol):
    """The settings that fees are read from (``shared.src.config.Settings`` has them)."""

    @property
    def taker_fee_percent(self) -> Decimal: ...
    @property
    def maker_fee_percent(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class FeeModel:
    """Fees as shares of the traded amount; Binance's ordinary ones unless told otherwise."""

    taker: Decimal = Decimal("0.001")
    maker: Decimal = Decimal("0.001")

    @classmethod
    def of(cls, settings: FeeSettings) -> FeeModel:
        return cls(settings.taker_fee_percent / 100, settings.maker_fee_percent / 100)

    @property
    def round_trip(self) -> Decimal:
        """What getting in and out costs when both orders take: entries and stops do."""
        return 2 * self.taker
