"""The schema guards money by itself."""

from __future__ import annotations

import psycopg
import pytest

from database.migrate import migrate, status
from shared.src.config import Settings
from shared.src.database import Database
from shared.src.domain.errors import InvariantError, RootTradingError
from shared.src.sql import text

pytestmark = pytest.mark.integration


def test_migrating_again_changes_nothing(settings: Settings) -> None:
    def shape() -> list[tuple[str, ...]]:
        with psycopg.connect(settings.database_url) as connection:
            return connection.execute(
                "SELECT table_name, column_name, data_type FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, 2"
            ).fetchall()

    before = shape()
    level = migrate(settings.database_url)
    assert level.value in {"postgresql", "timescaledb-apache", "timescaledb-community"}
    assert shape() == before
    assert status(settings.database_url)["up_to_date"]


POSTING = "INSERT INTO ledger_postings (posting_id, kind, occurred_at) VALUES ('p', 'fill', now())"
LINE = "INSERT INTO ledger_lines (posting_id, line_no, account, asset, amount) VALUES ('p', {}, '{}', 'USDC', {})"


async def post(database: Database, exchange: str, trading: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(POSTING))
        await connection.execute(text(LINE.format(1, "exchange", exchange)))
        await connection.execute(text(LINE.format(2, "trading", trading)))


async def test_a_posting_that_does_not_balance_is_refused(database: Database) -> None:
    with pytest.raises(RootTradingError, match="does not balance"):
        await post(database, "10.00000001", "-10")


async def test_a_posting_that_balances_is_kept(database: Database) -> None:
    await post(database, "10.00000001", "-10.00000001")
    async with database.begin() as connection:
        rows = (await connection.execute(text("SELECT account, amount FROM ledger_balances ORDER BY 1"))).all()
    assert [(row.account, str(row.amount.normalize())) for row in rows] == [
        ("exchange", "10.00000001"),
        ("trading", "-10.00000001"),
    ]


ORDER = (
    "INSERT INTO orders (client_order_id, intent_id, purpose, symbol, side, type, quantity, status, demo, created_at,"
    " updated_at) VALUES ('c', 'i', 'entry', 'BTCUSDC', '{}', 'MARKET', {}, 'INTENT', true, now(), now())"
)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO wallets (asset, free, locked, updated_at) VALUES ('BTC', -1, 0, now())",
        "INSERT INTO capital_pockets (pocket, share_percent, total, reserved, updated_at)"
        " VALUES ('active', 60, 1, -1, now())",
        "INSERT INTO capital_pockets (pocket, share_percent, total, updated_at) VALUES ('other', 60, 1, now())",
        "INSERT INTO market_data (time, symbol, timeframe, open, high, low, close, volume)"
        " VALUES (now(), 'BTCUSDC', '1m', 10, 9, 8, 9, 1)",
        ORDER.format("BUY", -1),
        ORDER.format("LONG", 1),
        "INSERT INTO pocket_reservations (intent_id, pocket, asset, amount, status, expires_at)"
        " VALUES ('i', 'active', 'USDC', 1, 'active', now())",
    ],
)
async def test_money_that_makes_no_sense_is_refused(database: Database, statement: str) -> None:
    with pytest.raises(InvariantError):
        async with database.begin() as connection:
            await connection.execute(text(statement))


async def test_the_sample_queries_of_the_documents_run(database: Database) -> None:
    async with database.begin() as connection:
        for grouping in ("symbol", "strategy"):
            await connection.execute(
                text(
                    f"SELECT {grouping}, COUNT(*) AS trade_count,"
                    " SUM(CASE WHEN side = 'BUY' THEN quote_quantity ELSE 0 END) AS buy_volume,"
                    " SUM(CASE WHEN side = 'SELL' THEN quote_quantity ELSE -quote_quantity END) AS net_pnl"
                    f" FROM trades t GROUP BY {grouping} ORDER BY net_pnl DESC"
                )
            )
