"""Services as the processes they are: started, killed, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import httpx

from cli.process.ports import PortChooser
from shared.src.config import SERVICES, Settings

PROJECT_ROOT = Path(__file__).resolve().parent.parent
START_S_MAX = 90
ANSWER_S_MAX = 60
PORTS = PortChooser()


def environment_of(settings: Settings, **extra: str) -> dict[str, str]:
    """The environment of a service process on the test's own database and free ports."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "PGHOST": settings.pghost,
        "PGPORT": str(settings.pgport),
        "PGUSER": settings.pguser,
        "PGPASSWORD": settings.pgpassword.get_secret_value(),
        "PGDATABASE": settings.pgdatabase,
        "REDIS_HOST": settings.redis_host,
        "REDIS_PORT": str(settings.redis_port),
        "REDIS_PASSWORD": settings.redis_password.get_secret_value(),
        "KAFKA_BROKER": settings.kafka_broker,
        "KAFKA_EMBEDDED": str(settings.kafka_embedded).lower(),
        "TRADING_SYMBOLS": ",".join(settings.trading_symbols),
        "INTERVAL": ",".join(settings.interval),
        "API_TOKEN": "a-token-for-tests-only",
        **{f"{service.upper()}_PORT": str(PORTS.any()) for service in SERVICES},
        **extra,
    }


class ServiceProcess:
    """One service under test. ``through``: the module that runs it, told its name, in place of the service's own."""

    def __init__(self, name: str, environment: Mapping[str, str], log: Path, *, through: str = "") -> None:
        self.name = name
        self._command = [sys.executable, "-m", *((through, name) if through else (f"{name}.src.main",))]
        self.url = f"http://127.0.0.1:{environment[f'{name.upper()}_PORT']}"
        self._environment = environment
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *, wait: bool = True) -> Self:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                env=dict(self._environment),
                cwd=PROJECT_ROOT,
                stderr=log,
            )
        if wait:
            self.wait_healthy()
        return self

    def wait_healthy(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            assert self._process.poll() is None, f"{self.name} ended:\n{self._log.read_text()[-3000:]}"
            if self.health()[0] == 200:
                return
            time.sleep(0.1)
        raise AssertionError(f"{self.name} is not healthy: {self.health()}\n{self._log.read_text()[-3000:]}")

    def health(self) -> tuple[int, dict[str, Any]]:
        try:
            answer = httpx.get(f"{self.url}/health", timeout=5, trust_env=False)
        except httpx.TransportError as error:
            return 0, {"error": str(error)}
        return answer.status_code, answer.json()

    def log_text(self) -> str:
        """All it has logged, over all its lives."""
        return self._log.read_text()

    def diagnostic(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/diagnostic", timeout=ANSWER_S_MAX, trust_env=False).json())

    def kill(self) -> None:
        """kill -9: no goodbye."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(ANSWER_S_MAX)

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT and the like."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.terminate()
        try:
            return self._process.wait(ANSWER_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()  # it fails this test, not the next one
            raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self.stop()


@contextmanager
def services(
    names: tuple[str, ...], environment: Mapping[str, str], folder: Path
) -> Iterator[dict[str, ServiceProcess]]:
    """Several services, started together."""
    started = {name: ServiceProcess(name, environment, folder / f"{name}.log").start(wait=False) for name in names}
    try:
        for process in started.values():
            process.wait_healthy()
        yield started
    finally:
        for process in started.values():
            process.stop()
