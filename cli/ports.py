"""Ports: the documented one when it is free, another when it is not."""

from __future__ import annotations

import socket

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
    """Hands out ports that are free and that it has not handed out before."""

    def __init__(self, host: str = HOST) -> None:
        self._host = host
        self._given: set[int] = set()

    def choose(self, wanted: int) -> int:
        """The wanted port, or a free one when something else already has it."""
        if wanted not in self._given and is_free(wanted, self._host):
            self._given.add(wanted)
            return wanted
        return self.any()

    def any(self) -> int:
        """A free port of the system's choice."""
        while True:
            with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
                probe.bind((self._host, 0))
                port: int = probe.getsockname()[1]
            if port not in self._given:
                self._given.add(port)
                return port
