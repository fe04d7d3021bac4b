"""Whether a connection takes the proxy that the environment names (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY).

One to this machine never does, whatever NO_PROXY says: the twin and the services are here, and no proxy reaches them.
"""

from __future__ import annotations

import ipaddress
import ssl
from typing import Literal, TypedDict
from urllib.parse import urlsplit


class HttpOptions(TypedDict):
    """What a client of httpx is made with."""

    trust_env: bool
    verify: ssl.SSLContext | bool


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


def http_options(url: str) -> HttpOptions:
    """How httpx reaches an address: with the environment's proxies, or, on this machine, with none.

    SSL_CERT_FILE holds either way: OpenSSL reads it itself where httpx leaves the environment alone.
    """
    if not is_loopback(url):
        return {"trust_env": True, "verify": True}
    is_secure = urlsplit(url).scheme == "https"
    return {"trust_env": False, "verify": ssl.create_default_context() if is_secure else True}
