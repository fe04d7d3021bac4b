"""``python -m tests.chaos.doomed SERVICE``: the service as users run it, in a process that kills itself where told.

Before the service's own ``main`` is run, the ends by which it reaches the world are wrapped: commits and writes of
PostgreSQL, changing calls to the exchange and to other services, messages and positions in Redis, records in Kafka.
A call is written down; at the one that the harness chose the process sends itself SIGKILL. The service knows nothing.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx

# isort: split
import httpx

from shared.src.bus.leases import GroupMember
from shared.src.database import Database, DatabaseConnection
from shared.src.exchange.client import BinanceClient
from shared.src.kafka_client import KafkaProducer
from shared.src.redis_client import RedisBus
from shared.src.sql import Statement
from tests.chaos.points import FOLDER, Point, Post, When, written

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


class Fate:
    """Counts calls since the harness gave its last order, and ends the process at the one that it names."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._read_ns = 0
        self._point: Point | None = None
        self._counts: Counter[str] = Counter()

    def before(self, call: str) -> int:
        """A call is about to be made; answers its number."""
        self._read_order()
        self._counts[call] += 1
        with self._post.calls.open("a") as file:
            file.write(f"{call}\n")
        self._reach(call, self._counts[call], "before")
        return self._counts[call]

    def after(self, call: str, number: int) -> None:
        """It was made."""
        self._reach(call, number, "after")

    def _read_order(self) -> None:
        changed_ns = self._post.order.stat().st_mtime_ns if self._post.order.exists() else 0
        if changed_ns == self._read_ns:
            return
        self._read_ns = changed_ns
        text = json.loads(self._post.order.read_text())["point"]
        self._point = None if text is None or self._post.died.exists() else Point.parse(text)
        self._counts.clear()

    def _reach(self, call: str, number: int, when: When) -> None:
        point = self._point
        if point is None or (point.call, point.nth, point.when) != (call, number, when):
            return
        self._post.died.write_text(str(point))
        os.kill(os.getpid(), signal.SIGKILL)


Named = Callable[..., str]


def wrapped(function: Callable[..., Awaitable[Any]], name: Named, fate: Fate) -> Callable[..., Awaitable[Any]]:
    """``function`` as a call of that name; one whose name is empty is no call."""

    @wraps(function)
    async def call(*args: Any, **kwargs: Any) -> Any:
        label = name(*args, **kwargs)
        if not label:
            return await function(*args, **kwargs)
        number = fate.before(label)
        answer = await function(*args, **kwargs)
        fate.after(label, number)
        return answer

    return call


def watch_database(fate: Fate) -> None:
    """A transaction is one call, its commit; a write outside of one is a call of its own."""
    execute, begin = DatabaseConnection.execute, Database.begin
    alone = wrapped(execute, lambda _, statement, *__: "postgres " + written(statement), fate)

    async def noted(self: DatabaseConnection, statement: Statement, *parameters: Any) -> Any:
        writes: dict[str, None] | None = getattr(self, "writes", None)
        if not written(statement):
            return await execute(self, statement, *parameters)
        if writes is None:
            return await alone(self, statement, *parameters)
        writes[written(statement)] = None
        return await execute(self, statement, *parameters)

    @asynccontextmanager
    async def transaction(self: Database) -> AsyncIterator[DatabaseConnection]:
        writes: dict[str, None] = {}
        label, number = "", 0
        async with begin(self) as connection:
            connection.writes = writes  # type: ignore[attr-defined]
            yield connection
            if writes:
                label = f"postgres commit {', '.join(writes)}"
                number = fate.before(label)
        if label:
            fate.after(label, number)

    DatabaseConnection.execute = noted  # type: ignore[method-assign,assignment]
    changed: Callable[[Database], AbstractAsyncContextManager[DatabaseConnection]] = transaction
    Database.begin = changed  # type: ignore[method-assign,assignment]


def watch_exchange(fate: Fate) -> None:
    """Calls that change something on the exchange."""
    request = BinanceClient._request

    def watched(self: BinanceClient, method: str, path: str, params: Any, *, signed: bool) -> Any:
        call = request(self, method, path, params, signed=signed)
        if method.upper() in SAFE_METHODS:
            return call
        return wrapped(call, lambda: f"exchange {method.upper()} {path}", fate)

    BinanceClient._request = watched  # type: ignore[method-assign]


def watch_services(fate: Fate) -> None:
    """Calls that change something in another service."""

    def name(_: httpx.AsyncClient, method: str, url: Any, **__: Any) -> str:
        return "" if method.upper() in SAFE_METHODS else f"http {method.upper()} {httpx.URL(url).path}"

    httpx.AsyncClient.request = wrapped(httpx.AsyncClient.request, name, fate)  # type: ignore[method-assign,assignment]


def watch_messages(fate: Fate) -> None:
    """Messages to Redis and Kafka, and how far streams were consumed."""

    def streams(positions: Iterable[Any]) -> str:
        return ", ".join(
            sorted({str(name).removeprefix("roottrading:").rstrip("0123456789").rstrip(":") for name in positions})
        )

    def fenced(_: RedisBus, __: Any, entries: list[Any]) -> str:
        return f"redis publish {streams(entry[0] for entry in entries)}" if entries else ""

    def plain(_: RedisBus, topic: Any, __: Any) -> str:
        return f"redis publish {topic.name.removeprefix('roottrading:')}"

    def raw(_: RedisBus, topic: str, __: bytes) -> str:
        return f"redis publish {topic.removeprefix('roottrading:')}"

    def committed(member: GroupMember, positions: Any) -> str:
        return f"redis acknowledge {streams(positions)} as {member.group}"

    RedisBus.publish_many = wrapped(RedisBus.publish_many, plain, fate)  # type: ignore[method-assign,assignment]
    RedisBus.publish_raw = wrapped(RedisBus.publish_raw, raw, fate)  # type: ignore[method-assign,assignment]
    RedisBus._append_under = wrapped(RedisBus._append_under, fenced, fate)  # type: ignore[method-assign,assignment]
    GroupMember.commit = wrapped(GroupMember.commit, committed, fate)  # type: ignore[method-assign,assignment]

    def produced(_: KafkaProducer, topic: str, __: Any) -> str:
        return f"kafka produce {topic}"

    KafkaProducer.send_many = wrapped(KafkaProducer.send_many, produced, fate)  # type: ignore[method-assign,assignment]


def main() -> None:
    service = sys.argv[1]
    fate = Fate(Post(Path(os.environ[FOLDER]), service))
    for watch in (watch_database, watch_exchange, watch_services, watch_messages):
        watch(fate)
    sys.argv = [service, *sys.argv[2:]]
    runpy.run_module(f"{service}.src.main", run_name="__main__")


if __name__ == "__main__":
    main()
