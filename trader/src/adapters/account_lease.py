"""The right to act for an account: an advisory lock of PostgreSQL, with a token that fences whoever lost it.

The lock belongs to a connection of its own. When its holder dies, the server ends the connection and the next one has
the lock at once; when its holder stands still, the server ends a connection that asked nothing for ``ttl_s``. Each
holder gets a higher token, and every commit of an order checks that its token is still the last one. Between commit and
exchange stands ``check``: a request is sent only while the server cannot have given the lock away before the
exchange stops to accept the request (its recvWindow).
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from typing import Any

from psycopg import AsyncConnection, InterfaceError, OperationalError

from shared.src.config import Settings
from shared.src.database import DatabaseConnection
from shared.src.domain.clock import Clock
from shared.src.domain.errors import LeaseLostError, TransientError
from shared.src.sql import text

logger = logging.getLogger(__name__)

RENEW_EVERY_S = 1.0
LOOK_EVERY_S = 0.5
ANSWER_S_MAX = 3.0
CONNECT_S_MAX = 5
SLACK_S = 5.0  # what the lease outlives a request's own time by: a renewal may be late by so much

LOCK = "SELECT pg_try_advisory_lock(hashtextextended(%s, 0))"
HOLDER = "SELECT holder, since FROM trader_leases WHERE account = %s"
TAKE = """
INSERT INTO trader_leases AS l (account, token, holder, since) VALUES (%s, 1, %s, now())
ON CONFLICT (account) DO UPDATE SET token = l.token + 1, holder = excluded.holder, since = excluded.since
RETURNING token
"""
NEWEST = "SELECT token FROM trader_leases WHERE account = %s"
CONFIRM = text("SELECT 1 FROM trader_leases WHERE account = :account AND token = :token FOR SHARE")


class AccountLease:
    """One trader's side of it. ``holder`` is how the others call it; ``request_s``: how long a request may be valid."""

    def __init__(self, dsn: str, clock: Clock, *, holder: str, request_s: float) -> None:
        self._dsn = dsn
        self._clock = clock
        self._holder = holder
        self._request_s = request_s
        self._ttl_s = request_s + SLACK_S
        self._account = ""
        self._token: int | None = None
        self._renewed_at = float("-inf")
        self.acquired = asyncio.Event()
        self.reason = "not asked for yet"

    @classmethod
    def of(cls, settings: Settings, clock: Clock) -> AccountLease:
        """This process's side, on the settings' database."""
        holder = f"process {os.getpid()} on {socket.gethostname()}"
        return cls(settings.database_url, clock, holder=holder, request_s=settings.recv_window_ms / 1000)

    async def hold(self, account: str) -> None:
        """Wait for the lease and keep it, for as long as the process lives.

        Raises:
            LeaseLostError: another trader acted for the account since this one did.
        """
        self._account = account
        while True:
            try:
                async with await self._connect() as connection:
                    await self._wait(connection)
                    await self._take(connection)
                    await self._keep(connection)
            except (OperationalError, InterfaceError, OSError) as error:
                self.reason = f"the database does not answer: {type(error).__name__}"
                logger.warning("lease not renewed", extra={"reason": self.reason})
            await self._clock.sleep(LOOK_EVERY_S)

    def check(self) -> None:
        """To be called right before something is sent.

        Raises:
            TransientError: another trader may act for the account by the time it arrives.
        """
        if self._token is None or self._clock.monotonic() - self._renewed_at > self._ttl_s - self._request_s:
            raise TransientError(f"nothing is sent, this trader does not surely hold the lease: {self.reason}")

    async def confirm(self, connection: DatabaseConnection) -> None:
        """Within a transaction: nobody takes over before it ends.

        Raises:
            LeaseLostError: somebody has.
        """
        rows = await connection.execute(CONFIRM, {"account": self._account, "token": self._token})
        if self._token is None or rows.one_or_none() is None:
            raise LeaseLostError(f"another trader acts for account {self._account}")

    async def _connect(self) -> AsyncConnection[Any]:
        options = f"-c idle_session_timeout={int(self._ttl_s * 1000)} -c statement_timeout={int(ANSWER_S_MAX * 1000)}"
        return await AsyncConnection.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=CONNECT_S_MAX,
            application_name="trader-lease",
            options=options,
        )

    async def _wait(self, connection: AsyncConnection[Any]) -> None:
        while not await self._value(connection, LOCK, self._account):
            self._refuse_if_passed_by()
            async with asyncio.timeout(ANSWER_S_MAX):
                row = await (await connection.execute(HOLDER, (self._account,))).fetchone()
            by = f"{row[0]} since {row[1].isoformat(timespec='seconds')}" if row else "somebody"
            self.reason = f"another trader acts for account {self._account}: {by}"
            await self._clock.sleep(LOOK_EVERY_S)

    async def _take(self, connection: AsyncConnection[Any]) -> None:
        asked_at = self._clock.monotonic()
        token = int(await self._value(connection, TAKE, self._account, self._holder))
        if self._token is not None and token != self._token + 1:
            self._refuse_if_passed_by()
        self._token, self._renewed_at, self.reason = token, asked_at, ""
        self.acquired.set()
        logger.info("lease taken", extra={"account": self._account, "token": token})

    async def _keep(self, connection: AsyncConnection[Any]) -> None:
        while True:
            await self._clock.sleep(RENEW_EVERY_S)
            asked_at = self._clock.monotonic()
            if await self._value(connection, NEWEST, self._account) != self._token:
                self._refuse_if_passed_by()
            self._renewed_at = asked_at

    def _refuse_if_passed_by(self) -> None:
        """Who acted before must begin afresh: what it remembers is old."""
        if self._token is not None:
            self._renewed_at = float("-inf")
            raise LeaseLostError(f"another trader acts for account {self._account}")

    async def _value(self, connection: AsyncConnection[Any], statement: str, *parameters: str) -> Any:
        async with asyncio.timeout(ANSWER_S_MAX):
            row = await (await connection.execute(statement.encode(), parameters)).fetchone()
        return None if row is None else row[0]
