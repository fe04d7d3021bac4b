"""Without TimescaleDB's policies, what is old goes when the schema is brought up to date; the ledger never does."""

from __future__ import annotations

import pytest
from sqlalchemy import Connection, create_engine, text

from database.levels import RETENTION, prune
from database.migrate import sqlalchemy_url
from shared.src.config import Settings

pytestmark = pytest.mark.integration

OLD, YOUNG = "2019-01-01", "2021-06-01"


def balances(connection: Connection) -> int:
    return int(connection.execute(text("SELECT count(*) FROM portfolio_balances")).scalar_one())


def test_rows_go_by_their_age_in_market_time_and_postings_stay(settings: Settings) -> None:
    engine = create_engine(sqlalchemy_url(settings.database_url))
    with engine.connect() as connection:
        for at in (OLD, YOUNG):
            connection.execute(
                text("INSERT INTO portfolio_balances (time, asset, free, locked, total) VALUES (:at, 'USDC', 1, 0, 1)"),
                {"at": at},
            )
            connection.execute(
                text("INSERT INTO ledger_postings (posting_id, kind, occurred_at) VALUES (:id, 'fill', :at)"),
                {"id": at, "at": at},
            )
        connection.commit()
        assert prune(connection)["portfolio_balances"] == 1
        assert balances(connection) == 1
        assert prune(connection) == dict.fromkeys(RETENTION, 0)
        assert connection.execute(text("SELECT count(*) FROM ledger_postings")).scalar_one() == 2
    engine.dispose()
