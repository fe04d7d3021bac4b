"""Binance as a component that somebody else runs: watched, so that ``status`` says whether it can be reached."""

from __future__ import annotations

import httpx

from cli.stack.health import ComponentHealth
from shared.src.clocks import SystemClock
from shared.src.exchange.proxies import http_options

ASK_EVERY_S = 30.0
TIMEOUT_S = 4.0


class BinanceExchange:
    """Asks ``/api/v3/ping`` now and then (weight 1)."""

    name = "exchange"
    port = None

    def __init__(self, rest_url: str) -> None:
        self._rest_url = rest_url
        self._clock = SystemClock()
        self._asked: float | None = None
        self._last = ComponentHealth(healthy=False, detail="not asked yet", answered=True)

    def prepare(self) -> None:
        """Nothing of ours."""

    def launch(self) -> None:
        """Nothing of ours runs."""

    async def probe(self) -> ComponentHealth:
        now = self._clock.monotonic()
        if self._asked is None or now - self._asked >= ASK_EVERY_S:
            self._asked = now
            self._last = await ping(self._rest_url)
        return self._last

    async def after_start(self) -> None:
        """Nothing."""


async def ping(rest_url: str) -> ComponentHealth:
    """Whether the exchange's REST API answers."""
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_S, **http_options(rest_url)) as client:
            (await client.get(f"{rest_url}/api/v3/ping")).raise_for_status()
    except httpx.HTTPError as error:
        return ComponentHealth(healthy=False, detail=f"{rest_url} cannot be reached ({type(error).__name__})")
    return ComponentHealth(healthy=True)
