"""What the books cost does not grow with their history."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from core.capital.ledger import LedgerAccount, Line, Posting, PostingKind
from portfolio.src.adapters.postgres_ledger import Opening, PostgresLedger
from shared.src.database import Database
from shared.src.sql import text

AT = datetime(2026, 1, 1, tzinfo=UTC)
LINES_READ = text("""
SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
WHERE relname = 'ledger_lines'
""")


def deposit(number: int) -> Posting:
    lines = (
        Line(LedgerAccount.CAPITAL, "USDC", Decimal(-10)),
        Line(LedgerAccount.EXCHANGE, "USDC", Decimal(10)),
    )
    return Posting(f"deposit-{number}", PostingKind.DEPOSIT, AT, lines)


@pytest.mark.integration
async def test_balances_are_known_without_reading_the_journal(database: Database) -> None:
    async with database.begin() as connection:
        for number in range(50):
            await PostgresLedger(connection, Opening()).add(deposit(number))
    async with database.begin() as connection:
        ledger = PostgresLedger(connection, Opening())
        before = (await connection.execute(LINES_READ)).scalar_one()
        assert await ledger.balances() == {"USDC": 500}
        assert await ledger.held("USDC") == 500
        assert (await connection.execute(LINES_READ)).scalar_one() == before
