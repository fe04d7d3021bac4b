"""The pockets of the account, kept by the portfolio: an order by hand is paid from one of them."""

from __future__ import annotations

from decimal import Decimal

import httpx

from shared.src.contracts.portfolio import ReservationRequest
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.http_calls import call_service

TIMEOUT_S = 2.0
# How long a reservation waits for its order: the entry is judged and written down right after it.
LIFETIME_S = 60
NOT_ADMITTED = frozenset({401, 403})


class PortfolioPockets:
    """Implements ``trader.src.ports.PocketFunds`` over HTTP. Safe to repeat: a lease belongs to its intent."""

    def __init__(self, url: str, token: str, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False, transport=transport
        )

    async def close(self) -> None:
        await self._client.aclose()

    async def reserve(self, intent_id: str, *, pocket: str, amount: Decimal) -> None:
        body = ReservationRequest(intent_id=intent_id, pocket=pocket, amount=amount).model_dump(mode="json")
        body["ttl_s"] = LIFETIME_S
        try:
            await call_service(self._client, "POST", "/pockets/reserve", who="portfolio", body=body)
        except RejectedError as error:
            if error.code in NOT_ADMITTED:
                raise TransientError("the portfolio does not accept this trader's token: set API_TOKEN") from error
            raise
