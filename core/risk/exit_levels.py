"""Where a position gets out: its stop and its target, settled once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final, Protocol

from shared.src.domain.money import ONE

HUNDRED: Final = Decimal(100)
STOP_DISTANCE_MIN: Final = Decimal("0.003")
STOP_DISTANCE_MAX: Final = Decimal("0.10")
PRICE_STEP: Final = Decimal("0.000000000001")  # as the columns have


class ExitSettings(Protocol):
    """The settings that exits follow (``shared.src.config.Settings`` has them)."""

    @property
    def stop_loss_percent(self) -> Decimal: ...
    @property
    def take_profit_percent(self) -> Decimal: ...


@dataclass(frozen=True, slots=True)
class ExitRules:
    """Distances from the price in percent, for a decision without levels."""

    stop_loss_percent: Decimal
    take_profit_percent: Decimal

    @classmethod
    def of(cls, settings: ExitSettings) -> ExitRules:
        return cls(settings.stop_loss_percent, settings.take_profit_percent)


@dataclass(frozen=True, slots=True)
class Levels:
    """Prices of the exits, quote units."""

    stop_loss: Decimal
    take_profit: Decimal


def settle_order(price: Decimal, stop_loss: Decimal | None, take_profit: Decimal | None, rules: ExitRules) -> Levels:
    """The decision's own levels where they make sense for a purchase at ``price``, the settings' otherwise.

    The stop is between 0.3 % and 10 % away: closer is noise, farther makes the position meaningless.
    """
    wanted = (price - stop_loss) / price if stop_loss is not None and stop_loss < price else None
    distance = wanted if wanted is not None else rules.stop_loss_percent / HUNDRED
    distance = min(max(distance, STOP_DISTANCE_MIN), STOP_DISTANCE_MAX)
    target = (
        take_profit
        if take_profit is not None and take_profit > price
        else price * (ONE + rules.take_profit_percent / HUNDRED)
    )
    return Levels(_price(price * (ONE - distance)), _price(target))


def _price(value: Decimal) -> Decimal:
    return value.quantize(PRICE_STEP, rounding=ROUND_DOWN)
