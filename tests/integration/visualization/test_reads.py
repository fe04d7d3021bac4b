"""What the dashboard reads, on a real database with twelve hours of seeded history."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import text

from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import to_ms
from tests.browser.seeding import HISTORY_MINUTES, SYMBOLS, Seeded, seed
from visualization.src.performance import PerformanceQueries
from visualization.src.platform_health import service_view, summary
from visualization.src.queries import Queries
from visualization.src.system import SystemStatus

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


@pytest.fixture
async def seeded(database: Database) -> Seeded:
    return await seed(database, NOW)


@pytest.fixture
def queries(database: Database) -> Queries:
    return Queries(database)


async def test_an_empty_platform_has_empty_answers(queries: Queries) -> None:
    performance = PerformanceQueries(queries, "USDC")
    assert await queries.candles("BTCUSDC", Timeframe.H1, 100) == []
    assert [each["price"] for each in await queries.symbols(["BTCUSDC"], "USDC")] == [None]
    assert await queries.available_symbols() == []
    assert await performance.equity() == []
    overview = await performance.overview(NOW)
    assert (overview["equity"], overview["win_rate_percent"], overview["sharpe"]) == (None, None, None)
    assert (overview["pnl_total"], overview["cycles_completed"]) == ("0", 0)


async def test_higher_candles_are_built_from_minutes_and_the_last_is_open(queries: Queries, seeded: Seeded) -> None:
    minutes = seeded.candles["BTCUSDC"]
    hours = await queries.candles("BTCUSDC", Timeframe.H1, 5)
    assert [bar["is_closed"] for bar in hours] == [True] * 5
    last = minutes[-60:]
    assert hours[-1]["time"] == last[0].time
    assert Decimal(hours[-1]["high"]) == max(candle.high for candle in last)
    assert Decimal(hours[-1]["close"]) == last[-1].close
    assert Decimal(hours[-1]["volume"]) == sum(candle.volume for candle in last)
    days = await queries.candles("BTCUSDC", Timeframe.D1, 5)
    assert [bar["is_closed"] for bar in days] == [False]


async def test_stored_candles_go_before_built_ones(database: Database, queries: Queries, seeded: Seeded) -> None:
    async with database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume)"
                " VALUES (:time, 'BTCUSDC', '4h', 1, 1, 1, 1, 1)"
            ),
            {"time": datetime(2026, 3, 4, 4, tzinfo=UTC)},
        )
    bars = await queries.candles("BTCUSDC", Timeframe.H4, 10)
    assert [datetime.fromtimestamp(bar["time"] / 1000, UTC).hour for bar in bars] == [4, 8, 12]
    assert bars[0]["close"] == "1"


async def test_symbols_carry_the_change_of_the_last_day(queries: Queries, seeded: Seeded) -> None:
    first, last = seeded.candles["ETHUSDC"][0], seeded.candles["ETHUSDC"][-1]
    (view,) = await queries.symbols(["ETHUSDC"], "USDC")
    assert (view["base"], view["quote"]) == ("ETH", "USDC")
    assert Decimal(view["price"] or 0) == last.close
    assert Decimal(view["change_percent"] or 0) == round((last.close - first.open) / first.open * 100, 4)
    assert await queries.available_symbols() == sorted(SYMBOLS)


async def test_indicators_that_are_not_known_yet_are_null(queries: Queries, seeded: Seeded) -> None:
    values = await queries.indicators("BTCUSDC", Timeframe.M1, ["ema_50", "rsi_14"], 1000)
    assert len(values["ema_50"]) == HISTORY_MINUTES
    assert values["ema_50"][0]["value"] is None
    assert values["ema_50"][-1]["value"] is not None
    assert "symbol" not in await queries.indicator_columns()


async def test_decisions_show_their_votes_and_their_verdict(queries: Queries, seeded: Seeded) -> None:
    decisions = await queries.decisions(symbol="", accepted_only=True, limit=200)
    assert [decision["bar_time"] for decision in decisions] == sorted(
        (decision["bar_time"] for decision in decisions), reverse=True
    )
    refused = next(decision for decision in decisions if decision["verdict"] == "refused")
    assert refused["verdict_reason"] == "5 positions are open, the limit is 5"
    assert refused["votes"]
    assert set(refused["strategies"]) == {vote["strategy"] for vote in refused["votes"]}


async def test_cycles_are_told_apart_by_their_state(queries: Queries, seeded: Seeded) -> None:
    opened = await queries.cycles(symbol="", status="open", limit=100)
    assert {cycle["id"] for cycle in opened} == set(seeded.open_cycles)
    assert len(await queries.cycles(symbol="", status="closed", limit=100)) == seeded.completed
    assert await queries.cycles(symbol="", status="failed", limit=100) == []
    only = await queries.cycles(symbol="BTCUSDC", status="open", limit=100)
    assert [cycle["symbol"] for cycle in only] == ["BTCUSDC"]
    assert len(await queries.orders(symbol="", open_only=True, limit=100)) == 2 * len(seeded.open_cycles)
    assert len(await queries.trades(symbol="", limit=500)) == 2 * seeded.completed + len(seeded.open_cycles)


async def test_statistics_add_up_to_the_profit_that_was_made(queries: Queries, seeded: Seeded) -> None:
    performance = PerformanceQueries(queries, "USDC")
    overview = await performance.overview(NOW)
    assert Decimal(overview["pnl_total"]) == round(seeded.profit, 12)
    assert overview["wins"] + overview["losses"] == overview["cycles_completed"] == seeded.completed
    assert overview["max_drawdown_percent"] is not None
    for by in ("strategies", "symbols"):
        groups = await performance.grouped(by)
        assert sum(Decimal(group["pnl"]) for group in groups) == Decimal(overview["pnl_total"])
    pockets = await performance.pockets()
    assert [pocket["name"] for pocket in pockets] == ["active", "buffer", "safety"]
    active = pockets[0]
    parts = (active["used"], active["reserved"], active["available"])
    assert sum(Decimal(part) for part in parts) == Decimal(active["total"])
    assert (await performance.equity())[-1]["time"] < to_ms(NOW)


async def test_what_needs_attention_is_said(database: Database, settings: Settings, queries: Queries) -> None:
    well = {"status": "healthy", "dependencies": {}}
    health = summary([service_view(name, "", well, 1.0) for name in ("trader", "portfolio")], "now")
    status = SystemStatus(settings, ManualClock(NOW), queries)
    view = await status.view(health)
    assert (view["trading"]["state"], view["alerts"]) == ("running", [])

    async with database.begin() as connection:
        await connection.execute(text("INSERT INTO trading_pauses VALUES ('all', 'difference: 1 USDC', now())"))
        await connection.execute(
            text(
                "INSERT INTO dead_letters (source, consumer, reason, payload, fingerprint)"
                " VALUES ('orders', 'trader', 'broken', '{}', 'f')"
            )
        )
    view = await status.view(health)
    assert view["trading"] == {"state": "halted", "reason": "difference: 1 USDC"}
    assert [alert["id"] for alert in view["alerts"]] == ["pause:all", "dead_letters"]


async def test_a_database_that_is_away_is_an_alert_not_an_error(settings: Settings) -> None:
    away = Queries(Database("postgresql://nobody@127.0.0.1:1/none"))
    view = await SystemStatus(settings, ManualClock(NOW), away).view(summary([], "now"))
    assert view["trading"]["state"] == "unknown"
    assert view["alerts"][0]["title"] == "Database away"
