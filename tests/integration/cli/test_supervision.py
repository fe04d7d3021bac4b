"""The supervisor with real processes: crashes, restarts, and ends of every kind that leave nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from cli.data_folder import DataFolder
from cli.run import requests, run_state

SCRIPT = Path(__file__).with_name("fake_platform.py")
PATIENCE_S = 60.0


def eventually(read: Callable[[], Any], what: str) -> Any:
    """Wait until ``read`` answers something true."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        value = read()
        if value:
            return value
        time.sleep(0.05)
    pytest.fail(f"never happened: {what}")


class FakePlatform:
    """The supervisor's process and what it wrote."""

    def __init__(self, folder: Path) -> None:
        self.data = DataFolder.at(folder)
        self.process = subprocess.Popen([sys.executable, str(SCRIPT), str(folder)], start_new_session=True)
        eventually(lambda: run_state.is_healthy(run_state.status(self.data)), "the platform is healthy")
        self.family = psutil.Process(self.process.pid).children(recursive=True)

    def part(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = run_state.status(self.data)["services"][name]
        return found

    def restarted(self, name: str, old_pid: int) -> dict[str, Any]:
        def fresh() -> dict[str, Any] | None:
            part = self.part(name)
            return part if part["healthy"] and part["pid"] not in (None, old_pid) else None

        found: dict[str, Any] = eventually(fresh, f"{name} runs again")
        return found

    def nothing_is_left(self) -> bool:
        return not [member for member in self.family if member.is_running() and member.status() != "zombie"]


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[FakePlatform]:
    running = FakePlatform(tmp_path / "data")
    yield running
    if running.process.poll() is None:
        running.process.terminate()
    running.process.wait(PATIENCE_S)
    eventually(running.nothing_is_left, "everything ended")


def test_a_killed_service_is_started_again_and_the_restart_is_counted(platform: FakePlatform) -> None:
    pid = platform.part("one")["pid"]
    os.kill(pid, signal.SIGKILL)
    part = platform.restarted("one", pid)
    assert part["restarts"] == 1
    assert platform.part("two")["restarts"] == 0


def test_a_killed_services_workers_end_with_it(platform: FakePlatform) -> None:
    pid = platform.part("one")["pid"]
    workers = psutil.Process(pid).children()
    assert workers
    os.kill(pid, signal.SIGKILL)
    platform.restarted("one", pid)
    assert not [worker for worker in workers if worker.is_running() and worker.status() != "zombie"]


def test_restarting_on_request_gives_the_service_a_new_process(platform: FakePlatform) -> None:
    pid = platform.part("two")["pid"]
    requests.ask_restart(platform.data, "two")
    assert platform.restarted("two", pid)["restarts"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_orderly_stop_leaves_no_process(platform: FakePlatform, number: signal.Signals) -> None:
    platform.process.send_signal(number)
    assert platform.process.wait(PATIENCE_S) == 0
    assert platform.nothing_is_left()
    assert run_state.find(platform.data) is None
    assert run_state.status(platform.data)["services"]["gateway"]["state"] == "stopped"


def test_a_killed_supervisor_leaves_no_process(platform: FakePlatform) -> None:
    platform.process.kill()
    platform.process.wait(PATIENCE_S)
    eventually(platform.nothing_is_left, "everything ended")
    assert run_state.find(platform.data) is None
