"""In PostgreSQL."""

from __future__ import annotations

from decimal import Decimal

import pytest

from portfolio.src.adapters.postgres_cycle_values import PostgresCycleValues
from portfolio.src.adapters.postgres_performance import PostgresPerformance
from shared.memory.manual_clock import ManualClock
from shared.src.database import Database
from shared.src.sql import text
from tests.behaviour.portfolio.records import (
    AccountRecordsBehaviour,
    EquityBehaviour,
    PerformanceBehaviour,
    Prices,
    updater,
)
from tests.integration.portfolio.builders import TraderRows


@pytest.mark.integration
class TestAccountRecords(AccountRecordsBehaviour): ...


@pytest.mark.integration
class TestEquity(EquityBehaviour): ...


@pytest.mark.integration
class TestPerformance(PerformanceBehaviour): ...


@pytest.mark.integration
async def test_a_fee_in_bnb_without_a_price_is_taken_off_the_result_when_it_has_one(
    database: Database, trader: TraderRows, clock: ManualClock
) -> None:
    prices = Prices()
    keeper = updater(PostgresCycleValues(database), PostgresPerformance(database), clock, prices)
    await trader.entry("int-1", 1, fee="0.01", fee_asset="BNB")
    await trader.cycle("int-1", "completed", profit="10")

    async def kept() -> tuple[Decimal, Decimal]:
        await keeper.update()
        async with database.begin() as connection:
            query = "SELECT * FROM performance_stats WHERE period = 'daily' AND strategy = '' AND symbol = ''"
            row = (await connection.execute(text(query))).one()
        return row.profit_loss, row.fees

    assert await kept() == (Decimal(10), Decimal(0))
    prices.prices["BNBUSDC"] = Decimal(600)
    assert await kept() == (Decimal(4), Decimal(6))
