"""Percentages and their rounding."""

from __future__ import annotations

from decimal import Decimal

from core.statistics.figures import change_percent, percent_of, rounded


def test_a_share_of_nothing_is_not_known() -> None:
    assert percent_of(Decimal(1), Decimal(0)) is None
    assert percent_of(Decimal(1), Decimal(4)) == 25


def test_a_change_is_measured_against_what_was() -> None:
    assert change_percent(Decimal(120), Decimal(100)) == 20
    assert change_percent(Decimal(90), Decimal(120)) == -25
    assert change_percent(Decimal(90), Decimal(0)) is None


def test_figures_are_shown_with_four_places_and_the_unknown_stays_unknown() -> None:
    assert rounded(Decimal(200) / 3) == Decimal("66.6667")
    assert rounded(Decimal("1.123456789"), 8) == Decimal("1.12345679")
    assert rounded(None) is None
