"""Bearer tokens with scopes: read < trade < admin. Only hashes are stored; a token is shown once."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Any

import orjson
from fastapi import Header, HTTPException

from shared.src.database import Database
from shared.src.domain.errors import RejectedError
from shared.src.frame.idempotency import DESCRIPTION
from shared.src.sql import text

CACHE_S = 5.0
ENVIRONMENT_TOKEN = "environment"  # noqa: S105  the id under which API_TOKEN acts in the audit trail


class Scope(IntEnum):
    """What a token may do; each scope includes those below it."""

    READ = 1
    TRADE = 2
    ADMIN = 3

    @classmethod
    def parse(cls, text_: str) -> Scope:
        try:
            return cls[text_.strip().upper()]
        except KeyError as error:
            raise ValueError(f"{text_!r} is not a scope: read, trade or admin") from error


@dataclass(frozen=True, slots=True)
class Principal:
    token_id: str
    scope: Scope


def _sha256(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


async def create_token(database: Database, *, name: str, scope: Scope) -> tuple[str, str]:
    """Make a token; returns (token id, token). The token cannot be read again."""
    token_id, token = secrets.token_hex(4), f"rt_{secrets.token_urlsafe(32)}"
    async with database.begin() as connection:
        await connection.execute(
            text("INSERT INTO api_tokens (token_id, name, sha256, scope) VALUES (:id, :name, :sha, :scope)"),
            {"id": token_id, "name": name, "sha": _sha256(token), "scope": scope.name.lower()},
        )
    return token_id, token


async def list_tokens(database: Database) -> list[dict[str, Any]]:
    async with database.begin() as connection:
        rows = await connection.execute(
            text("SELECT token_id, name, scope, created_at, revoked_at FROM api_tokens ORDER BY created_at")
        )
        return [dict(row) for row in rows.mappings()]


async def revoke_token(database: Database, token_id: str) -> bool:
    """Withdraw a token; False when there is none of that id, or it was withdrawn before."""
    async with database.begin() as connection:
        result = await connection.execute(
            text("UPDATE api_tokens SET revoked_at = now() WHERE token_id = :id AND revoked_at IS NULL"),
            {"id": token_id},
        )
        return result.rowcount == 1


class Authorizer:
    """Decides what a bearer may do. Answers are reused for 5 s, the time a revocation may take to bite."""

    def __init__(self, database: Database, environment_token: str = "") -> None:
        self._database = database
        self._environment_sha = _sha256(environment_token) if environment_token else ""
        self._cache: dict[str, tuple[float, Principal | None]] = {}

    async def check(self, authorization: str | None, needed: Scope) -> Principal:
        """Who it is.

        Raises:
            RejectedError: code 401 without a valid token, 403 when its scope is too small.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise RejectedError("send a token: 'Authorization: Bearer <token>' (roottrading token create)", code=401)
        principal = await self._principal(_sha256(token.strip()))
        if principal is None:
            raise RejectedError("the token is unknown or was revoked", code=401)
        if principal.scope < needed:
            raise RejectedError(
                f"the token's scope is {principal.scope.name.lower()}; this needs {needed.name.lower()}",
                code=403,
            )
        return principal

    async def _principal(self, sha: str) -> Principal | None:
        if self._environment_sha and secrets.compare_digest(sha, self._environment_sha):
            return Principal(ENVIRONMENT_TOKEN, Scope.ADMIN)
        cached = self._cache.get(sha)
        if cached and time.monotonic() - cached[0] < CACHE_S:
            return cached[1]
        async with self._database.autocommit() as connection:
            row = (
                await connection.execute(
                    text("SELECT token_id, scope FROM api_tokens WHERE sha256 = :sha AND revoked_at IS NULL"),
                    {"sha": sha},
                )
            ).one_or_none()
        principal = Principal(row.token_id, Scope.parse(row.scope)) if row else None
        if len(self._cache) > 1000:
            self._cache.clear()
        self._cache[sha] = (time.monotonic(), principal)
        return principal

    async def record(self, principal: Principal, action: str, detail: dict[str, Any]) -> None:
        """Write down who did what."""
        async with self._database.autocommit() as connection:
            await connection.execute(
                text(
                    "INSERT INTO audit_trail (token_id, action, detail) VALUES (:id, :action, CAST(:detail AS jsonb))"
                ),
                {
                    "id": principal.token_id,
                    "action": action,
                    "detail": orjson.dumps(detail, default=str).decode(),
                },
            )

    def require(self, needed: Scope) -> Callable[..., Awaitable[Principal]]:
        """A FastAPI dependency that admits bearers of the scope."""

        async def dependency(
            authorization: Annotated[str | None, Header()] = None,
            idempotency_key: Annotated[str | None, Header(description=DESCRIPTION)] = None,
        ) -> Principal:
            # the key is for the document: ``KeyedWrites`` reads it before any route does
            try:
                return await self.check(authorization, needed)
            except RejectedError as error:
                raise HTTPException(error.code or 401, str(error), headers={"WWW-Authenticate": "Bearer"}) from error

        return dependency
