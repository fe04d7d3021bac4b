"""One run of the platform: which components, in which order, with which environment."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cli.data_folder import PROJECT_ROOT, DataFolder, write_json
from cli.exits import CommandError, ExitCode, missing
from cli.process.child import Launch
from cli.process.ports import HOST, POSTGRES_PORT, REDIS_PORT, TWIN_PORT, PortChooser
from cli.run import services
from cli.run.supervised import SupervisedComponent
from cli.run.supervisor import Supervisor
from cli.stack.component import Component
from cli.stack.kafka.brokers import kafka_for
from cli.stack.postgres import Postgres
from cli.stack.redis import Redis
from cli.stack.twin import TwinExchange
from shared.src.config import load_settings
from shared.src.domain.clock import Clock

DATABASES = {"demo": "trading_demo", "platform": "trading"}
MIGRATE_TIMEOUT_S = 120
SERVICES_TIMEOUT_S = 120.0

# The addresses of the stack are set by the run, never inherited by chance.
OWNED_BY_RUN = (
    "KAFKA_BROKER",
    "KAFKA_EMBEDDED",
    "REDIS_HOST",
    "REDIS_PORT",
    "REDIS_PASSWORD",
    "REDIS_PASSWORD_FILE",
    "REDIS_DB",
    "PGHOST",
    "PGPORT",
    "PGUSER",
    "PGPASSWORD",
    "PGPASSWORD_FILE",
    "PGDATABASE",
    "DB_HOST",
    "DB_PORT",
    "DB_USER",
    "DB_PASSWORD",
    "DB_NAME",
    "SERVICE_HOSTS",
)
# With the twin, so are the exchange, the mode and the keys: a real key never meets a demo.
OWNED_BY_TWIN = (
    "SIMULATOR_URL",
    "PLATFORM_CLOCK",
    "TRADING_MODE",
    "DEMO_MODE",
    "TRADING_ENABLED",
    "BINANCE_API_KEY",
    "BINANCE_SECRET_KEY",
    "API_KEY",
    "API_SECRET",
    "BINANCE_API_KEY_FILE",
    "BINANCE_SECRET_KEY_FILE",
)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run: ``demo`` from nothing, ``platform`` from where it stopped, ``database`` is PostgreSQL alone.

    ``fixture`` is the twin's market; None means Binance's own. ``database`` names another database than the usual.
    """

    kind: str
    kafka: str = "embedded"
    fixture: dict[str, Any] | None = None
    overrides: dict[str, str] = field(default_factory=dict)
    database: str = ""

    @property
    def fresh(self) -> bool:
        return self.kind == "demo"

    @property
    def database_name(self) -> str:
        return self.database or DATABASES[self.kind]


class PlatformRun:
    """Composes the components of a plan and starts them under a supervisor."""

    def __init__(self, plan: RunPlan, data: DataFolder, clock: Clock, *, report: Callable[[str], None]) -> None:
        self.plan = plan
        self.data = data
        self._report = report
        self._environment = dict(os.environ)
        ports = PortChooser()
        self.postgres = Postgres(data, port=ports.choose(POSTGRES_PORT), database=plan.database_name, fresh=plan.fresh)
        self.redis = Redis(data, port=ports.choose(REDIS_PORT), fresh=plan.fresh)
        self.kafka = kafka_for(plan.kafka, data, ports=ports, fresh=plan.fresh)
        self.ports = services.choose_ports(self._environment, ports)
        self.twin = (
            TwinExchange(data, port=ports.choose(TWIN_PORT), fixture=plan.fixture, fresh=plan.fresh)
            if plan.fixture is not None
            else None
        )
        self.api_token = self._environment.get("API_TOKEN") or data.api_token()
        self.supervisor = Supervisor(data, clock, kind=plan.kind, mode=self.mode, report=report)

    @property
    def mode(self) -> str:
        return "paper" if self.plan.fixture is not None else load_settings().trading_mode.value

    @property
    def dashboard_url(self) -> str:
        return f"http://{HOST}:{self.ports['visualization']}"

    def variables(self) -> dict[str, str]:
        """The environment of a service, as of now."""
        dropped = {*OWNED_BY_RUN, *(OWNED_BY_TWIN if self.twin is not None else ())}
        kept = {name: value for name, value in self._environment.items() if name not in dropped}
        own = {"API_TOKEN": self.api_token, "BIND_ADDRESS": HOST, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
        # glibc keeps an arena for each thread; a service has few that allocate much
        own |= {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
        if self.twin is not None:
            own |= {"TRADING_MODE": "paper", **self.twin.variables()}
        stack = self.postgres.variables() | self.redis.variables() | self.kafka.variables()
        return kept | own | services.port_variables(self.ports) | self.plan.overrides | stack

    async def start(self) -> None:
        """Bring everything up, in order.

        Raises:
            CommandError: a component does not come up.
        """
        await self.start_stack()
        await self._migrate()
        self._report("the database is up to date")
        await self.wait_for(self.begin_services())
        self.supervisor.started()

    async def start_stack(self) -> None:
        """The databases, the broker and the exchange, all at once."""
        components: list[Component] = [self.postgres, self.redis, self.kafka]
        if self.twin is not None:
            components.append(self.twin)
        try:
            async with asyncio.TaskGroup() as tasks:
                for component in components:
                    tasks.create_task(self.supervisor.bring_up(component))
        except ExceptionGroup as group:
            raise group.exceptions[0] from None
        self.publish_connections()

    async def start_database(self) -> None:
        """PostgreSQL alone, to look at what a run left behind."""
        await self.supervisor.bring_up(self.postgres)
        self.publish_connections()

    def begin_services(self) -> list[SupervisedComponent]:
        return self.supervisor.begin_services(
            services.ServiceProcess(name, self.data, port=self.ports[name], variables=self.variables)
            for name in services.START_ORDER
        )

    async def wait_for(self, components: list[SupervisedComponent]) -> None:
        """Wait for the services, naming each that becomes healthy."""
        pending = [asyncio.create_task(self._wait_one(entry)) for entry in components]
        try:
            await asyncio.gather(*pending)
        finally:
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)

    async def _wait_one(self, entry: SupervisedComponent) -> None:
        await self.supervisor.until_healthy([entry], timeout_s=SERVICES_TIMEOUT_S)
        self._report(f"{entry.name} is healthy on port {entry.component.port}")

    async def _migrate(self) -> None:
        log = self.data.log_of("migrate")
        log.unlink(missing_ok=True)
        argv = (sys.executable, "-m", "database.migrate")
        exit_code = await self.supervisor.run_once(
            Launch(argv=argv, env=self.variables(), log=log, cwd=PROJECT_ROOT), timeout_s=MIGRATE_TIMEOUT_S
        )
        if exit_code != 0:
            tail = log.read_text(errors="replace").strip()[-1200:]
            code = ExitCode.USAGE if exit_code == ExitCode.USAGE else ExitCode.MISSING
            raise CommandError(f"the database could not be migrated:\n{tail}", code=code)

    def publish_connections(self) -> None:
        """Write down how this run is reached, for ``db url``, ``token`` and people with psql."""
        write_json(
            self.data.connections_file,
            {
                "database_url": self.postgres.url(),
                "variables": {name: self.variables()[name] for name in self._reachable()},
                "control": self.twin.address.control if self.twin and self.twin.address else None,
                "control_token": self.twin.address.control_token if self.twin and self.twin.address else None,
                "pid": os.getpid(),
            },
        )

    def _reachable(self) -> list[str]:
        names = {**self.postgres.variables(), **self.redis.variables(), **self.kafka.variables()}
        return [*names, "API_TOKEN", *services.port_variables(self.ports)]


def require_program_tree() -> None:
    """The command starts the services of the tree it stands in.

    Raises:
        CommandError: it does not stand in one.
    """
    if not (PROJECT_ROOT / "gateway" / "src").is_dir():
        raise missing(f"the services are not in {PROJECT_ROOT}", "run the command from a clone (pip install -e .)")
