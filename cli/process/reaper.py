"""Ends orphans. Reads ``+<group>`` and ``-<group>`` lines; when the pipe closes, whatever is still listed is stopped.

Started as a script with the bare interpreter, so that it is up at once and needs nothing that could be broken.
"""

import os
import signal
import sys
import time

GRACE_S = 10.0


def alive(group: int) -> bool:
    """Whether the group still has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def send(groups: set[int], number: signal.Signals) -> None:
    """Signal each group that is still there."""
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue


def main() -> None:
    """Listen until the pipe closes, then sweep."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        group = int(line[1:])
        if line[0] == "+":
            groups.add(group)
        else:
            groups.discard(group)
    send(groups, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while any(alive(group) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    send(groups, signal.SIGKILL)


if __name__ == "__main__":
    main()
