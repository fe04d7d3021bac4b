"""AnalyzerManager runs the analyzer's worker processes: each one more member of the group that shares the symbols.

What a process decides is in ``core.consensus`` and ``strategy_runner``; this adds the processes. The service itself
works too; ``ANALYZER_WORKERS`` counts it. A worker says every second on its standard output what it does; one that ends
or falls silent is replaced, later each time. What it had not finished its heirs do.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.retry import Backoff

logger = logging.getLogger(__name__)

RESTART = Backoff(first_s=0.5, max_s=30.0)
STEADY_S = 60.0
SILENT_S_MAX = 30.0
STOP_S_MAX = 5.0


@dataclass(slots=True)
class Worker:
    """One process and what is known of it."""

    number: int
    process: asyncio.subprocess.Process | None = None
    restarts: int = 0
    report: dict[str, Any] = field(default_factory=dict)
    heard_at: float = 0.0
    last_exit: int | None = None


class AnalyzerManager:
    """Keeps worker processes running."""

    def __init__(self, count: int, clock: Clock, *, command: tuple[str, ...] = ()) -> None:
        self._clock = clock
        self._command = command or (sys.executable, "-m", "analyzer.src.worker")
        self._workers = [Worker(number) for number in range(1, count + 1)]

    def statistics(self) -> list[dict[str, Any]]:
        return [
            {
                "pid": worker.process.pid if worker.process else None,
                "restarts": worker.restarts,
                "last_exit": worker.last_exit,
                **worker.report,
            }
            for worker in self._workers
        ]

    async def check(self) -> str:
        """For /health.

        Raises:
            TransientError: a worker does not run; the others do its work.
        """
        away = [worker.number for worker in self._workers if not self._is_well(worker)]
        if away:
            raise TransientError(f"worker {', '.join(map(str, away))} of {len(self._workers)} does not run")
        return f"{len(self._workers)} workers"

    def _is_well(self, worker: Worker) -> bool:
        heard = self._clock.monotonic() - worker.heard_at <= SILENT_S_MAX
        return worker.process is not None and bool(worker.report) and heard

    async def run(self) -> None:
        """Start the workers, and replace those that end, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for worker in self._workers:
                tasks.create_task(self._keep(worker))

    async def _keep(self, worker: Worker) -> None:
        ends_in_a_row = 0
        while True:
            began = self._clock.monotonic()
            await self._live(worker)
            if self._clock.monotonic() - began > STEADY_S:
                ends_in_a_row = 0
            ends_in_a_row += 1
            delay = RESTART.after(ends_in_a_row)
            logger.error("worker ended", extra={"worker": worker.number, "exit": worker.last_exit, "again_in_s": delay})
            await self._clock.sleep(delay)
            worker.restarts += 1

    async def _live(self, worker: Worker) -> None:
        """One life of a worker, from start to end."""
        # Its standard input ends when this process does, however that happens: then it stops.
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        worker.process, worker.heard_at = process, self._clock.monotonic()
        try:
            await self._listen(worker, process)
        finally:
            worker.process, worker.report = None, {}
            await _end(process)
            worker.last_exit = process.returncode

    async def _listen(self, worker: Worker, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(TimeoutError):
            while True:
                async with asyncio.timeout(SILENT_S_MAX):
                    line = await process.stdout.readline()
                if not line:
                    await _ended(process)
                    return
                with contextlib.suppress(orjson.JSONDecodeError):
                    worker.report = dict(orjson.loads(line))
                    worker.heard_at = self._clock.monotonic()
        logger.error("worker is silent", extra={"worker": worker.number})


async def _ended(process: asyncio.subprocess.Process) -> None:
    """A process that closed its output is about to end: a signal now would take its exit code from us."""
    async with asyncio.timeout(STOP_S_MAX):
        await process.wait()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Stop a process in an orderly way if it can, the hard way otherwise."""
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(STOP_S_MAX):
            await process.wait()
    except (TimeoutError, asyncio.CancelledError):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
