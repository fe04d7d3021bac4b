"""PostgreSQL in one place: psycopg 3, pooled, errors translated."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from typing import Any

from psycopg import AsyncConnection
from psycopg.errors import DataError, IdleInTransactionSessionTimeout, IntegrityError, InterfaceError, OperationalError
from psycopg.pq.abc import PGresult
from psycopg.rows import namedtuple_row
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from shared.src.config import Settings
from shared.src.domain.errors import InvariantError, TransientError, UnstorableError
from shared.src.rows import Rows
from shared.src.sql import Statement, text

logger = logging.getLogger(__name__)
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # a server that is away is told by who wanted a connection

CONNECT_TIMEOUT_S = 5
POOL_TIMEOUT_S = 5.0
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
Parameters = Mapping[str, Any]


class DatabaseLevel(StrEnum):
    """What the schema could build on."""

    COMMUNITY = "timescaledb-community"
    APACHE = "timescaledb-apache"
    PLAIN = "postgresql"


class _Pooled(AsyncConnection[Any]):
    """A connection that knows when it was handed out last."""

    used_at: float = float("inf")


class DatabaseConnection:
    """A connection for one ``begin`` or ``autocommit`` block."""

    def __init__(self, connection: _Pooled) -> None:
        self._connection = connection

    async def execute(self, statement: Statement, parameters: Parameters | Sequence[Parameters] = ()) -> Rows[Any]:
        """Run a statement of ``shared.src.sql.text``: once, or once for each of several parameter sets.

        The rows' fields are attributes, in the order of the columns. Several sets answer with no rows, and with the
        number of all rows they changed.
        """
        async with self._connection.cursor() as cursor:
            if isinstance(parameters, Mapping) or not parameters:
                await cursor.execute(statement.encode(), parameters or {})
                answer = cursor.pgresult
                if answer is None or not answer.nfields:
                    return Rows([], (), changed=cursor.rowcount)
                return Rows(await cursor.fetchall(), _names(answer), changed=cursor.rowcount)
            # One round trip each, not a pipeline: the server takes who stands still in the middle of one for active and
            # no timeout ends it, while it holds the rows that it has locked.
            changed = 0
            for each in parameters:
                await cursor.execute(statement.encode(), each)
                changed += cursor.rowcount
            return Rows([], (), changed=changed)


class Database:
    """A pool of connections. One transaction per ``begin`` block.

    ``rest_s``: a connection that was not used for so long is asked whether it still lives.
    """

    def __init__(
        self, dsn: str, *, pool_max: int = 8, application: str = "roottrading", rest_s: float = PING_AFTER_S
    ) -> None:
        async def is_alive(connection: _Pooled) -> None:
            now = time.monotonic()
            if now - connection.used_at > rest_s:
                await AsyncConnectionPool.check_connection(connection)
            connection.used_at = now

        self._pool: AsyncConnectionPool[_Pooled] = AsyncConnectionPool(
            dsn,
            connection_class=_Pooled,
            kwargs={
                "autocommit": True,  # transactions are those of ``begin``
                "row_factory": namedtuple_row,
                "connect_timeout": CONNECT_TIMEOUT_S,
                "application_name": application,
                "options": " ".join(f"-c {name}={value}" for name, value in SESSION.items()),
            },
            min_size=0,
            max_size=pool_max,
            open=False,  # a pool belongs to the event loop that it is opened in
            check=is_alive,
            timeout=POOL_TIMEOUT_S,
            max_lifetime=1800,
            num_workers=1,
        )

    @classmethod
    def of(cls, settings: Settings, application: str) -> Database:
        return cls(settings.database_url, pool_max=settings.db_max_connections, application=application)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[DatabaseConnection]:
        """A transaction: committed when the block ends, rolled back when it raises.

        Raises:
            TransientError: the database is away or the connection broke.
            InvariantError: a constraint of the schema was violated, or a value does not fit its column.
        """
        async with self._connected() as connection, connection.transaction():
            yield DatabaseConnection(connection)

    @asynccontextmanager
    async def autocommit(self) -> AsyncIterator[DatabaseConnection]:
        """Statements that stand alone, each committed by itself: one round trip each, where ``begin`` costs three.

        For reads, which see what is committed when each of them starts, as in ``begin``, and for a single write.

        Raises:
            TransientError: the database is away or the connection broke.
            InvariantError: a constraint of the schema was violated.
        """
        async with self._connected() as connection:
            yield DatabaseConnection(connection)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[_Pooled]:
        with _translated():
            if self._pool.closed:
                await self._pool.open()
            async with self._pool.connection() as connection:
                yield connection

    async def ping(self) -> str:
        """One round trip; returns the server's version."""
        async with self.autocommit() as connection:
            return str((await connection.execute(text("SHOW server_version"))).scalar_one())

    async def level(self) -> DatabaseLevel:
        """Which TimescaleDB edition the schema stands on."""
        async with self.autocommit() as connection:
            installed = text("SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")
            if (await connection.execute(installed)).scalar() is None:
                return DatabaseLevel.PLAIN
            licence = (await connection.execute(text("SHOW timescaledb.license"))).scalar_one()
            return DatabaseLevel.COMMUNITY if licence == "timescale" else DatabaseLevel.APACHE

    async def close(self) -> None:
        await self._pool.close()


def _names(answer: PGresult) -> tuple[str, ...]:
    """The names of the columns; ``description`` would make an object of each, which takes longer than the statement."""
    return tuple((answer.fname(index) or b"").decode() for index in range(answer.nfields))


@contextmanager
def _translated() -> Iterator[None]:
    """Turn whatever psycopg raises about the server or the schema into the platform's own error."""
    try:
        yield
    except DataError as error:
        raise UnstorableError(error.diag.message_primary or type(error).__name__) from error
    except IntegrityError as error:
        # the detail would show what was bound to the statement
        raise InvariantError(error.diag.message_primary or type(error).__name__) from error
    except (OperationalError, InterfaceError, IdleInTransactionSessionTimeout, PoolTimeout, OSError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise TransientError(f"database: {reason}") from error
