"""The performance panels on a store in memory: money as text, figures of core, nothing invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.capital.pockets import Pocket
from core.statistics.equity import HOUR_MS, EquityCurve, Point
from core.statistics.results import CycleResult, Results, results_of
from shared.src.domain.money import ONE, ZERO
from shared.src.exchange.models import Balance
from visualization.src.performance import EQUITY_POINTS_MAX, PerformanceViews
from visualization.src.ports import Grouping, TradingSums

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@dataclass
class MemoryReads:
    balances: list[Balance] = field(default_factory=list)
    closes: dict[str, Decimal] = field(default_factory=dict)
    points: list[Point] = field(default_factory=list)
    returns: list[Point] = field(default_factory=list)
    results: Results = field(default_factory=Results)

    async def pockets(self) -> list[Pocket]:
        return [
            Pocket("active", Decimal(60), Decimal(60), used=Decimal(80)),
            Pocket("buffer", Decimal(40), Decimal(40)),
        ]

    async def held(self) -> list[Balance]:
        return self.balances

    async def prices(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        return {symbol: self.closes[symbol] for symbol in symbols if symbol in self.closes}

    async def equity(self) -> EquityCurve:
        return EquityCurve(self.points, self.returns or self.points)

    async def open_times(self, now: datetime) -> list[tuple[int, int]]:
        return [(0, HOUR_MS)]

    async def sums(self, now: datetime) -> TradingSums:
        return TradingSums(
            self.results, profit_today=ZERO, cycles_open=1, trades_24h=2, volumes_24h={"BTCUSDC": Decimal(300)}
        )

    async def grouped(self, by: Grouping) -> list[tuple[str, Results]]:
        return [(by.value, self.results)]


@pytest.fixture
def reads() -> MemoryReads:
    return MemoryReads()


@pytest.fixture
def views(reads: MemoryReads) -> PerformanceViews:
    return PerformanceViews(reads, quote_asset="USDC")


def earned(*profits: str) -> Results:
    return results_of(CycleResult("", "", NOW, Decimal(profit), ONE, Decimal(200)) for profit in profits)


async def test_what_is_available_in_a_pocket_is_bounded_by_the_account(views: PerformanceViews) -> None:
    assert [(pocket["name"], pocket["available"]) for pocket in await views.pockets()] == [
        ("active", "0"),
        ("buffer", "20"),
    ]


async def test_balances_are_valued_over_a_bridge_and_the_unpriced_come_last(
    views: PerformanceViews, reads: MemoryReads
) -> None:
    reads.balances = [Balance(asset, ONE, ONE) for asset in ("ODD", "USDC", "XYZ")]
    reads.closes = {"XYZBTC": Decimal("0.01"), "BTCUSDC": Decimal(5000)}
    assert [(each["asset"], each["value_quote"]) for each in await views.balances()] == [
        ("XYZ", "100"),
        ("USDC", "2"),
        ("ODD", None),
    ]


async def test_an_empty_account_has_no_ratios(views: PerformanceViews) -> None:
    overview = await views.overview(NOW)
    unknown = ("equity", "win_rate_percent", "profit_factor", "roi_percent", "sharpe", "max_drawdown_percent")
    assert {name: value for name, value in overview.items() if name in unknown} == dict.fromkeys(unknown)
    assert (overview["pnl_total"], overview["cycles_completed"], overview["volume_24h"]) == ("0", 0, "300")


async def test_figures_are_rounded_to_four_places(views: PerformanceViews, reads: MemoryReads) -> None:
    reads.results = earned("10", "-3", "-4")
    reads.points = [(0, Decimal(1000)), (HOUR_MS, Decimal(900)), (2 * HOUR_MS, Decimal("1003.123456789"))]
    overview = await views.overview(NOW)
    assert (overview["win_rate_percent"], overview["profit_factor"]) == ("33.3333", "1.4286")
    assert (overview["pnl_total"], overview["roi_percent"], overview["fees"]) == ("3", "0.3", "3")
    assert (overview["equity"], overview["max_drawdown_percent"]) == ("1003.12345679", "10")
    assert (overview["expectancy"], overview["exposure_percent"], overview["turnover"]) == ("1", "50", "0.62")


async def test_a_withdrawal_is_no_drawdown(views: PerformanceViews, reads: MemoryReads) -> None:
    reads.points = [(0, Decimal(1000)), (HOUR_MS, Decimal(400))]
    reads.returns = [(0, ONE), (HOUR_MS, Decimal("0.99"))]
    overview = await views.overview(NOW)
    assert (overview["equity"], overview["max_drawdown_percent"]) == ("400", "1")


async def test_a_group_tells_what_a_cycle_earned_on_average(views: PerformanceViews, reads: MemoryReads) -> None:
    reads.results = earned("10", "-3", "-4")
    (group,) = await views.grouped(Grouping.SYMBOL)
    assert (group["name"], group["cycles"], group["wins"], group["pnl_average"]) == ("symbol", 3, 1, "1")


async def test_a_long_curve_is_thinned(views: PerformanceViews, reads: MemoryReads) -> None:
    reads.points = [(index, Decimal(index)) for index in range(5000)]
    points = await views.equity()
    assert len(points) == EQUITY_POINTS_MAX
    assert (points[0]["value"], points[-1]["value"]) == ("0", "4999")
