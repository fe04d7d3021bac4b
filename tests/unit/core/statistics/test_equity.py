"""Figures of an equity curve: right by arithmetic, None where they mean nothing."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.statistics.equity import (
    HOUR_MS,
    calmar_ratio,
    exposure_percent,
    max_drawdown_percent,
    sharpe_ratio,
    sortino_ratio,
    thinned,
    turnover,
)

values = st.lists(st.decimals("0.01", "1000000", places=2), min_size=2, max_size=50)


def test_drawdown_is_the_deepest_fall_from_a_peak() -> None:
    series = [Decimal(text) for text in ("100", "120", "90", "130", "117")]
    assert max_drawdown_percent(series) == Decimal(25)


def test_drawdown_of_a_single_value_is_not_known() -> None:
    assert max_drawdown_percent([Decimal(1)]) is None


@given(values)
def test_drawdown_lies_between_nothing_and_everything(series: list[Decimal]) -> None:
    drawdown = max_drawdown_percent(series)
    assert drawdown is not None
    assert 0 <= drawdown < 100
    assert (drawdown == 0) == (series == sorted(series))


def test_sharpe_needs_a_day_of_hours_and_some_movement() -> None:
    flat = [(hour * HOUR_MS, Decimal(100)) for hour in range(48)]
    assert sharpe_ratio(flat[:10]) is None
    assert sharpe_ratio(flat) is None
    assert sharpe_ratio([]) is None


def test_sharpe_is_annualised_from_hourly_returns() -> None:
    # returns alternate between +1 % and 0 %: mean .5 %, standard deviation of the sample .0050637 over 40 returns
    value, points = Decimal(100), [(0, Decimal(100))]
    for hour in range(1, 41):
        value = value * Decimal("1.01") if hour % 2 else value
        points.append((hour * HOUR_MS, value))
    ratio = sharpe_ratio(points)
    assert ratio is not None
    assert round(ratio, 2) == Decimal("92.42")


def test_an_hour_without_a_snapshot_keeps_the_value_before() -> None:
    whole = [(hour * HOUR_MS, Decimal(100 + (hour // 2) * 2)) for hour in range(60)]
    holed = [point for index, point in enumerate(whole) if index % 2 == 0]
    assert sharpe_ratio(holed[:]) == sharpe_ratio(whole[:-1])


def test_sortino_is_annualised_from_hourly_returns_and_punishes_losses_alone() -> None:
    # returns alternate between +1 % and -.5 %: mean .25 %; root of the mean squared loss .0035355; .70711 * sqrt(8760)
    value, points = Decimal(100), [(0, Decimal(100))]
    for hour in range(1, 41):
        value *= Decimal("1.01") if hour % 2 else Decimal("0.995")
        points.append((hour * HOUR_MS, value))
    ratio = sortino_ratio(points)
    assert ratio is not None
    assert round(ratio, 2) == Decimal("66.18")
    assert sortino_ratio(points[:20]) is None


def test_sortino_without_a_loss_is_not_known() -> None:
    assert sortino_ratio([(hour * HOUR_MS, Decimal(100 + hour)) for hour in range(48)]) is None


@given(st.integers(2, 500), st.integers(2, 60))
def test_thinning_keeps_order_first_and_last(count: int, count_max: int) -> None:
    points = [(index, Decimal(index)) for index in range(count)]
    kept = thinned(points, count_max)
    assert len(kept) == min(count, count_max)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert kept == sorted(set(kept))


def test_exposure_counts_the_time_of_open_positions_once() -> None:
    open_times = [(0, 10), (5, 20), (50, 70), (90, 200), (-30, -10)]
    assert exposure_percent(open_times, since_ms=0, until_ms=100) == 50
    assert exposure_percent([], since_ms=0, until_ms=100) == 0
    assert exposure_percent(open_times, since_ms=5, until_ms=5) is None


def test_turnover_is_what_was_traded_of_the_average_equity() -> None:
    assert turnover(Decimal(3000), [(0, Decimal(1000)), (1, Decimal(2000))]) == 2
    assert turnover(Decimal(3000), []) is None


def test_calmar_needs_a_week_and_a_fall() -> None:
    rising = [(hour * HOUR_MS, Decimal(100 + hour)) for hour in range(8 * 24)]
    assert calmar_ratio(rising[:48]) is None
    assert calmar_ratio(rising) is None
