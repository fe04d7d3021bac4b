"""``database/schema.sql`` is what the migrations make."""

from __future__ import annotations

import re
from typing import Any

import psycopg
import pytest

from database.migrate import schema_sql
from shared.src.config import Settings
from tests.test_tidy import ROOT

FILE = ROOT / "database" / "schema.sql"
SHAPE = """
SELECT table_name, column_name, data_type, is_nullable, column_default, generation_expression
FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'candles%'
ORDER BY table_name, ordinal_position
"""
CHECKS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype <> 'n' AND connamespace = 'public'::regnamespace ORDER BY 1, 2
"""
VIEWS = (
    "SELECT viewname, definition FROM pg_views WHERE schemaname = 'public' AND viewname NOT LIKE 'candles%' ORDER BY 1"
)
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2"
# TimescaleDB gives its tables keys and indexes of its own; the file is of what every level has.
HYPERTABLES = "SELECT table_name FROM _timescaledb_catalog.hypertable WHERE schema_name = 'public'"
HAS_TIMESCALE = "SELECT to_regclass('_timescaledb_catalog.hypertable') IS NOT NULL"


def test_the_file_is_written_from_the_migrations() -> None:
    assert FILE.read_text(encoding="utf-8") == schema_sql(), "roottrading db schema > database/schema.sql"


@pytest.mark.integration
@pytest.mark.parametrize("query", [SHAPE, CHECKS, VIEWS, INDEXES])
def test_a_database_made_of_the_file_is_one_made_by_the_migrations(settings: Settings, query: str) -> None:
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        migrated = connection.execute(query.encode()).fetchall()
        of_timescale = hypertables(connection)
        connection.execute("CREATE DATABASE from_file TEMPLATE template0")
        try:
            url = re.sub(r"/[^/?]+(\?|$)", r"/from_file\1", settings.database_url)
            with psycopg.connect(url, autocommit=True) as fresh:
                fresh.execute(FILE.read_bytes())
                made = fresh.execute(query.encode()).fetchall()
            assert outside(of_timescale, made) == outside(of_timescale, migrated)
        finally:
            connection.execute("DROP DATABASE from_file WITH (FORCE)")


def hypertables(connection: psycopg.Connection[tuple[Any, ...]]) -> set[str]:
    row = connection.execute(HAS_TIMESCALE).fetchone()
    return {name for (name,) in connection.execute(HYPERTABLES)} if row and row[0] else set()


def outside(tables: set[str], rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows about other tables; the first column is the table's name."""
    return [row for row in rows if row[0] not in tables]
