"""The run that a data folder knows of: is it there, what does it say, how to end it."""

from __future__ import annotations

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psutil

from cli.data_folder import DataFolder, read_json
from cli.exits import missing, misused
from cli.process.child import created_at
from shared.src.config import SERVICES
from shared.src.domain.clock import Clock

STOP_S_MAX = 40.0
NOTHING = {
    "pid": None,
    "port": None,
    "url": None,
    "state": "stopped",
    "healthy": False,
    "since": None,
    "restarts": 0,
    "rss_bytes": 0,
    "detail": "not running",
}


@dataclass(frozen=True, slots=True)
class LiveRun:
    """A live supervisor and what it last wrote."""

    pid: int
    kind: str
    document: dict[str, Any]


def find(data: DataFolder) -> LiveRun | None:
    """The run whose supervisor is alive, if there is one.

    One that has ended and that nobody has asked for its exit code yet still has its number, and runs nothing.
    """
    document = read_json(data.run_file)
    if document is None or created_at(document["pid"]) != document["created"] or not _alive(document["pid"]):
        return None
    return LiveRun(pid=document["pid"], kind=document["kind"], document=document)


def require(data: DataFolder) -> LiveRun:
    """The live run.

    Raises:
        CommandError: nothing runs.
    """
    run = find(data)
    if run is None:
        raise missing(f"nothing runs with the data folder {data.root}", "roottrading up, or roottrading demo")
    return run


def status(data: DataFolder) -> dict[str, Any]:
    """The status document of commands.md section 4, also when nothing runs."""
    run = find(data)
    if run is None:
        last = read_json(data.run_file) or {}
        stack = dict.fromkeys(("postgres", "redis", "kafka", "exchange"), NOTHING)
        return {
            "services": dict.fromkeys(SERVICES, NOTHING),
            "stack": stack,
            "mode": last.get("mode", "paper"),
            "state": "stopped",
            "error": last.get("error", ""),
        }
    return run.document


def is_healthy(document: dict[str, Any]) -> bool:
    """Whether every component of a status document is well."""
    components = [*document["services"].values(), *document["stack"].values()]
    return document["state"] == "running" and all(component["healthy"] for component in components)


async def end(data: DataFolder, run: LiveRun, clock: Clock) -> bool:
    """Ask the supervisor to stop everything; False when it had to be killed (the reaper then sweeps)."""
    with suppress(ProcessLookupError):
        os.kill(run.pid, signal.SIGTERM)
    deadline = clock.monotonic() + STOP_S_MAX
    while clock.monotonic() < deadline:
        if not _alive(run.pid):
            return True
        await clock.sleep(0.1)
    with suppress(ProcessLookupError):
        os.kill(run.pid, signal.SIGKILL)
    await clock.sleep(1)
    return False


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


@contextmanager
def exclusive(data: DataFolder) -> Iterator[None]:
    """Hold the data folder: two supervisors on the same databases would destroy them.

    Raises:
        CommandError: another run holds it.
    """
    data.create()
    with (data.root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            run = find(data)
            what = f"a {run.kind} run (process {run.pid})" if run else "another run"
            raise misused(
                f"{what} already uses the data folder {data.root}",
                "end it with `roottrading down`, or choose another folder with --data-dir",
            ) from None
        yield
