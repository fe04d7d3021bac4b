"""Binance's public futures data over HTTP."""

from __future__ import annotations

from typing import Any, Final

from shared.src.domain.errors import TransientError

TIMEOUT_S: Final = 10.0
# all perpetual and delivery contracts in one answer (weight 10)
PATH: Final = "/fapi/v1/premiumIndex"


class HttpFutures:
    """Implements ``FuturesSource``."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + PATH

    async def premium_index(self) -> Any:
        # an HTTP client takes 5 MB, and few ask
        import httpx

        from shared.src.http_calls import exchange, json_of

        async with httpx.AsyncClient(timeout=TIMEOUT_S) as client:
            answer = await exchange(client, "GET", self._url, who="futures data")
        if answer.is_error:
            raise TransientError(f"futures data: HTTP {answer.status_code}")
        return json_of(answer, "futures data")
