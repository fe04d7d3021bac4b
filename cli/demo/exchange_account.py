"""What the exchange itself says about an account, asked as any client would ask: signed REST calls."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx

from cli.exits import missing
from shared.src.http_calls import failure_of

PAGE = 1000
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True)
class AccountClient:
    """A signed client of one account."""

    rest: str
    api_key: str
    secret_key: str

    async def _signed(self, path: str, parameters: dict[str, Any]) -> Any:
        try:
            async with httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False, base_url=self.rest) as client:
                server_ms = (await client.get("/api/v3/time")).raise_for_status().json()["serverTime"]
                query = urlencode(parameters | {"timestamp": server_ms, "recvWindow": 60_000})
                signature = hmac.new(self.secret_key.encode(), query.encode(), hashlib.sha256).hexdigest()
                answer = await client.get(
                    f"{path}?{query}&signature={signature}", headers={"X-MBX-APIKEY": self.api_key}
                )
                return answer.raise_for_status().json()
        except httpx.HTTPError as error:
            failure = missing(f"the exchange did not answer {path}: {failure_of(error)}")
        raise failure  # outside of the handler: the library's error shows the signed address

    async def balances(self) -> dict[str, Decimal]:
        """Free and locked together, by asset; assets of which there is nothing are left out."""
        account = await self._signed("/api/v3/account", {"omitZeroBalances": "true"})
        totals = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in account["balances"]}
        return {asset: total for asset, total in totals.items() if total}

    async def trades(self, symbols: Iterable[str]) -> dict[tuple[str, int], Decimal]:
        """Every fill of the account: (symbol, trade id) and quantity."""
        fills: dict[tuple[str, int], Decimal] = {}
        for symbol in symbols:
            next_id = 0
            while True:
                page = await self._signed("/api/v3/myTrades", {"symbol": symbol, "fromId": next_id, "limit": PAGE})
                for row in page:
                    fills[symbol, int(row["id"])] = Decimal(row["qty"])
                if len(page) < PAGE:
                    break
                next_id = int(page[-1]["id"]) + 1
        return fills
