"""Requests to the running supervisor, as files in the data folder: no port to guard, no secret to keep."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass

from cli.data_folder import DataFolder, write_private


@dataclass(frozen=True, slots=True)
class RestartRequest:
    service: str


def ask_restart(data: DataFolder, service: str) -> None:
    """Leave a request; the supervisor takes it within a moment."""
    write_private(data.requests / f"{uuid.uuid4().hex}.json", json.dumps({"restart": service}))


def take(data: DataFolder) -> list[RestartRequest]:
    """Take the requests that wait, oldest first."""
    requests = []
    for path in sorted(data.requests.glob("*.json"), key=lambda path: path.stat().st_mtime_ns):
        requests.append(RestartRequest(service=str(json.loads(path.read_text())["restart"])))
        path.unlink()
    return requests
