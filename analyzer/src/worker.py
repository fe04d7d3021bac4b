"""A worker process of the analyzer: the service without its API, below a pool that watches it."""

from __future__ import annotations

import asyncio
import os
import sys

import orjson

from analyzer.src.opening import opened
from shared.src.frame.service import Service, run_service

REPORT_S = 1.0


async def build(service: Service) -> None:
    """Compose one worker."""
    analyzer, _, _ = await opened(service, dict(os.environ))

    async def report() -> None:
        while True:
            state = {
                "frames": analyzer.subscriber.frames,
                "votes": analyzer.subscriber.votes,
            } | service.bus.shares()
            sys.stdout.write(orjson.dumps(state).decode() + "\n")
            sys.stdout.flush()
            await asyncio.sleep(REPORT_S)

    async def stop_with_the_pool() -> None:
        """Standard input ends when the pool's process does, even by kill -9."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        await reader.read()
        service.stopping.set()
        await asyncio.Event().wait()

    service.add_task("report", report)
    service.add_task("pool", stop_with_the_pool)


if __name__ == "__main__":
    run_service("analyzer", build, serve_app=False)
