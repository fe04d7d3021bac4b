"""Whether a connection takes the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY).

One to this machine never does, whatever NO_PROXY says: the twin and the services are here, and no proxy reaches them.
"""

from __future__ import annotations

import ipaddress
from typing import Literal
from urllib.parse import urlsplit


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own: localhost, 127.0.0.0/8 or ::1."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def websocket_proxy(url: str) -> Literal[True] | None:
    """What ``connect`` of websockets takes as its ``proxy``: True is the environment's, None is none."""
    return None if is_loopback(url) else True
