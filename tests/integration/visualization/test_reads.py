"""What the dashboard reads, on a real database with twelve hours of seeded history."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import to_ms
from shared.src.sql import text
from tests.browser.seeding import HISTORY_MINUTES, SYMBOLS, Seeded, seed
from visualization.src.adapters.postgres_market import PostgresMarketReads
from visualization.src.adapters.postgres_performance import PostgresPerformanceReads
from visualization.src.adapters.postgres_system import PostgresSystemReads
from visualization.src.adapters.postgres_trading import PostgresTradingReads
from visualization.src.performance import PerformanceViews
from visualization.src.platform_health import service_view, summary
from visualization.src.ports import Grouping
from visualization.src.system import SystemStatus

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


@pytest.fixture
async def seeded(database: Database) -> Seeded:
    return await seed(database, NOW)


@pytest.fixture
def market(database: Database) -> PostgresMarketReads:
    return PostgresMarketReads(database)


@pytest.fixture
def trading(database: Database) -> PostgresTradingReads:
    return PostgresTradingReads(database)


@pytest.fixture
def performance(database: Database) -> PerformanceViews:
    return PerformanceViews(PostgresPerformanceReads(database), quote_asset="USDC")


def system_status(settings: Settings, database: Database) -> SystemStatus:
    market, system = PostgresMarketReads(database), PostgresSystemReads(database)
    return SystemStatus(settings, ManualClock(NOW), market=market, system=system)


async def test_an_empty_platform_has_empty_answers(market: PostgresMarketReads, performance: PerformanceViews) -> None:
    assert await market.candles("BTCUSDC", Timeframe.H1, 100) == []
    assert [each["price"] for each in await market.symbols(["BTCUSDC"], "USDC")] == [None]
    assert await market.available_symbols() == []
    assert await performance.equity() == []
    overview = await performance.overview(NOW)
    assert (overview["equity"], overview["win_rate_percent"], overview["sharpe"]) == (None, None, None)
    assert (overview["pnl_total"], overview["cycles_completed"]) == ("0", 0)


async def test_higher_candles_are_built_from_minutes_and_the_last_is_open(
    market: PostgresMarketReads, seeded: Seeded
) -> None:
    minutes = seeded.candles["BTCUSDC"]
    hours = await market.candles("BTCUSDC", Timeframe.H1, 5)
    assert [bar["is_closed"] for bar in hours] == [True] * 5
    last = minutes[-60:]
    assert hours[-1]["time"] == last[0].time
    assert Decimal(hours[-1]["high"]) == max(candle.high for candle in last)
    assert Decimal(hours[-1]["close"]) == last[-1].close
    assert Decimal(hours[-1]["volume"]) == sum(candle.volume for candle in last)
    days = await market.candles("BTCUSDC", Timeframe.D1, 5)
    assert [bar["is_closed"] for bar in days] == [False]


async def test_stored_candles_go_before_built_ones(
    database: Database, market: PostgresMarketReads, seeded: Seeded
) -> None:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume)"
                " VALUES (:time, 'BTCUSDC', '4h', 1, 1, 1, 1, 1)"
            ),
            {"time": datetime(2026, 3, 4, 4, tzinfo=UTC)},
        )
    bars = await market.candles("BTCUSDC", Timeframe.H4, 10)
    assert [datetime.fromtimestamp(bar["time"] / 1000, UTC).hour for bar in bars] == [4, 8, 12]
    assert bars[0]["close"] == "1"


async def test_symbols_carry_the_change_of_the_last_day(market: PostgresMarketReads, seeded: Seeded) -> None:
    first, last = seeded.candles["ETHUSDC"][0], seeded.candles["ETHUSDC"][-1]
    (view,) = await market.symbols(["ETHUSDC"], "USDC")
    assert (view["base"], view["quote"]) == ("ETH", "USDC")
    assert Decimal(view["price"] or 0) == last.close
    assert Decimal(view["change_percent"] or 0) == round((last.close - first.open) / first.open * 100, 4)
    assert await market.available_symbols() == sorted(SYMBOLS)


async def test_indicators_that_are_not_known_yet_are_null(market: PostgresMarketReads, seeded: Seeded) -> None:
    values = await market.indicators("BTCUSDC", Timeframe.M1, ["ema_50", "rsi_14"], 1000)
    assert len(values["ema_50"]) == HISTORY_MINUTES
    assert values["ema_50"][0]["value"] is None
    assert values["ema_50"][-1]["value"] is not None
    assert "symbol" not in await market.indicator_columns()


async def test_decisions_show_their_votes_and_their_verdict(trading: PostgresTradingReads, seeded: Seeded) -> None:
    decisions = await trading.decisions(symbol="", accepted_only=True, limit=200)
    assert [decision["bar_time"] for decision in decisions] == sorted(
        (decision["bar_time"] for decision in decisions), reverse=True
    )
    refused = next(decision for decision in decisions if decision["verdict"] == "refused")
    assert refused["verdict_reason"] == "5 positions are open, the limit is 5"
    assert refused["votes"]
    assert set(refused["strategies"]) == {vote["strategy"] for vote in refused["votes"]}


async def test_cycles_are_told_apart_by_their_state(trading: PostgresTradingReads, seeded: Seeded) -> None:
    opened = await trading.cycles(symbol="", status="open", limit=100)
    assert {cycle["id"] for cycle in opened} == set(seeded.open_cycles)
    assert len(await trading.cycles(symbol="", status="closed", limit=100)) == seeded.completed
    assert await trading.cycles(symbol="", status="failed", limit=100) == []
    only = await trading.cycles(symbol="BTCUSDC", status="open", limit=100)
    assert [cycle["symbol"] for cycle in only] == ["BTCUSDC"]
    assert len(await trading.orders(symbol="", open_only=True, limit=100)) == 2 * len(seeded.open_cycles)
    assert len(await trading.trades(symbol="", limit=500)) == 2 * seeded.completed + len(seeded.open_cycles)


async def test_statistics_add_up_to_the_profit_that_was_made(performance: PerformanceViews, seeded: Seeded) -> None:
    overview = await performance.overview(NOW)
    assert Decimal(overview["pnl_total"]) == round(seeded.profit, 12)
    assert overview["wins"] + overview["losses"] == overview["cycles_completed"] == seeded.completed
    assert overview["max_drawdown_percent"] is not None
    for by in Grouping:
        groups = await performance.grouped(by)
        assert sum(Decimal(group["pnl"]) for group in groups) == Decimal(overview["pnl_total"])
    pockets = await performance.pockets()
    assert [pocket["name"] for pocket in pockets] == ["active", "buffer", "safety"]
    active = pockets[0]
    parts = (active["used"], active["reserved"], active["available"])
    assert sum(Decimal(part) for part in parts) == Decimal(active["total"])
    assert (await performance.equity())[-1]["time"] < to_ms(NOW)


async def test_what_needs_attention_is_said(database: Database, settings: Settings) -> None:
    well = {"status": "healthy", "dependencies": {}}
    health = summary([service_view(name, "", well, 1.0) for name in ("trader", "portfolio")], "now")
    status = system_status(settings, database)
    view = await status.view(health)
    assert (view["trading"]["state"], view["alerts"]) == ("running", [])

    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO trading_pauses VALUES ('all', 'paused by hand', now())"))
        await connection.execute(
            text("INSERT INTO trading_pauses VALUES ('all', 'difference: 1 USDC', now(), 'difference')")
        )
        await connection.execute(
            text(
                "INSERT INTO dead_letters (source, consumer, reason, payload, fingerprint)"
                " VALUES ('orders', 'trader', 'broken', '{}', 'f')"
            )
        )
    view = await status.view(health)
    assert view["trading"] == {"state": "halted", "reason": "difference: 1 USDC"}
    assert [alert["id"] for alert in view["alerts"]] == ["halt:all", "dead_letters", "pause:all"]


async def test_a_database_that_is_away_is_an_alert_not_an_error(settings: Settings) -> None:
    away = system_status(settings, Database("postgresql://nobody@127.0.0.1:1/none"))
    view = await away.view(summary([], "now"))
    assert view["trading"]["state"] == "unknown"
    assert view["alerts"][0]["title"] == "Database away"
