"""Ways to set the exits of a position, and the user's choice of one for a strategy."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

PERCENT_MIN: Final = Decimal("0.3")
PERCENT_MAX: Final = Decimal(10)
MULTIPLE_MAX: Final = Decimal(20)


class ExitMethod(StrEnum):
    """What decides where stop and target stand."""

    STRATEGY = "strategy"  # what the strategies propose
    PERCENT = "percent"  # distances in percent of the price
    ATR = "atr"  # distances in average true ranges


@dataclass(frozen=True, slots=True)
class ExitRule:
    """A method with the distances of stop and target: percent of the price, or average true ranges."""

    method: ExitMethod
    stop: Decimal = Decimal(0)
    target: Decimal = Decimal(0)


def parse_exit_rules(text: str) -> dict[str, ExitRule]:
    """Exit rules by strategy from ``RSI_Strategy=percent:1.5:3,EMA_Cross=atr:2:4,Mine=strategy``.

    Raises:
        ValueError: a rule is not understood or out of bounds; the text names its strategy.
    """
    rules: dict[str, ExitRule] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        strategy, _, wanted = part.partition("=")
        if strategy in rules:
            raise ValueError(f"{strategy} is named twice")
        try:
            rules[strategy] = _rule(wanted)
        except (ValueError, ArithmeticError) as error:
            reason = str(error) if isinstance(error, ValueError) else "a distance is not a number"
            raise ValueError(f"{strategy}: {reason} (strategy, percent:STOP:TARGET or atr:STOP:TARGET)") from error
    return rules


def _rule(text: str) -> ExitRule:
    name, *distances = text.strip().split(":")
    method = ExitMethod(name)
    if method is ExitMethod.STRATEGY and not distances:
        return ExitRule(method)
    if len(distances) != 2 or method is ExitMethod.STRATEGY:
        raise ValueError(f"{text!r} is not a rule")
    stop, target = (Decimal(distance) for distance in distances)
    if not (stop.is_finite() and target.is_finite() and target > 0):
        raise ValueError(f"{text!r}: the target must be a positive number")
    if method is ExitMethod.PERCENT and not PERCENT_MIN <= stop <= PERCENT_MAX:
        raise ValueError(f"a stop is {PERCENT_MIN} to {PERCENT_MAX} percent away, not {stop}")
    if method is ExitMethod.ATR and not 0 < stop <= MULTIPLE_MAX:
        raise ValueError(f"a stop is up to {MULTIPLE_MAX} average ranges away, not {stop}")
    return ExitRule(method, stop, target)
