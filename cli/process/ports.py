"""Ports: the documented one when it is free, another when it is not."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from pathlib import Path

HOST = "127.0.0.1"

SERVICE_PORTS = {
    "gateway": 5010,
    "dispatcher": 5004,
    "market_analyzer": 5020,
    "analyzer": 5012,
    "signal_aggregator": 5013,
    "coordinator": 5003,
    "trader": 5002,
    "portfolio": 8000,
    "visualization": 5009,
}
TWIN_PORT = 8400
POSTGRES_PORT = 5432
REDIS_PORT = 6379


def is_free(port: int, host: str = HOST) -> bool:
    """Whether a server could listen on the port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


class PortChooser:
    """Hands out ports that are free and that nobody else of us has been given.

    A port is free until its service listens, seconds later: a lease, a locked file that the system releases when the
    process ends, keeps a platform started at the same moment from choosing it too.
    """

    def __init__(self, host: str = HOST, leases: Path | None = None) -> None:
        self._host = host
        self._leases = leases or Path(tempfile.gettempdir()) / f"roottrading-ports-{os.geteuid()}"
        self._leases.mkdir(mode=0o700, exist_ok=True)
        self._held: list[int] = []

    def choose(self, wanted: int) -> int:
        """The wanted port, or a free one when something else already has it."""
        if is_free(wanted, self._host) and self._lease(wanted):
            return wanted
        return self.any()

    def any(self) -> int:
        """A free port of the system's choice."""
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind((self._host, 0))
                port: int = probe.getsockname()[1]
            if self._lease(port):
                return port

    def _lease(self, port: int) -> bool:
        lease = os.open(self._leases / str(port), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lease)
            return False
        self._held.append(lease)
        return True

    def close(self) -> None:
        """Give the leases back; otherwise they end with the process."""
        for lease in self._held:
            os.close(lease)
        self._held.clear()
