"""The portfolio over HTTP: asks for funds. Safe to repeat: a lease belongs to its intent id."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import httpx

from coordinator.src.circuit_breaker import CircuitBreaker
from core.risk.funding import Denied, Granted
from shared.src.contracts.portfolio import ReservationRequest, ReservationsRequest
from shared.src.domain.clock import Clock
from shared.src.http_calls import call_service, exchange

TIMEOUT_S = 2.0


class PortfolioClient:
    """Reserves funds at the portfolio, behind a circuit breaker and a timeout."""

    def __init__(
        self, url: str, token: str, clock: Clock, *, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=TIMEOUT_S, trust_env=False, transport=transport
        )
        self.breaker = CircuitBreaker("portfolio", clock)

    async def close(self) -> None:
        await self._client.aclose()

    async def reserve(self, wanted: Sequence[ReservationRequest], *, ttl_s: float) -> list[Granted | Denied]:
        """Ask for funds for several intents at once; the answers, in order, end with the first denial.

        An earlier lease of the same intent comes back as it is.

        Raises:
            TransientError: the portfolio does not answer, or the circuit is open.
            RejectedError: the request is wrong or the token is not accepted; repeating does not help.
        """
        body = ReservationsRequest(wanted=tuple(wanted), ttl_s=ttl_s).model_dump(mode="json")
        answer = await self.breaker.call(lambda: self._post("/pockets/reservations", body))
        return [
            Denied(str(result["refused"])) if "refused" in result else Granted(Decimal(result["amount"]))
            for result in answer["results"]
        ]

    async def probe(self) -> str:
        """For /health: whether the portfolio answers.

        Raises:
            TransientError: it does not.
        """
        await exchange(self._client, "GET", "/metrics", who="portfolio")
        return f"circuit {self.breaker.state.value}"

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return await call_service(self._client, "POST", path, who="portfolio", body=body)
