"""Binance's public REST calls (v3) for a service that gives no orders: without the trading library and its memory."""

from __future__ import annotations

from typing import Any

import httpx

from shared.src.domain.errors import OutcomeUnknownError, TransientError
from shared.src.exchange.calls import Params, Urgency
from shared.src.exchange.proxies import http_options
from shared.src.exchange.verdict import error_of, refusal_of
from shared.src.exchange.weights import WeightBudget
from shared.src.http_calls import exchange, json_of

TIMEOUT_S = 10.0


class PublicClient:
    """Implements ``shared.src.exchange.calls.PublicCalls`` within the shared weight budget."""

    def __init__(
        self, rest_url: str, weights: WeightBudget, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        options = http_options(rest_url)
        self._client = httpx.AsyncClient(base_url=rest_url, timeout=TIMEOUT_S, transport=transport, **options)
        self._weights = weights

    async def close(self) -> None:
        await self._client.aclose()

    async def public(self, path: str, params: Params, *, weight: int, urgency: Urgency = Urgency.BULK) -> Any:
        """Read what everybody may.

        Raises:
            TransientError: no answer, or told to wait; repeating is safe.
            RejectedError: the exchange refused, with Binance's code.
        """
        await self._weights.take(weight, urgency)
        answer = await exchange(self._client, "GET", f"/api/v3/{path}", who="exchange", params=dict(params))
        if answer.is_error:
            refusal = refusal_of(answer.status_code, answer.content, retry_after=answer.headers.get("Retry-After", ""))
            if refusal.wait_s is not None:
                await self._weights.block(refusal.wait_s)
            error = error_of(refusal)
            raise TransientError(f"{path}: {error}") if isinstance(error, OutcomeUnknownError) else error
        return json_of(answer, f"exchange {path}")
