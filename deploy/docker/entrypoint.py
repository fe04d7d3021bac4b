"""What a container does before its command: learn where the demo's exchange is, if there is one.

With profile ``demo`` the simulator leaves a note in a volume that every service mounts: its address and the keys
of the demo account. A service that finds the note trades there instead of on Binance and follows the market's
clock. Without a note the environment stays as it is.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

NOTE = Path("/run/roottrading/exchange.json")
WAIT_S_MAX = 60.0
RETRY_S = 0.5
EXIT_MISSING = 3


def exchange_variables(note: dict[str, Any], clock: dict[str, Any]) -> dict[str, str]:
    """The settings that make a service trade on the simulator."""
    variables = {
        "SIMULATOR_URL": str(note["url"]),
        "BINANCE_API_KEY": str(note["api_key"]),
        "BINANCE_SECRET_KEY": str(note["secret_key"]),
    }
    if clock["mode"] == "accelerated":
        variables["PLATFORM_CLOCK"] = f"{clock['speed']}@{clock['market_ms']}@{clock['wall_ms']}"
    return variables


def read_clock(url: str) -> dict[str, Any]:
    """The market's clock; waits for the simulator, and ends the container when it does not come up."""
    deadline = time.monotonic() + WAIT_S_MAX
    while True:
        try:
            with urllib.request.urlopen(f"{url}/control/v1/clock", timeout=5) as answer:  # noqa: S310 - our own note
                clock: dict[str, Any] = json.load(answer)
                return clock
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                sys.stderr.write(
                    f"the simulator at {url} does not answer ({error}), but the platform was last up with it: start it "
                    "again with profile demo, or leave the demo with `docker compose --profile demo down -v`.\n"
                )
                sys.exit(EXIT_MISSING)
            time.sleep(RETRY_S)


def main() -> None:
    if not sys.argv[1:]:
        sys.exit("usage: entrypoint.py COMMAND [ARGUMENT...]")
    if NOTE.is_file() and os.environ.get("FOLLOW_DEMO") == "true":
        note = json.loads(NOTE.read_text(encoding="utf-8"))
        os.environ.update(exchange_variables(note, read_clock(note["url"])))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the command of the container is the point of an entry point


if __name__ == "__main__":
    main()
