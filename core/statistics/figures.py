"""Percentages and how figures are rounded for people. Pure."""

from __future__ import annotations

from decimal import Decimal

HUNDRED = Decimal(100)
PLACES = 4


def percent_of(part: Decimal, whole: Decimal) -> Decimal | None:
    """part / whole * 100; None when there is no whole to be a part of."""
    return part / whole * HUNDRED if whole > 0 else None


def change_percent(now: Decimal, then: Decimal) -> Decimal | None:
    """(now - then) / then * 100; None when there was nothing then."""
    return percent_of(now - then, then)


def rounded(figure: Decimal | None, places: int = PLACES) -> Decimal | None:
    """The figure as every screen and API shows it; what is not known stays None."""
    return None if figure is None else round(figure, places)
