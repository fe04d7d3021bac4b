"""PostgreSQL in one place: SQLAlchemy 2 on psycopg 3, pooled, errors translated."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum

from psycopg.errors import IdleInTransactionSessionTimeout
from sqlalchemy import event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import (
    DisconnectionError,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    TimeoutError,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from shared.src.config import Settings
from shared.src.domain.errors import InvariantError, TransientError
from shared.src.sql import text

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5
PING_AFTER_S = 5.0
STATEMENT_TIMEOUT_MS = 30_000
# No transaction waits for anything but the database. One that stands still is a frozen process, and the rows it has
# locked are those that the replica which took over its work must write.
IDLE_TRANSACTION_TIMEOUT_MS = 5_000
SESSION = {
    "statement_timeout": STATEMENT_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": IDLE_TRANSACTION_TIMEOUT_MS,
    "timezone": "UTC",
}


class DatabaseLevel(StrEnum):
    """What the schema could build on."""

    COMMUNITY = "timescaledb-community"
    APACHE = "timescaledb-apache"
    PLAIN = "postgresql"


def sqlalchemy_url(dsn: str) -> URL:
    """The DSN with psycopg 3 as its driver."""
    return make_url(dsn).set(drivername="postgresql+psycopg")


class Database:
    """A pool of connections. One transaction per ``begin`` block.

    ``rest_s``: after so much rest a connection is asked whether it still lives before it is used.
    """

    def __init__(
        self, dsn: str, *, pool_max: int = 8, application: str = "roottrading", rest_s: float = PING_AFTER_S
    ) -> None:
        self._engine: AsyncEngine = create_async_engine(
            sqlalchemy_url(dsn),
            hide_parameters=True,  # errors and logs show statements, never what was bound to them
            # no overflow: it would close its connections after every burst and open them again in the next
            pool_size=pool_max,
            max_overflow=0,
            pool_use_lifo=True,
            pool_recycle=1800,
            pool_timeout=10,
            connect_args={
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": application,
                "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
            },
        )
        _ping_after_rest(self._engine, rest_s)
        self._alone = self._engine.execution_options(isolation_level="AUTOCOMMIT")

    @classmethod
    def of(cls, settings: Settings, application: str) -> Database:
        return cls(settings.database_url, pool_max=settings.db_max_connections, application=application)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises:
            TransientError: the database is away or the connection broke.
            InvariantError: a constraint of the schema was violated.
        """
        with _translated():
            async with self._engine.begin() as connection:
                yield connection

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[AsyncConnection]:
        """Statements that stand alone, each committed by itself: one round trip each, where ``begin`` costs three.

        For reads, which see what is committed when each of them starts, as in ``begin``, and for a single write.

        Raises:
            TransientError: the database is away or the connection broke.
            InvariantError: a constraint of the schema was violated.
        """
        with _translated():
            async with self._alone.connect() as connection:
                yield connection

    async def ping(self) -> str:
        """One round trip; returns the server's version."""
        async with self.begin() as connection:
            return str((await connection.execute(text("SHOW server_version"))).scalar_one())

    async def level(self) -> DatabaseLevel:
        """Which TimescaleDB edition the schema stands on."""
        async with self.begin() as connection:
            return await database_level(connection)

    async def close(self) -> None:
        await self._engine.dispose()


def _ping_after_rest(engine: AsyncEngine, rest_s: float) -> None:
    """Ask a connection whether it still lives only when it has rested for ``rest_s``.

    ``pool_pre_ping`` asks before every use, which is a quarter of the processor time of a short statement.
    """
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def rested(_: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def ping(connection: DBAPIConnection, record: ConnectionPoolEntry, _: PoolProxiedConnection) -> None:
        if time.monotonic() - record.info.get("used_at", time.monotonic()) < rest_s:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise DisconnectionError(str(error)) from error  # the pool takes another one


@contextmanager
def _translated() -> Iterator[None]:
    """Turn whatever SQLAlchemy raises into the platform's own error."""
    try:
        yield
    except IntegrityError as error:
        raise InvariantError(str(error.orig).strip()) from error
    except (OperationalError, InterfaceError, InternalError, TimeoutError, OSError) as error:
        if isinstance(error, InternalError) and not isinstance(error.orig, IdleInTransactionSessionTimeout):
            raise
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TransientError(f"database: {reason}") from error


async def database_level(connection: AsyncConnection) -> DatabaseLevel:
    installed = await connection.execute(text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'"))
    if installed.scalar() is None:
        return DatabaseLevel.PLAIN
    licence = (await connection.execute(text("SHOW timescaledb.license"))).scalar_one()
    return DatabaseLevel.COMMUNITY if licence == "timescale" else DatabaseLevel.APACHE
