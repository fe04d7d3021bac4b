"""The other eight services as the dashboard meets them: their /health, and a trader that takes commands."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Header, HTTPException, Request

from shared.src.config import SERVICES
from shared.src.database import Database
from shared.src.sql import text

TOKEN = "rt_a-token-for-the-browser-tests"


@dataclass
class Neighbours:
    """What they were asked, and how they are."""

    ports: dict[str, int]
    sick: set[str] = field(default_factory=set)
    commands: list[tuple[str, str, Any]] = field(default_factory=list)


@contextlib.asynccontextmanager
async def neighbours(database: Database) -> AsyncIterator[Neighbours]:
    """Serve them on free ports of this machine."""
    sockets = {name: _socket() for name in SERVICES if name != "visualization"}
    state = Neighbours({name: listener.getsockname()[1] for name, listener in sockets.items()})
    config = uvicorn.Config(_app(state, database), log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    serving = asyncio.create_task(server.serve(sockets=list(sockets.values())))
    try:
        yield state
    finally:
        server.should_exit = True
        await serving


def _socket() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(64)
    listener.setblocking(False)
    return listener


def _app(state: Neighbours, database: Database) -> FastAPI:
    app = FastAPI()
    names = {port: name for name, port in state.ports.items()}

    @app.get("/health")
    async def health(request: Request) -> dict[str, Any]:
        name = names[request.url.port or 0]
        is_well = name not in state.sick
        return {
            "status": "healthy" if is_well else "unhealthy",
            "service": name,
            "dependencies": {
                "postgres": {"ok": True, "detail": "PostgreSQL 16"},
                "redis": {"ok": is_well, "detail": "PONG" if is_well else "connection refused"},
            },
        }

    @app.api_route("/{path:path}", methods=["POST", "DELETE"])
    async def command(
        request: Request, path: str, authorization: Annotated[str | None, Header()] = None
    ) -> dict[str, Any]:
        if authorization != f"Bearer {TOKEN}":
            raise HTTPException(401, "the token is unknown or was revoked")
        body = await request.json() if await request.body() else None
        state.commands.append((request.method, path, body))
        if path == "config/pause":
            await _execute(
                database,
                "INSERT INTO trading_pauses VALUES ('all', 'paused by hand', now()) ON CONFLICT DO NOTHING",
            )
        if path == "config/resume":
            await _execute(database, "DELETE FROM trading_pauses")
        return {"ok": True}

    return app


async def _execute(database: Database, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))
