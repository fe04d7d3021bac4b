"""What is kept of the account and of results, whatever keeps it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from core.capital.ledger import Flow, PostingKind, flow_posting
from core.statistics.periods import Period, PeriodKey
from portfolio.src.cycle_valuer import CycleValuer
from portfolio.src.equity_journal import FIRST_WAIT_S, EquityJournal
from portfolio.src.performance import PerformanceUpdater
from portfolio.src.ports import BEGINNING, CycleValues, PerformanceRows, ValuedBalance
from shared.memory.manual_clock import ManualClock
from shared.src.domain.money import ONE, ZERO
from shared.src.exchange.models import Balance
from tests.behaviour.portfolio.world import RecordsWorld, TraderWriter, World

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


def journal(world: World, records_world: RecordsWorld, clock: ManualClock, prices: Prices) -> EquityJournal:
    return EquityJournal(records_world.records, world.store, prices, clock, quote_asset="USDC")


async def post(world: World, clock: ManualClock, kind: PostingKind, **moves: str) -> None:
    flow = Flow(kind, {asset: Decimal(amount) for asset, amount in moves.items()})
    async with world.store.change() as transaction:
        await transaction.ledger.add(flow_posting(f"{kind}:{moves}", flow, clock.now(), "test"))


class EquityBehaviour:
    """On every keeper of the account's records and every store of the books."""

    async def test_the_first_point_waits_for_the_prices_of_all_that_is_held(
        self, world: World, records_world: RecordsWorld, clock: ManualClock
    ) -> None:
        prices = Prices()
        equity = journal(world, records_world, clock, prices)
        await post(world, clock, PostingKind.DEPOSIT, USDC="10000", BNB="0.5")
        await equity.note(moved=True)
        assert equity.waits
        assert await records_world.points() == []
        clock.advance(3)
        prices.prices["BNBUSDC"] = Decimal(600)
        await equity.note(moved=False)
        assert not equity.waits
        assert await records_world.points() == [(10300, 10300, 1)]

    async def test_what_nobody_ever_prices_is_not_waited_for_for_ever(
        self, world: World, records_world: RecordsWorld, clock: ManualClock
    ) -> None:
        equity = journal(world, records_world, clock, Prices())
        await post(world, clock, PostingKind.DEPOSIT, USDC="100", ODD="5")
        await equity.note(moved=True)
        clock.advance(FIRST_WAIT_S)
        await equity.note(moved=False)
        assert await records_world.points() == [(100, 100, 1)]

    async def test_flows_are_no_returns_and_a_restart_goes_on_from_the_last_point(
        self, world: World, records_world: RecordsWorld, clock: ManualClock
    ) -> None:
        prices = Prices(BNBUSDC="600")
        await post(world, clock, PostingKind.DEPOSIT, USDC="1000")
        await journal(world, records_world, clock, prices).note(moved=True)
        clock.advance(5)
        await post(world, clock, PostingKind.CONVERT, USDC="-600", BNB="1")
        await post(world, clock, PostingKind.WITHDRAWAL, USDC="-100")
        await journal(world, records_world, clock, prices).note(moved=True)
        clock.advance(60)
        prices.prices = {"BNBUSDC": Decimal(690)}
        restarted = journal(world, records_world, clock, prices)
        await restarted.note(moved=False)
        await restarted.note(moved=False)
        assert await records_world.points() == [(1000, 1000, 1), (900, -100, 1), (990, 0, Decimal("1.1"))]

    async def test_a_price_that_is_away_for_a_moment_is_no_loss(
        self, world: World, records_world: RecordsWorld, clock: ManualClock
    ) -> None:
        prices = Prices(BNBUSDC="600")
        equity = journal(world, records_world, clock, prices)
        await post(world, clock, PostingKind.DEPOSIT, BNB="1")
        await equity.note(moved=True)
        clock.advance(60)
        prices.prices = {}
        await equity.note(moved=False)
        assert await records_world.points() == [(600, 600, 1), (600, 0, 1)]


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
