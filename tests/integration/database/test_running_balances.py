"""Balances that are kept as they change begin with what the ledger has, and are its sums ever after."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg
import pytest

from database.migrate import migrate
from shared.src.config import Settings
from tests.integration.database.test_cycle_facts import connected, downgrade

pytestmark = pytest.mark.integration

BEFORE = "0014"  # the migration before ``running_balances``
SUMS = "SELECT account, asset, sum(amount) AS amount FROM ledger_lines GROUP BY account, asset ORDER BY 1, 2"
KEPT = "SELECT account, asset, amount FROM ledger_totals ORDER BY 1, 2"


def post(connection: psycopg.Connection[dict[str, Any]], posting_id: str, asset: str, amount: Decimal) -> None:
    with connection.transaction():
        connection.execute(
            "INSERT INTO ledger_postings (posting_id, kind, occurred_at) VALUES (%s, 'deposit', now())", (posting_id,)
        )
        for number, (account, part) in enumerate((("capital", -amount), ("exchange", amount))):
            connection.execute(
                "INSERT INTO ledger_lines (posting_id, line_no, account, asset, amount) VALUES (%s, %s, %s, %s, %s)",
                (posting_id, number, account, asset, part),
            )


def test_running_balances_begin_with_the_ledger_and_follow_it(settings: Settings) -> None:
    downgrade(settings, BEFORE)
    with connected(settings) as connection:
        post(connection, "p-1", "BTC", Decimal("0.000000000000000001"))
        post(connection, "p-2", "USDC", Decimal(1000))
    migrate(settings.database_url)
    with connected(settings) as connection:
        post(connection, "p-3", "USDC", Decimal(-250))
        post(connection, "p-4", "BNB", Decimal(3))
        assert connection.execute(KEPT).fetchall() == connection.execute(SUMS).fetchall()
        held = connection.execute("SELECT amount FROM ledger_balances WHERE account = 'exchange' AND asset = 'USDC'")
        assert held.fetchall() == [{"amount": Decimal(750)}]


@pytest.mark.parametrize(
    "change", ["UPDATE ledger_lines SET amount = amount * 2", "DELETE FROM ledger_lines", "DELETE FROM ledger_postings"]
)
def test_a_line_of_the_ledger_is_never_changed(settings: Settings, change: str) -> None:
    with connected(settings) as connection:
        post(connection, "p-1", "USDC", Decimal(1))
        with pytest.raises(psycopg.errors.IntegrityError):
            connection.execute(change.encode())
