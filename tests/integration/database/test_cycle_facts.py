"""What cycles of a running installation hold in `metadata` is found in columns after the upgrade."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from alembic import command
from psycopg.rows import dict_row
from sqlalchemy import create_engine

from database.migrate import alembic_config, migrate, sqlalchemy_url
from shared.src.config import Settings

pytestmark = pytest.mark.integration

CYCLE = (
    "INSERT INTO trade_cycles (id, symbol, strategy, status, side, demo, metadata, created_at, updated_at)"
    " VALUES (%s, 'BTCUSDC', 'EMA_Cross', 'active_buy', 'BUY', TRUE, %s, now(), now())"
)
FACTS = (
    "SELECT correlation_id, consensus_id, pocket, exit_intent_id, reference_price, levels_at, sell_at_most, reserved,"
    " resting FROM trade_cycles WHERE id = %s"
)
FULL = (
    '{"correlation_id": "c-1", "consensus_id": "cs-1", "pocket": "active", "reference_price": "50000.5",'
    ' "reserved": "1000.25", "resting": "true", "levels_at": "50010", "sell_at_most": "0.01998",'
    ' "exit_intent_id": "exit-1", "note": "mine"}'
)
NOTHING = {
    "correlation_id": "",
    "consensus_id": "",
    "pocket": "",
    "exit_intent_id": "",
    "reference_price": None,
    "levels_at": None,
    "sell_at_most": None,
    "reserved": Decimal(0),
    "resting": False,
}


@contextmanager
def connected(settings: Settings) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(settings.database_url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def downgrade(settings: Settings, revision: str) -> None:
    engine = create_engine(sqlalchemy_url(settings.database_url))
    with engine.connect() as connection:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.downgrade(config, revision)
        connection.commit()
    engine.dispose()


def test_the_upgrade_finds_what_metadata_held_and_leaves_it_there(settings: Settings) -> None:
    downgrade(settings, "0006")
    with connected(settings) as connection:
        connection.execute(CYCLE, ["full", FULL])
        connection.execute(CYCLE, ["young", '{"correlation_id": "c-2", "reserved": "7"}'])
        connection.execute(CYCLE, ["empty", "{}"])
    migrate(settings.database_url)
    with connected(settings) as connection:
        facts = {name: connection.execute(FACTS, [name]).fetchone() for name in ("full", "young", "empty")}
        kept = connection.execute("SELECT metadata ->> 'note' AS note FROM trade_cycles WHERE id = 'full'").fetchone()
    assert facts["full"] == {
        "correlation_id": "c-1",
        "consensus_id": "cs-1",
        "pocket": "active",
        "exit_intent_id": "exit-1",
        "reference_price": Decimal("50000.5"),
        "levels_at": Decimal(50010),
        "sell_at_most": Decimal("0.01998"),
        "reserved": Decimal("1000.25"),
        "resting": True,
    }
    assert facts["young"] == NOTHING | {"correlation_id": "c-2", "reserved": Decimal(7)}
    assert facts["empty"] == NOTHING
    assert kept == {"note": "mine"}


def test_going_back_finds_what_was_written_since_in_metadata(settings: Settings) -> None:
    with connected(settings) as connection:
        connection.execute(CYCLE, ["new", "{}"])
        connection.execute(
            "UPDATE trade_cycles SET correlation_id = 'c-3', reserved = 12.5, resting = TRUE, levels_at = 3"
        )
    downgrade(settings, "0006")
    with connected(settings) as connection:
        row = connection.execute("SELECT metadata FROM trade_cycles").fetchone()
    assert row is not None
    held = row["metadata"]
    assert (held["correlation_id"], held["resting"]) == ("c-3", "true")
    assert (Decimal(held["reserved"]), Decimal(held["levels_at"])) == (Decimal("12.5"), Decimal(3))
    assert "sell_at_most" not in held
