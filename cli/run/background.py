"""The supervisor as a process of its own: ``up`` starts it and leaves; ``down`` stops it. Not meant to be typed."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from cli.data_folder import DataFolder
from cli.exits import CommandError, ExitCode
from cli.run import run_state
from cli.run.platform import PlatformRun, RunPlan
from cli.run.supervisor import stop_on_signals
from cli.setup import dashboard_build
from cli.stack.binance import BinanceExchange
from shared.src.clocks import SystemClock
from shared.src.config import load_settings
from shared.src.domain.clock import Clock


def say(text: str) -> None:
    """A line of the supervisor's log."""
    sys.stdout.write(f"{SystemClock().now().isoformat(timespec='seconds')} {text}\n")
    sys.stdout.flush()


async def supervise(plan: RunPlan, data: DataFolder, clock: Clock) -> int:
    """Start the plan, keep it running until told to stop."""
    stop = asyncio.Event()
    stop_on_signals(stop)
    if plan.kind != "database":
        await dashboard_build.offer(say)
    platform = PlatformRun(plan, data, clock, report=say)
    error, code = "", ExitCode.OK
    starting = asyncio.create_task(_start(platform))
    waiting = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            await platform.supervisor.watch(stop)
    except CommandError as failure:
        error, code = str(failure), failure.code
        say(f"error: {error}")
    finally:
        for task in (starting, waiting):
            task.cancel()
        await asyncio.gather(starting, waiting, return_exceptions=True)
        await platform.supervisor.stop(error=error, code=code)
    return int(code)


async def _start(platform: PlatformRun) -> None:
    if platform.plan.kind == "database":
        await platform.start_database()
        platform.supervisor.started()
        return
    if platform.twin is None:
        platform.supervisor.observe(BinanceExchange(load_settings().rest_url))
    await platform.start()


def main() -> int:
    """Read the plan from the one argument and supervise it."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    data = DataFolder.at(Path(asked["data_dir"]))
    plan = RunPlan(**asked["plan"])
    with run_state.exclusive(data):
        return asyncio.run(supervise(plan, data, SystemClock()))


if __name__ == "__main__":
    raise SystemExit(main())
