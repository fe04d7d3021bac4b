"""Where a running platform keeps its files: databases, logs, secrets, what runs now."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DEFAULT_NAME = ".roottrading"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The layout of one data folder. Everything the command writes is below ``root``."""

    root: Path

    @classmethod
    def at(cls, path: Path | None) -> DataFolder:
        """The folder asked for, or ``ROOTTRADING_DATA_DIR``, or ``.roottrading`` in the project root."""
        chosen = path or Path(os.environ.get("ROOTTRADING_DATA_DIR") or PROJECT_ROOT / DEFAULT_NAME)
        return cls(chosen.expanduser().resolve())

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def requests(self) -> Path:
        """Requests to the running supervisor, one file each."""
        return self.root / "requests"

    @property
    def run_file(self) -> Path:
        return self.root / "run.json"

    @property
    def connections_file(self) -> Path:
        """How to reach the stack that runs or ran last, passwords included; readable by its owner only."""
        return self.root / "connections.json"

    @property
    def history(self) -> Path:
        """Histories of candles, by symbol and time frame."""
        return self.root / "history"

    @property
    def summary_file(self) -> Path:
        return self.root / "summary.json"

    @property
    def token_file(self) -> Path:
        """The API token that the first start writes; API_TOKEN takes its place."""
        return self.root / "api-token"

    def log_of(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def create(self) -> None:
        """Make the folder. Root's may be passed through by others, since PostgreSQL then runs as somebody else."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for folder in (self.logs, self.requests):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o700)

    def secret(self, name: str) -> str:
        """A generated secret, made once and kept in a file that only its owner can read."""
        folder = self.root / "secrets"
        folder.mkdir(mode=0o700, exist_ok=True)
        return _made_once(folder / name)

    def api_token(self) -> str:
        """The API token of this data folder."""
        return _made_once(self.token_file)


def _made_once(path: Path) -> str:
    if not path.exists():
        write_private(path, secrets.token_urlsafe(24))
    return path.read_text().strip()


def write_private(path: Path, text: str) -> None:
    """Replace a file in one step, readable by its owner only: a reader sees the old text or the new, never half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    draft.replace(path)


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Replace a JSON file in one step."""
    write_private(path, json.dumps(document, indent=1) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The document of a file that may not exist yet."""
    try:
        document: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return document
