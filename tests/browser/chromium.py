"""Finds a Chromium for the browser tests: the system's, else one that is installed now, by apt or by Playwright."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ARGUMENTS = (
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/usr/bin/chromium",
    "/snap/bin/chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)
INSTALL_S_MAX = 600


class BrowserMissingError(RuntimeError):
    """There is no Chromium and none could be installed; the text says what to do."""


def find_chromium() -> str:
    """The path of a Chromium or Chrome.

    Raises:
        BrowserMissingError: none is there, and neither apt nor Playwright could bring one.
    """
    attempts: list[str] = []
    for bring in (_installed, _by_apt, _by_playwright):
        path = bring(attempts)
        if path:
            return path
    raise BrowserMissingError(
        "no Chromium for the browser tests: install one (Debian, Ubuntu: apt-get install chromium; macOS: Chrome)\n"
        + "\n".join(attempts)
    )


def _installed(_: list[str]) -> str:
    found = (shutil.which(name) for name in NAMES)
    places = (place for place in PLACES if Path(place).exists())
    return next((path for path in found if path), "") or next(places, "")


def _by_apt(attempts: list[str]) -> str:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        attempts.append("apt-get: not there, or not root")
        return ""
    _run(attempts, ["apt-get", "update", "-qq"])
    _run(attempts, ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium", "fonts-dejavu-core"])
    return _installed(attempts)


def _by_playwright(attempts: list[str]) -> str:
    _run(attempts, [sys.executable, "-m", "playwright", "install", "chromium"])
    where = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    done = subprocess.run([sys.executable, "-c", where], capture_output=True, text=True, check=False)
    path = done.stdout.strip()
    return path if path and Path(path).exists() else ""


def _run(attempts: list[str], command: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=INSTALL_S_MAX, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        attempts.append(f"{' '.join(command)}: {error}")
        return
    if done.returncode != 0:
        attempts.append(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-300:]}")


def main() -> int:
    """Entry point of ``make chromium``: make sure that there is one, and say where."""
    try:
        print(find_chromium())
    except BrowserMissingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
