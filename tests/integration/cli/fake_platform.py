"""A platform of tiny parts, supervised as the real one: ``python fake_platform.py DATA_DIR``."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx

from cli.data_folder import DataFolder
from cli.process.child import Launch
from cli.process.ports import HOST, PortChooser
from cli.run.supervisor import Supervisor, stop_on_signals
from cli.stack.health import ComponentHealth, http_health
from shared.src.clocks import SystemClock

# A service with a worker process of its own, as the analyzer has.
SCRIPT = """
import http.server, os, subprocess, sys
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"{}")
    def log_message(self, *ignored): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)" + SCRIPT


class TinyService:
    """A part that answers on /health."""

    def __init__(self, name: str, data: DataFolder, port: int, script: str = SCRIPT) -> None:
        self.name = name
        self.port = port
        self._log = data.log_of(name)
        self._script = script

    def prepare(self) -> None:
        """Nothing."""

    def launch(self) -> Launch:
        argv = (sys.executable, "-c", self._script, str(self.port))
        return Launch(argv=argv, env=dict(os.environ), log=self._log, cwd=Path.cwd())

    async def probe(self) -> ComponentHealth:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            return await http_health(client, f"http://{HOST}:{self.port}/health", service=self.name)

    async def after_start(self) -> None:
        """Nothing."""


async def main(data: DataFolder) -> None:
    """Two services, until told to stop."""
    data.create()
    stop = asyncio.Event()
    stop_on_signals(stop)
    ports = PortChooser()
    supervisor = Supervisor(data, SystemClock(), kind="platform", mode="paper", report=print)
    try:
        parts = supervisor.begin_services(TinyService(name, data, ports.any()) for name in ("one", "two"))
        await supervisor.until_healthy(parts, timeout_s=60)
        supervisor.started()
        await supervisor.watch(stop)
    finally:
        await supervisor.stop()


if __name__ == "__main__":
    asyncio.run(main(DataFolder.at(Path(sys.argv[1]))))
