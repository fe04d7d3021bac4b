"""The demo as a user starts it: the command, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import psutil

PROJECT_ROOT = Path(__file__).resolve().parent.parent
START_S_MAX = 180
END_S_MAX = 120
COMMAND = (sys.executable, "-m", "cli.main")


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a fresh shell has, without anything of this test run."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "JAVA_HOME") if name in os.environ}
    return kept | dict(extra or {})


def roottrading(
    *arguments: str, data: Path, timeout_s: float = 120, variables: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments, "--data-dir", str(data)],
        cwd=PROJECT_ROOT,
        env=clean_environment(variables),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )


class RunningDemo:
    """A demo in the background; ``summary`` waits for its end."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._log = data / "demo.log"

    def __enter__(self) -> Self:
        self.data.mkdir(parents=True, exist_ok=True)
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [*COMMAND, "demo", "--json", "--data-dir", str(self.data), *self._options],
                cwd=PROJECT_ROOT,
                env=clean_environment(),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        self._wait_started()
        return self

    def _wait_started(self) -> None:
        deadline = time.monotonic() + START_S_MAX
        while time.monotonic() < deadline:
            assert self._process is not None
            assert self._process.poll() is None, f"the demo ended:\n{self._log.read_text()[-3000:]}"
            if "all services are healthy" in self._log.read_text():
                return
            time.sleep(0.25)
        raise AssertionError(f"the demo did not start:\n{self._log.read_text()[-3000:]}")

    def status(self) -> dict[str, Any]:
        answer = roottrading("status", "--json", data=self.data)
        assert answer.stdout, answer.stderr
        return dict(json.loads(answer.stdout))

    def service(self, name: str) -> dict[str, Any]:
        return dict(self.status()["services"][name])

    def wait_for(self, name: str, *, restarts: int, timeout_s: float = 120) -> None:
        """Until a service has been restarted that often and is healthy again."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            seen = self.service(name)
            if seen["restarts"] >= restarts and seen["healthy"]:
                return
            time.sleep(0.3)
        raise AssertionError(f"{name} did not come back: {seen}")

    def summary(self, timeout_s: float = 400) -> tuple[int, dict[str, Any]]:
        """The exit code and the summary, once the demo has ended by itself."""
        assert self._process is not None
        out, _ = self._process.communicate(timeout=timeout_s)
        assert out, self._log.read_text()[-3000:]
        return self._process.returncode, dict(json.loads(out))

    def processes(self) -> list[psutil.Process]:
        """The demo and everything it started."""
        assert self._process is not None
        demo = psutil.Process(self._process.pid)
        return [demo, *demo.children(recursive=True)]

    def interrupt(self) -> int:
        """Ctrl-C; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(END_S_MAX)

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        if self._process.poll() is None:
            self.interrupt()
        if self._process.stdout is not None:
            self._process.stdout.close()


def alive(processes: list[psutil.Process]) -> list[str]:
    """Which of these still run, by their command lines."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(" ".join(process.cmdline())[:120])
        except psutil.NoSuchProcess:
            continue
    return found
