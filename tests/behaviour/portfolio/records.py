"""What is kept of the account and of results, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.statistics.periods import Period, PeriodKey
from portfolio.src.cycle_valuer import CycleValuer
from portfolio.src.performance import PerformanceUpdater
from portfolio.src.ports import BEGINNING, CycleValues, PerformanceRows, ValuedBalance
from shared.memory.manual_clock import ManualClock
from shared.src.domain.money import ONE, ZERO
from shared.src.exchange.models import Balance
from tests.behaviour.portfolio.world import RecordsWorld, TraderWriter

AT = datetime(2026, 1, 1, tzinfo=UTC)


def held(asset: str, free: str, value: str | None) -> ValuedBalance:
    return ValuedBalance(Balance(asset, Decimal(free), Decimal(1)), None if value is None else Decimal(value))


class Prices:
    """Prices under the test's control, the same now and then."""

    def __init__(self, **prices: str) -> None:
        self.prices = {symbol: Decimal(price) for symbol, price in prices.items()}

    async def of_assets(self, assets: Iterable[str]) -> dict[str, Decimal]:
        return self.prices

    async def at(self, assets: Iterable[str], moment: datetime) -> dict[str, Decimal]:
        return self.prices


def updater(
    values: CycleValues, rows: PerformanceRows, clock: ManualClock, prices: Prices | None = None
) -> PerformanceUpdater:
    valuer = CycleValuer(values, prices or Prices(), clock, quote_asset="USDC")
    return PerformanceUpdater(rows, valuer, clock)


class AccountRecordsBehaviour:
    """On every keeper of the account's records."""

    async def test_what_is_no_longer_listed_is_no_longer_held(self, records_world: RecordsWorld) -> None:
        await records_world.records.write([held("USDC", "9", "10"), held("ODD", "1", None)], AT)
        await records_world.records.write([held("USDC", "5", "6")], AT + timedelta(minutes=1))
        assert await records_world.wallets() == {"ODD": (ZERO, ZERO), "USDC": (Decimal(5), ONE)}

    async def test_a_moment_has_one_snapshot(self, records_world: RecordsWorld) -> None:
        await records_world.records.write([held("USDC", "9", "10"), held("ODD", "1", None)], AT)
        await records_world.records.write([held("USDC", "5", "6"), held("ODD", "1", None)], AT)
        await records_world.records.write([], AT + timedelta(minutes=1))
        await records_world.records.write([held("USDC", "7", "8")], AT + timedelta(minutes=2))
        assert await records_world.values() == [(AT, Decimal(10)), (AT + timedelta(minutes=2), Decimal(8))]


class PerformanceBehaviour:
    """On every keeper of results."""

    async def test_results_are_kept_per_period_strategy_and_symbol(
        self, records_world: RecordsWorld, trader: TraderWriter
    ) -> None:
        await trader.cycle("int-1", "completed", profit="10", at=AT, strategy="cross")
        await trader.cycle("int-2", "completed", profit="-4", at=AT + timedelta(hours=23, minutes=59))
        await trader.cycle("int-3", "completed", profit="0", at=AT + timedelta(days=1))
        await trader.cycle("int-4", "active_buy")
        await records_world.results.recompute(BEGINNING, AT)
        rows = await records_world.rows()
        first, second = AT, AT + timedelta(days=1)
        assert rows[PeriodKey(Period.DAILY, first)] == (2, 1, 6, 420, 10, -4)
        assert rows[PeriodKey(Period.DAILY, second)] == (1, 0, 0, 210, 0, 0)
        assert rows[PeriodKey(Period.DAILY, first, "cross")] == (1, 1, 10, 210, 10, 10)
        assert rows[PeriodKey(Period.DAILY, first, "test", "BTCUSDC")] == (1, 0, -4, 210, -4, -4)
        assert rows[PeriodKey(Period.MONTHLY, first)] == (3, 1, 6, 630, 10, -4)
        # the first of January 2026 is a Thursday
        assert rows[PeriodKey(Period.WEEKLY, datetime(2025, 12, 29, tzinfo=UTC))] == (3, 1, 6, 630, 10, -4)

    async def test_again_changes_nothing_and_a_late_cycle_is_found(
        self, records_world: RecordsWorld, trader: TraderWriter, clock: ManualClock
    ) -> None:
        keeper = updater(records_world.cycle_values, records_world.results, clock)
        assert not await keeper.update()
        await trader.cycle("int-1", "completed", profit="10", at=AT)
        assert await keeper.update()
        before = await records_world.rows()
        assert await keeper.update()  # the look back starts where the last one ended
        assert not await keeper.update()
        assert await records_world.rows() == before
        await trader.cycle("int-2", "completed", profit="5", at=AT - timedelta(hours=3))
        assert await keeper.update()
        assert (await records_world.rows())[PeriodKey(Period.MONTHLY, AT)] == (1, 1, 10, 210, 10, 10)
        assert (await records_world.rows())[PeriodKey(Period.DAILY, AT - timedelta(days=1))] == (1, 1, 5, 210, 5, 5)

    async def test_results_in_other_quote_assets_are_converted_at_the_price_of_their_end(
        self, records_world: RecordsWorld, trader: TraderWriter, clock: ManualClock
    ) -> None:
        prices = Prices(USDCTRY="40")
        keeper = updater(records_world.cycle_values, records_world.results, clock, prices)
        await trader.cycle("int-1", "completed", profit="-1.02", at=AT)
        await trader.cycle("int-2", "completed", profit="-1.6", at=AT + timedelta(hours=1), symbol="BTCTRY")
        assert await keeper.update()
        day = PeriodKey(Period.DAILY, AT)
        assert (await records_world.rows())[day][:3] == (2, 0, Decimal("-1.06"))
        prices.prices["USDCTRY"] = Decimal(20)
        await trader.cycle("int-3", "completed", profit="1", at=AT + timedelta(hours=2))
        assert await keeper.update()
        assert (await records_world.rows())[day][:3] == (3, 1, Decimal("-0.06"))

    async def test_a_result_nobody_can_price_counts_when_somebody_can(
        self, records_world: RecordsWorld, trader: TraderWriter, clock: ManualClock
    ) -> None:
        prices = Prices()
        keeper = updater(records_world.cycle_values, records_world.results, clock, prices)
        await trader.cycle("int-1", "completed", profit="10", at=AT)
        await trader.cycle("int-2", "completed", profit="400", at=AT, symbol="BTCTRY")
        await keeper.update()
        assert (await records_world.rows())[PeriodKey(Period.DAILY, AT)][2] == 10
        prices.prices["USDCTRY"] = Decimal(40)
        assert await keeper.update()
        assert (await records_world.rows())[PeriodKey(Period.DAILY, AT)][2] == 20
