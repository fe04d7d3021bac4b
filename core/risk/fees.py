"""What the exchange takes of a trade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from shared.src.exchange.models import Commission


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

    @classmethod
    def of_account(cls, commission: Commission, *, discounted: bool) -> FeeModel:
        """What the account pays in a symbol; ``discounted``: it has enough of the asset that earns the discount."""
        factor = commission.discount if discounted and commission.discount is not None else Decimal(1)
        maker, taker = (
            standard * factor + extra for standard, extra in zip(commission.standard, commission.extra, strict=True)
        )
        return cls(taker, maker)

    @property
    def round_trip(self) -> Decimal:
        """What getting in and out costs when both orders take: entries and stops do."""
        return 2 * self.taker
