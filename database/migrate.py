"""Bring a database to the current schema, on whichever level it offers; running it again changes nothing.

Levels: TimescaleDB Community (hypertables, compression, retention, continuous aggregates), TimescaleDB Apache
edition (hypertables), plain PostgreSQL (ordinary tables and views with the same names and columns).
"""

from __future__ import annotations

import argparse
import io
import logging
import sys
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError

from database.levels import apply_level
from shared.src.config import load_settings
from shared.src.database import DatabaseLevel
from shared.src.domain.errors import ConfigurationError, TransientError

logger = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_KEY = 7_305_009  # any constant: two migrations at once wait for each other
WAIT_S_MAX = 60
HEADER = """-- The schema of RootTrading, written by `roottrading db schema` from database/migrations. Do not edit.
-- An empty database: psql -v ON_ERROR_STOP=1 -f database/schema.sql (`roottrading db migrate` does the same, and more).

"""


def alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def sqlalchemy_url(dsn: str) -> URL:
    """The DSN with psycopg 3 as its driver."""
    return make_url(dsn).set(drivername="postgresql+psycopg")


def migrate(dsn: str, *, wait_s: float = WAIT_S_MAX) -> DatabaseLevel:
    """Apply every migration that is missing, then the level's own objects.

    Raises:
        TransientError: the database did not answer within ``wait_s`` seconds.
    """
    engine = create_engine(sqlalchemy_url(dsn), connect_args={"connect_timeout": 5, "options": "-c timezone=UTC"})
    try:
        _wait(engine.connect, wait_s)
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": LOCK_KEY})
            connection.commit()
            _extension(connection)
            config = alembic_config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
            level = apply_level(connection)
            connection.commit()
            return level
    finally:
        engine.dispose()


def status(dsn: str) -> dict[str, str | bool | None]:
    """Where the schema is and where it should be."""
    engine = create_engine(sqlalchemy_url(dsn), connect_args={"connect_timeout": 5})
    try:
        with engine.connect() as connection:
            current = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    return {"current": current, "head": head, "up_to_date": current == head}


def schema_sql() -> str:
    """Every migration as SQL, in order: what an empty database needs to be at the newest revision.

    What a TimescaleDB adds (hypertables, policies, candle views) depends on the server; ``migrate`` does that.
    """
    config = alembic_config()
    written = io.StringIO()
    config.output_buffer = written
    command.upgrade(config, "head", sql=True)
    return HEADER + written.getvalue().replace("%%", "%")  # as a driver would have undone it


def _extension(connection: Connection) -> None:
    available = connection.execute(text("SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'")).scalar()
    if available:
        connection.execute(text("CREATE EXTENSION IF NOT EXISTS timescaledb"))
    connection.commit()


def _wait(connect: object, wait_s: float) -> None:
    assert callable(connect)
    deadline = time.monotonic() + wait_s
    while True:
        try:
            connect().close()
            return
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise TransientError(f"PostgreSQL did not answer within {wait_s:.0f} s: {error.orig}") from error
            time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description="Bring the database (PGHOST, PGPORT, ...) to the current schema.")
    parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        level = migrate(load_settings().database_url)
    except ConfigurationError as error:
        logger.error("configuration: %s", error)
        return 2
    except TransientError as error:
        logger.error("%s (is PostgreSQL running at PGHOST:PGPORT?)", error)
        return 3
    logger.info("database is up to date on level %s", level.value)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
