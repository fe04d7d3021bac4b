"""Writes the dashboard's types anew from the OpenAPI document of its service (`make dashboard-types`).

Both are committed: a build needs no Python then, and no generator. Tests fail as long as they lag behind the service.
"""

from __future__ import annotations

import subprocess
import sys

from cli.data_folder import PROJECT_ROOT
from cli.exits import CommandError
from cli.setup.dashboard_build import FRONTEND, install, run_script

DOCUMENT = FRONTEND / "openapi.json"
CODEGEN = FRONTEND / "codegen"


def described() -> str:
    """What belongs into ``DOCUMENT``, from a process that imports what the service imports, and no more."""
    command = [sys.executable, "-m", "visualization.src.openapi"]
    return subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout


def main() -> int:
    """Entry point of `python -m cli.setup.dashboard_types`."""

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    DOCUMENT.write_text(described(), encoding="utf-8")
    try:
        install(CODEGEN, say=say)
        run_script("generate", CODEGEN)
    except CommandError as error:
        say(f"error: {error}")
        return int(error.code)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
