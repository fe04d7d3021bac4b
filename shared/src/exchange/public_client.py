"""Binance's public REST calls (v3) for a service that gives no orders: without the trading library and its memory."""

from __future__ import annotations

from typing import Any

import httpx

from shared.src.domain.errors import OutcomeUnknownError, TransientError
from shared.src.exchange.calls import Params, Urgency
from shared.src.exchange.verdict import Refusal, error_of
from shared.src.exchange.weights import WeightBudget
from shared.src.http_calls import exchange, json_of

TIMEOUT_S = 10.0


class PublicClient:
    """Implements ``shared.src.exchange.calls.PublicCalls`` within the shared weight budget."""

    def __init__(
        self, rest_url: str, weights: WeightBudget, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._client = httpx.AsyncClient(base_url=rest_url, timeout=TIMEOUT_S, transport=transport)
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
            refusal = refusal_of(answer)
            if refusal.wait_s is not None:
                await self._weights.block(refusal.wait_s)
            error = error_of(refusal)
            raise TransientError(f"{path}: {error}") if isinstance(error, OutcomeUnknownError) else error
        return json_of(answer, f"exchange {path}")


def refusal_of(answer: httpx.Response) -> Refusal:
    """What Binance says in an answer that is an error."""
    try:
        body = answer.json()
    except ValueError:
        body = None
    known = body if isinstance(body, dict) and isinstance(body.get("code"), int) else {}
    return Refusal(
        answer.status_code, known.get("code", 0), str(known.get("msg", "")), answer.headers.get("Retry-After", "")
    )
