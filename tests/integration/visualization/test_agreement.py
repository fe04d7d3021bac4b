"""What the dashboard shows is what the portfolio says and the coordinator decides on."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial

import pytest
from redis.asyncio import Redis

from coordinator.src.adapters.postgres_account import PostgresAccount
from core.statistics.figures import rounded
from core.statistics.results import CycleResult, Results, results_of
from portfolio.src.adapters.postgres_performance import PostgresPerformance
from portfolio.src.models import PortfolioModel, SharedCache
from portfolio.src.ports import BEGINNING
from portfolio.src.prices import LastPrices
from shared.memory.manual_clock import ManualClock
from shared.src.bus.redis_last_values import RedisLastValues
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.money import ZERO
from shared.src.market.last_closes import closes_at, last_closes
from shared.src.sql import RESULT_SUMS, text
from tests.integration.portfolio.builders import TraderRows
from trader.src.adapters.postgres_reads import PostgresReads
from visualization.src.adapters.postgres_performance import PostgresPerformanceReads
from visualization.src.performance import PerformanceViews
from visualization.src.ports import Grouping

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


@pytest.fixture
def model(database: Database, redis: Redis) -> PortfolioModel:
    prices = LastPrices(
        RedisLastValues(redis),
        partial(last_closes, database),
        quote_asset="USDC",
        clock=ManualClock(),
        closes_at=partial(closes_at, database),
    )
    clock = ManualClock(NOW)
    return PortfolioModel(database, prices, clock, quote_asset="USDC", cache=SharedCache(clock))


async def test_all_show_the_same_of_a_pocket_that_losses_have_overdrawn(
    database: Database, settings: Settings, model: PortfolioModel
) -> None:
    # 80 are bound although losses shrank the capital to 100: the account has 20 free, less than the buffer's 30
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO capital_pockets (pocket, share_percent, total, reserved, used, updated_at) VALUES"
                " ('active', 60, 60, 0, 80, now()), ('buffer', 30, 30, 0, 0, now()), ('safety', 10, 10, 0, 0, now())"
            )
        )
    dashboard = await PerformanceViews(PostgresPerformanceReads(database), quote_asset="USDC").pockets()
    portfolio = (await model.pockets())["pockets"]
    view = await PostgresAccount(database, quote_asset="USDC").view(NOW, ())
    expected = {"active": Decimal(0), "buffer": Decimal(20), "safety": Decimal(10)}
    assert {pocket["name"]: Decimal(pocket["available"]) for pocket in dashboard} == expected
    assert {pocket["name"]: pocket["available"] for pocket in portfolio} == expected
    assert view.pockets == expected


@pytest.fixture
async def traded(database: Database) -> Results:
    """Five completed cycles and one that is open, and their results by ``core.statistics``."""
    trader, day = TraderRows(database, NOW), timedelta(days=1)
    earned = [("10.5", NOW), ("-4.25", NOW), ("0", NOW - day), ("2.125", NOW - day), ("-1", NOW - 2 * day)]
    for number, (profit, at) in enumerate(earned):
        await trader.cycle(f"int-{number}", "completed", profit=profit, at=at, strategy=f"strategy-{number % 2}")
    await trader.cycle("int-9", "active_buy")
    return results_of(CycleResult("", "", at, Decimal(profit), ZERO, Decimal(210)) for profit, at in earned)


async def test_the_sums_of_the_database_are_those_of_the_code(database: Database, traded: Results) -> None:
    async with database.begin() as connection:
        query = text(f"SELECT {RESULT_SUMS} FROM valued_cycles WHERE status = 'completed'")
        row = (await connection.execute(query)).mappings().one()
    assert Results.of_sums(dict(row)) == traded


async def test_all_tell_the_same_results_of_the_same_cycles(
    database: Database, model: PortfolioModel, traded: Results
) -> None:
    dashboard = await PerformanceViews(PostgresPerformanceReads(database), quote_asset="USDC").overview(NOW)
    summary, live = await model.summary(), await model.live_statistics()
    trader = (await PostgresReads(database).stats())["cycles"]
    results = PostgresPerformance(database)
    await results.recompute(BEGINNING, NOW)
    (month,) = await model.performance("monthly", strategy=None, symbol=None, by=None, limit=5)

    assert (traded.cycles, traded.wins, traded.profit_loss) == (5, 2, Decimal("7.375"))
    assert Decimal(dashboard["pnl_total"]) == summary["realized_pnl"] == month["profit_loss"] == traded.profit_loss
    assert Decimal(trader["realised_profit_loss"]) == traded.profit_loss
    assert dashboard["cycles_completed"] == summary["completed_cycles"] == month["trades"] == trader["completed"] == 5
    assert dashboard["wins"] == month["wins"] == trader["winning"] == 2
    assert dashboard["win_rate_percent"] == "40"
    assert summary["win_rate_percent"] == month["win_rate_percent"] == traded.win_rate_percent
    assert Decimal(dashboard["profit_factor"] or 0) == rounded(traded.profit_factor)
    assert Decimal(dashboard["fees"]) == summary["fees"] == month["fees"]
    today = Decimal("6.25")
    assert Decimal(dashboard["pnl_day"]) == summary["realized_pnl_today"] == live["profit_loss_today"] == today


async def test_the_groups_of_the_dashboard_are_those_of_the_portfolio(
    database: Database, model: PortfolioModel, traded: Results
) -> None:
    await PostgresPerformance(database).recompute(BEGINNING, NOW)
    groups = await PerformanceViews(PostgresPerformanceReads(database), quote_asset="USDC").grouped(Grouping.STRATEGY)
    rows = await model.performance("monthly", strategy=None, symbol=None, by="strategy", limit=5)
    shown = {row["strategy"]: (row["trades"], row["wins"], row["profit_loss"], row["volume"]) for row in rows}
    assert shown == {
        group["name"]: (group["cycles"], group["wins"], Decimal(group["pnl"]), Decimal(group["volume"]))
        for group in groups
    }
