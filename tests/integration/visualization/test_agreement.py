"""What the dashboard shows is what the portfolio says and the coordinator decides on."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from redis.asyncio import Redis
from sqlalchemy import text

from coordinator.src.adapters.postgres_account import PostgresAccount
from portfolio.src.adapters.postgres_prices import LastPrices
from portfolio.src.models import PortfolioModel
from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.database import Database
from visualization.src.performance import PerformanceQueries
from visualization.src.queries import Queries

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


@pytest.fixture
def model(database: Database, redis: Redis) -> PortfolioModel:
    prices = LastPrices(database, redis, quote_asset="USDC")
    return PortfolioModel(database, prices, ManualClock(NOW), quote_asset="USDC")


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
    dashboard = await PerformanceQueries(Queries(database), "USDC").pockets()
    portfolio = (await model.pockets())["pockets"]
    view = await PostgresAccount(database, quote_asset="USDC").view(NOW, ())
    expected = {"active": Decimal(0), "buffer": Decimal(20), "safety": Decimal(10)}
    assert {pocket["name"]: Decimal(pocket["available"]) for pocket in dashboard} == expected
    assert {pocket["name"]: pocket["available"] for pocket in portfolio} == expected
    assert view.pockets == expected
