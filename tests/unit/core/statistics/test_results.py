"""Figures of completed cycles, against numbers computed by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.statistics.results import CycleResult, Results, results_of, win_rate_percent

AT = datetime(2026, 1, 1, tzinfo=UTC)
profits = st.lists(st.decimals("-1000", "1000", places=4), max_size=20)


def cycles(*profits: str | Decimal) -> list[CycleResult]:
    return [CycleResult("cross", "BTCUSDC", AT, Decimal(each), Decimal("0.2"), Decimal(200)) for each in profits]


def test_figures_of_five_cycles() -> None:
    results = results_of(cycles("10", "-4", "0", "2.5", "-1"))
    assert (results.cycles, results.wins, results.losses) == (5, 2, 3)
    assert (results.gained, results.lost, results.profit_loss) == (Decimal("12.5"), Decimal(5), Decimal("7.5"))
    assert results.win_rate_percent == 40
    assert results.profit_factor == Decimal("2.5")
    assert results.expectancy == Decimal("1.5")
    assert (results.best, results.worst) == (Decimal(10), Decimal(-4))
    assert (results.fees, results.volume) == (Decimal("1.0"), Decimal(1000))


def test_without_a_cycle_ratios_are_not_known() -> None:
    nothing = Results()
    figures = (nothing.win_rate_percent, nothing.profit_factor, nothing.expectancy, nothing.best, nothing.worst)
    assert figures == (None,) * 5
    assert nothing.profit_loss == 0


def test_a_profit_factor_needs_a_loss() -> None:
    assert results_of(cycles("1", "2")).profit_factor is None
    assert results_of(cycles("-1")).profit_factor == 0


def test_the_win_rate_of_a_third() -> None:
    assert win_rate_percent(0, 3) == 0
    assert round(win_rate_percent(1, 3) or Decimal(0), 4) == Decimal("33.3333")


@given(profits)
def test_results_add_up_to_what_was_earned(earned: list[Decimal]) -> None:
    results = results_of(cycles(*earned))
    assert results.profit_loss == sum(earned)
    assert results.wins + results.losses == results.cycles == len(earned)
    assert results.gained >= 0
    assert results.lost >= 0
