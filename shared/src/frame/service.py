"""The frame every service runs in: settings, logs, connections, health, metrics, tasks, and a clean stop.

A service's ``build(service)`` composes it: registers handlers on ``service.bus``, routes on ``service.app``,
long-running work with ``service.add_task``. When a task fails the process ends with exit code 1 and is restarted
by whatever supervises it: starting and recovering are one path.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from shared.src.bus.redis_last_values import RedisLastValues
from shared.src.config import Settings, clock_from, load_settings
from shared.src.database import Database
from shared.src.domain.errors import ConfigurationError, TransientError
from shared.src.frame import metrics
from shared.src.frame.auth import Authorizer
from shared.src.frame.docs_page import serve_docs
from shared.src.frame.error_answers import install_error_handlers
from shared.src.frame.event_loop import loop_factory
from shared.src.frame.health import Health
from shared.src.frame.logging_config import configure_logging
from shared.src.frame.postgres_answers import PostgresAnswers
from shared.src.frame.read_gate import ReadGate
from shared.src.frame.request_bodies import BoundedBodies, KeyedWrites
from shared.src.market.symbol_choice import follow_choice
from shared.src.redis_client import RedisBus, redis_from, translated

logger = logging.getLogger(__name__)

STOP_S_MAX = 8.0
LAG_EVERY_S = 1.0
FORGET_EVERY_S = 6 * 3600.0
EXIT_CONFIGURATION = 2
FORWARDS = "visualization"  # passes writes and their keys on to whom they are meant for

Task = Callable[[], Awaitable[None]]
Hook = Callable[[], Awaitable[None]]


class Service:
    """What a composition root works with. Resources are open while ``build`` runs."""

    def __init__(self, name: str, settings: Settings, *, serve_app: bool = True) -> None:
        self.name = name
        self.settings = settings
        self.clock = clock_from(settings)
        self.database = Database.of(settings, name)
        self.bus = RedisBus(redis_from(settings), consumer=name, partitions=settings.bus_partitions)
        self.last_values = RedisLastValues(self.bus.redis)
        self.health = Health(name, settings.trading_mode.value)
        self.auth = Authorizer(self.database, settings.api_token.get_secret_value())
        self.answers = PostgresAnswers(self.database)
        self.app = FastAPI(title=f"RootTrading {name}", version="0.1.0", docs_url=None, redoc_url=None)
        if name != FORWARDS:
            self.app.add_middleware(KeyedWrites, answers=self.answers, auth=self.auth)
            if settings.reads_need_token:
                self.app.add_middleware(ReadGate, auth=self.auth)
        self.app.add_middleware(BoundedBodies)
        serve_docs(self.app)
        self._serve_app = serve_app
        self._tasks: dict[str, Task] = {}
        self._stop_hooks: list[Hook] = []
        self._diagnostics: dict[str, Callable[[], Any]] = {}
        self.stopping = asyncio.Event()
        self.health.add("postgres", self._postgres)
        self.health.add("redis", self._redis)

    def add_task(self, name: str, task: Task) -> None:
        """Work that goes on as long as the service; its failure ends the process."""
        self._tasks[name] = task

    def follow_symbols(
        self, apply: Callable[[tuple[str, ...]], Awaitable[None]], *, current: Sequence[str] | None = None
    ) -> None:
        """Call ``apply`` whenever the symbols in force are not those it started with (``current``) or was told last."""
        configured = self.settings.trading_symbols
        known = configured if current is None else current
        self.add_task(
            "symbols", lambda: follow_choice(self.database, configured, clock=self.clock, current=known, apply=apply)
        )

    def on_stop(self, hook: Hook) -> None:
        """Called on the way down, last registered first, while connections are still open."""
        self._stop_hooks.append(hook)

    def add_diagnostic(self, name: str, read: Callable[[], Any]) -> None:
        """A value (or the awaitable of one) shown in /diagnostic."""
        self._diagnostics[name] = read

    async def _postgres(self) -> str:
        return f"PostgreSQL {await self.database.ping()}"

    async def _redis(self) -> str:
        async with translated():
            await self.bus.redis.ping()
        return "PONG"

    async def diagnostic(self) -> dict[str, Any]:
        """Everything someone wants to see when the service misbehaves."""
        report = await self.health.report()
        values: dict[str, Any] = {}
        for name, read in self._diagnostics.items():
            value = read()
            values[name] = await value if isinstance(value, Awaitable) else value
        try:
            level: str = (await self.database.level()).value
        except TransientError as error:
            level = f"unknown: {error}"
        return report | {
            "time": self.clock.now().isoformat(),
            "tasks": sorted(self._tasks),
            "database_level": level,
            "dead_letters": self.bus.dead_letter_count,
            "bus": self.bus.shares(),
            "details": values,
        }

    # Running

    async def run(self) -> None:
        """Run until told to stop, or until a task fails."""
        self._routes()
        listener = self._listen() if self._serve_app else None
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stopping.set)
        tasks = [asyncio.create_task(_forever(task), name=name) for name, task in self._tasks.items()]
        tasks.append(asyncio.create_task(self._watch_loop(), name="loop-lag"))
        tasks.append(asyncio.create_task(self._forget_answers(), name="answers"))
        if listener is not None:
            tasks.append(asyncio.create_task(self._serve(listener), name="http"))
        stop = asyncio.create_task(self.stopping.wait(), name="stop")
        logger.info("service started", extra={"mode": self.settings.trading_mode.value, "pid": os.getpid()})
        try:
            done, _ = await asyncio.wait([*tasks, stop], return_when=asyncio.FIRST_COMPLETED)
            for task in done - {stop}:
                task.result()
                raise RuntimeError(f"task {task.get_name()} ended by itself")
        finally:
            await self._stop(tasks, stop)

    async def _stop(self, tasks: list[asyncio.Task[None]], stop: asyncio.Task[Any]) -> None:
        logger.info("service stopping")
        stop.cancel()
        try:
            async with asyncio.timeout(STOP_S_MAX):
                await _end(tasks)
                for hook in reversed(self._stop_hooks):
                    await hook()
                await self.bus.close()
                await self.database.close()
        except TimeoutError:
            logger.warning("stopped the hard way", extra={"after_s": STOP_S_MAX})
        logger.info("service stopped")

    def _listen(self) -> socket.socket:
        port = self.settings.port_of(self.name)
        return listen_on(self.settings.bind_address, port, f"{self.name.upper()}_PORT")

    async def _serve(self, listener: socket.socket) -> None:
        config = uvicorn.Config(
            self.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=2,
            ws="auto" if self.name == FORWARDS else "none",
            ws_ping_interval=20,
        )
        server = uvicorn.Server(config)
        with contextlib.suppress(asyncio.CancelledError):
            await _serve_quietly(server, listener)

    async def _watch_loop(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            before = loop.time()
            await asyncio.sleep(LAG_EVERY_S)
            metrics.EVENT_LOOP_LAG_S.set(max(0.0, loop.time() - before - LAG_EVERY_S))

    async def _forget_answers(self) -> None:
        """Answers of keyed calls are kept for a while, not for ever."""
        while True:
            try:
                await self.answers.forget_old()
            except TransientError as error:
                logger.warning("old answers not removed", extra={"reason": str(error)})
            await asyncio.sleep(FORGET_EVERY_S)

    def _routes(self) -> None:
        app = self.app

        @app.get("/health", tags=["operations"])
        async def health(response: Response) -> dict[str, Any]:
            report = await self.health.report()
            response.status_code = 200 if report["status"] == "healthy" else 503
            return report

        @app.get("/diagnostic", tags=["operations"])
        async def diagnostic() -> dict[str, Any]:
            return await self.diagnostic()

        @app.get("/metrics", tags=["operations"])
        async def metrics_() -> Response:
            return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

        install_error_handlers(app)


def listen_on(address: str, port: int, variable: str) -> socket.socket:
    """A listening socket.

    Raises:
        ConfigurationError: the port is taken or not allowed; names the variable to change.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by what is accepted. An answer is written in two parts: without this the second one waits until the
    # client has acknowledged the first, 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((address, port))
    except OSError as error:
        listener.close()
        reason = "is in use by another program" if error.errno == errno.EADDRINUSE else error.strerror
        raise ConfigurationError(f"{variable}: {address}:{port} {reason}; choose another port") from error
    listener.listen(512)
    listener.setblocking(False)
    return listener


async def _serve_quietly(server: uvicorn.Server, listener: socket.socket) -> None:
    """Serve without letting uvicorn take the signals: the frame stops everything in its own order."""
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    await server.serve(sockets=[listener])


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel tasks until they have ended: a library may swallow one cancellation."""
    alive = set(tasks)
    while alive:
        for task in alive:
            task.cancel()
        _, alive = await asyncio.wait(alive, timeout=1)
        for task in alive:
            frames = [f"{frame.f_code.co_filename}:{frame.f_lineno}" for frame in task.get_stack()]
            logger.warning("task goes on after its cancellation", extra={"task": task.get_name(), "at": frames})


async def _forever(task: Task) -> None:
    await task()


def run_service(name: str, build: Callable[[Service], Awaitable[None]], *, serve_app: bool = True) -> None:
    """Entry point of a service's ``main``. Exits 0 when stopped, 1 when a task failed, 2 when misconfigured."""
    try:
        settings = load_settings()
    except ConfigurationError as error:
        configure_logging(name, "INFO")
        logger.error("configuration refused", extra={"reason": str(error)})
        sys.exit(EXIT_CONFIGURATION)
    configure_logging(name, settings.log_level, secrets=settings.secrets())
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        status = runner.run(start(name, settings, build, serve_app=serve_app))
    # or the interpreter looks for garbage in all it loaded on its way out: a second of CPU in which nobody is served
    gc.freeze()
    sys.exit(status)


async def start(
    name: str, settings: Settings, build: Callable[[Service], Awaitable[None]], *, serve_app: bool = True
) -> int:
    """Compose a service and run it until it ends; returns the exit code of its process."""
    service = Service(name, settings, serve_app=serve_app)
    try:
        await build(service)
        await service.run()
    except ConfigurationError as error:
        logger.error("configuration refused", extra={"reason": str(error)})
        return EXIT_CONFIGURATION
    except TransientError as error:
        # Nothing is wrong with the service: whatever supervises it starts it again until the other side is back.
        logger.error("a dependency is away, the service ends to be started again", extra={"reason": str(error)})
        return 1
    except Exception:
        # The process ends here whatever happened; the supervisor starts it again.
        logger.exception("service failed")
        return 1
    return 0
