"""The exchange's rules for symbols, from its public exchangeInfo: needs no key and no trading client."""

from __future__ import annotations

from collections.abc import Iterable

import httpx
import orjson

from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.exchange.rules import SymbolRules
from shared.src.exchange.weights import WeightBudget

TIMEOUT_S = 10.0
WEIGHT = 20
TOO_MANY = frozenset({418, 429})
RETRY_AFTER_S = 10.0


class ExchangeRules:
    """Reads GET /api/v3/exchangeInfo within the shared weight budget."""

    def __init__(
        self, rest_url: str, weights: WeightBudget, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self._client = httpx.AsyncClient(base_url=rest_url, timeout=TIMEOUT_S, transport=transport)
        self._weights = weights

    async def close(self) -> None:
        await self._client.aclose()

    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        """Rules by symbol; all symbols when none is named.

        Raises:
            TransientError: no answer, or the exchange asks us to wait.
            RejectedError: it refuses, for example because a symbol does not exist (-1121).
            ContractError: the answer is not Binance's.
        """
        names = sorted(symbols)
        params = {"symbols": orjson.dumps(names).decode()} if names else {}
        await self._weights.take(WEIGHT)
        try:
            answer = await self._client.get("/api/v3/exchangeInfo", params=params)
        except httpx.HTTPError as error:
            raise TransientError(f"exchangeInfo: {type(error).__name__}") from error
        if answer.status_code in TOO_MANY:
            await self._weights.block(_retry_after_s(answer.headers.get("Retry-After", "")))
            raise TransientError("exchangeInfo: the exchange asks us to wait")
        if answer.status_code >= 500:
            raise TransientError(f"exchangeInfo: HTTP {answer.status_code}")
        try:
            body = orjson.loads(answer.content)
            if answer.is_error:
                raise RejectedError(f"exchangeInfo: {body.get('msg', body)}", code=body.get("code"))
            return {entry["symbol"]: SymbolRules.parse(entry) for entry in body["symbols"]}
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise ContractError(f"exchangeInfo: {error!r}") from error


def _retry_after_s(text: str) -> float:
    try:
        return max(1.0, float(text))
    except ValueError:
        return RETRY_AFTER_S
