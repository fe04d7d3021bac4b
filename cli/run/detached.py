"""Starts the background supervisor and waits for its verdict."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable

from cli.data_folder import PROJECT_ROOT, DataFolder, read_json
from cli.exits import CommandError, ExitCode, missing
from cli.process.child import rotate
from cli.run import run_state
from cli.run.platform import RunPlan
from shared.src.domain.clock import Clock

POLL_S = 0.2


async def start_detached(
    plan: RunPlan, data: DataFolder, clock: Clock, *, timeout_s: float, say: Callable[[str], None]
) -> dict[str, object]:
    """Start a supervisor that outlives this command; returns its status once it runs.

    Raises:
        CommandError: it refused to start, or is not healthy in time (it then goes on trying).
    """
    with run_state.exclusive(data):
        log = data.log_of("supervisor")
        rotate(log)
        offset = log.stat().st_size if log.exists() else 0
    process = _spawn(plan, data)
    deadline = clock.monotonic() + timeout_s
    while True:
        offset = _pass_on(data, offset, say)
        document = read_json(data.run_file) or {}
        ended = process.poll() is not None
        if document.get("pid") == process.pid:
            if document["state"] == "running":
                return document
            if ended and document["error"]:
                raise CommandError(document["error"], code=ExitCode(document["exit_code"]))
        if ended:
            raise missing(f"the supervisor ended with exit code {process.returncode}", f"see {log}")
        if clock.monotonic() > deadline:
            raise CommandError(
                f"not healthy after {timeout_s:.0f} s; it goes on trying",
                code=ExitCode.NOT_SO,
                remedy="roottrading status, roottrading logs",
            )
        await asyncio.sleep(POLL_S)


def _spawn(plan: RunPlan, data: DataFolder) -> subprocess.Popen[bytes]:
    asked = {"data_dir": str(data.root), "plan": dataclasses.asdict(plan)}
    with data.log_of("supervisor").open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "cli.run.background", json.dumps(asked)],
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )


def _pass_on(data: DataFolder, offset: int, say: Callable[[str], None]) -> int:
    """Show what the supervisor wrote since; returns where to go on."""
    with data.log_of("supervisor").open("rb") as file:
        file.seek(offset)
        for line in file.read().decode(errors="replace").splitlines():
            say(line.partition(" ")[2])
        return file.tell()
