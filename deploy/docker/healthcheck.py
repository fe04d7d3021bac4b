"""Container health: ask this container's own ``/health`` on ``HEALTH_PORT``; exit 0 on 200, else 1 and say why.

Runs every few seconds in every container, so it starts Python without site packages and speaks HTTP itself.
"""

import os
import socket
import sys

TIMEOUT_S = 4.0
ANSWER_BYTES_MAX = 8192


def main() -> int:
    port = int(os.environ.get("HEALTH_PORT", "0"))
    path = os.environ.get("HEALTH_PATH", "/health")
    if not port:
        print("HEALTH_PORT is not set: this container has no health to ask for")  # noqa: T201 - shown by docker inspect
        return 1
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as link:
            link.settimeout(TIMEOUT_S)
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while len(answer) < ANSWER_BYTES_MAX and (chunk := link.recv(4096)):
                answer += chunk
    except OSError as error:
        print(f"port {port}: {error}")  # noqa: T201
        return 1
    status, _, rest = answer.partition(b"\r\n")
    if b" 200 " in status + b" ":
        return 0
    print(status.decode("latin-1"), rest.rpartition(b"\r\n\r\n")[2].decode("utf-8", "replace"))  # noqa: T201
    return 1


if __name__ == "__main__":
    sys.exit(main())
