"""The demo's exchange in a container: write the fixture, run the simulator, leave the note that services look for.

The note (address and keys of the demo account) goes when the simulator is stopped in an orderly way, so that the
next start without profile ``demo`` talks to Binance again. Balances, orders and market time survive in ``STATE``.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from cli.demo.options import DemoOptions, demo_options
from cli.exits import CommandError

NOTE = Path("/run/roottrading/exchange.json")
FIXTURE = Path("/tmp/fixture.json")  # noqa: S108 - a tmpfs of this container alone
STATE = Path("/var/lib/roottrading/exchange.state")
ACCOUNT = "demo"
URL = "http://simulator:8400"
ALL_INTERFACES = "0.0.0.0"  # noqa: S104 - of the container, whose network is private


def options() -> DemoOptions:
    """What the demo is asked to be, from the variables that compose passes on."""
    return demo_options(
        duration=1,
        speed=float(os.environ.get("SIMULATOR_SPEED") or 60),
        seed=int(os.environ.get("SIMULATOR_SEED") or 7),
        symbols=None,
        replay=None,
        kafka="embedded",
    )


def note_of(announcement: dict[str, Any]) -> dict[str, str]:
    """What services need to know, from the line the simulator prints when it is ready."""
    account = next(account for account in announcement["accounts"] if account["name"] == ACCOUNT)
    return {"url": URL, "api_key": account["api_key"], "secret_key": account["secret_key"]}


def write_note(note: dict[str, str]) -> None:
    """Write the note in one step: a reader sees all of it or none."""
    draft = NOTE.with_suffix(".new")
    draft.write_text(json.dumps(note), encoding="utf-8")
    draft.chmod(0o600)
    draft.replace(NOTE)


def main() -> int:
    try:
        FIXTURE.write_text(json.dumps(options().fixture()), encoding="utf-8")
    except (CommandError, ValueError) as error:
        sys.stderr.write(f"simulator: {error}\n")
        return 2
    argv = [
        sys.executable,
        "-m",
        "cli.main",
        "simulator",
        "serve",
        "--host",
        ALL_INTERFACES,
        "--port",
        "8400",
        "--fixture",
        str(FIXTURE),
        "--state",
        str(STATE),
    ]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE)
    stopped = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopped
        stopped = True
        process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    assert process.stdout is not None
    for line in process.stdout:
        announcement = json.loads(line)
        write_note(note_of(announcement))
        sys.stdout.write(json.dumps({"event": "simulator ready", "url": URL, "speed": options().speed}) + "\n")
        sys.stdout.flush()
        break
    for line in process.stdout:
        sys.stdout.buffer.write(line)
    exit_code = process.wait()
    if stopped:
        NOTE.unlink(missing_ok=True)
        return 0
    return exit_code


if __name__ == "__main__":
    raise SystemExit(main())
