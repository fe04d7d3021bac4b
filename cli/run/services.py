"""The nine services as supervised components, and the environment they get."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
from dotenv import dotenv_values

from cli.data_folder import PROJECT_ROOT, DataFolder
from cli.process.child import Launch
from cli.process.ports import HOST, SERVICE_PORTS, PortChooser
from cli.stack.health import ComponentHealth, http_health
from shared.src.config import SERVICES
from shared.src.domain.errors import ConfigurationError

Variables = Callable[[], Mapping[str, str]]

# Those who receive start before those who send, so that the first message finds its reader.
START_ORDER = (
    "portfolio",
    "trader",
    "coordinator",
    "signal_aggregator",
    "analyzer",
    "market_analyzer",
    "dispatcher",
    "gateway",
    "visualization",
)
HEALTH_TIMEOUT_S = 3.0


class ServiceProcess:
    """One service: ``python -m <name>.src.main`` with the environment of the moment."""

    def __init__(self, name: str, data: DataFolder, *, port: int, variables: Variables) -> None:
        self.name = name
        self.port = port
        self._log = data.log_of(name)
        self._variables = variables
        self._client = httpx.AsyncClient(timeout=HEALTH_TIMEOUT_S, trust_env=False)

    def prepare(self) -> None:
        """Nothing: a service makes what it needs."""

    def launch(self) -> Launch:
        return Launch(
            argv=(sys.executable, "-m", f"{self.name}.src.main"), env=self._variables(), log=self._log, cwd=PROJECT_ROOT
        )

    async def probe(self) -> ComponentHealth:
        return await http_health(self._client, f"http://{HOST}:{self.port}/health", service=self.name)

    async def after_start(self) -> None:
        """Nothing."""


def adopt_env_file() -> None:
    """Complete the environment by the project's ``.env`` (or ``ROOTTRADING_ENV_FILE``), which never overrides it.

    Addresses in it are those of the containers, so a broker named there is not the one of this machine.

    Raises:
        ConfigurationError: the file is not in UTF-8.
    """
    path = Path(os.environ.get("ROOTTRADING_ENV_FILE", PROJECT_ROOT / ".env"))
    try:
        values = dotenv_values(path)
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            f"{path}, line {_undecodable_line(path)}: not in UTF-8; save the file as UTF-8"
        ) from error
    for name, value in values.items():
        if value and name != "KAFKA_BROKER":
            os.environ.setdefault(name, value)


def _undecodable_line(path: Path) -> int:
    """The first line of a file that is not in UTF-8."""
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        try:
            line.decode()
        except UnicodeDecodeError:
            return number
    return 1


def choose_ports(environment: Mapping[str, str], ports: PortChooser) -> dict[str, int]:
    """A port for each service: the configured or documented one when free."""
    chosen = {}
    for name in SERVICES:
        wanted = environment.get(f"{name.upper()}_PORT", "")
        chosen[name] = ports.choose(int(wanted) if wanted.isdigit() else SERVICE_PORTS[name])
    return chosen


def port_variables(ports: Mapping[str, int]) -> dict[str, str]:
    return {f"{name.upper()}_PORT": str(port) for name, port in ports.items()}
