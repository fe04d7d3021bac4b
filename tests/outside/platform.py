"""The platform as its owner meets it: the processes of the order path, the exchange and the database.

What is asked here is asked by REST, by SQL and by the exchange's own API. How a position is protected is judged from
the exchange's open orders, not from what the platform says of itself.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import httpx
import psycopg

from tests.integration.simulator.conftest import RunningTwin
from tests.processes import ServiceProcess

TOKEN = "a-token-for-tests-only"
PATIENCE_S = 45.0
LOT = "0.01"
STOPS = {"STOP_LOSS", "STOP_LOSS_LIMIT"}


@dataclass
class Operator:
    """Somebody who trades on the same account by hand, with the same key."""

    twin: RunningTwin
    http: httpx.Client

    def call(self, method: str, path: str, **params: Any) -> Any:
        answer = self.ask(method, path, **params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ask(self, method: str, path: str, **params: Any) -> httpx.Response:
        query = urlencode(params | {"timestamp": int(time.time() * 1000), "recvWindow": 10_000})
        signature = hmac.new(self.twin.secret.encode(), query.encode(), hashlib.sha256).hexdigest()
        url = f"{self.twin.rest}{path}?{query}&signature={signature}"
        return self.http.request(method, url, headers={"X-MBX-APIKEY": self.twin.key})

    def order(self, symbol: str, side: str, kind: str, **params: Any) -> dict[str, Any]:
        return dict(self.call("POST", "/api/v3/order", symbol=symbol, side=side, type=kind, **params))

    def open_orders(self, symbol: str) -> list[dict[str, Any]]:
        return list(self.call("GET", "/api/v3/openOrders", symbol=symbol))

    def held(self, asset: str) -> Decimal:
        balances = self.call("GET", "/api/v3/account")["balances"]
        found = next((row for row in balances if row["asset"] == asset), None)
        return Decimal(found["free"]) + Decimal(found["locked"]) if found else Decimal(0)

    def stops(self, symbol: str) -> Decimal:
        """Base units that open stops of the symbol would sell."""
        selling = (order for order in self.open_orders(symbol) if order["side"] == "SELL" and order["type"] in STOPS)
        # one that waits for its entry in a list stands for nothing yet
        orders = [order for order in selling if order["status"] != "PENDING_NEW"]
        return sum((Decimal(order["origQty"]) - Decimal(order["executedQty"]) for order in orders), Decimal(0))


@dataclass
class Platform:
    """Portfolio, trader and coordinator on a twin in which nothing moves by itself."""

    twin: RunningTwin
    services: dict[str, ServiceProcess]
    operator: Operator
    database: psycopg.Connection[dict[str, Any]]
    http: httpx.Client
    second_trader: Callable[[], ServiceProcess]
    """Makes another trader for the same account and database, not yet started."""

    # The platform's APIs

    def ask(self, service: str, method: str, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        return self.ask_at(self.services[service].url, method, path, body, key=key)

    def ask_at(self, url: str, method: str, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({"Idempotency-Key": key} if key else {})
        return self.http.request(method, f"{url}{path}", json=body, headers=headers)

    def trader(self, method: str, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        return self.ask("trader", method, path, body, key=key)

    def buy(self, symbol: str, quantity: str, **fields: Any) -> httpx.Response:
        return self.trader("POST", "/order", {"symbol": symbol, "side": "BUY", "quantity": quantity} | fields)

    def close(self, symbol: str) -> httpx.Response:
        return self.trader("POST", "/close-position", {"symbol": symbol})

    # What is written down

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        return self.database.execute(sql.encode(), parameters).fetchall()

    def cycle(self, symbol: str) -> dict[str, Any]:
        """The youngest cycle of a symbol."""
        rows = self.rows("SELECT * FROM trade_cycles WHERE symbol = %s ORDER BY created_at DESC LIMIT 1", symbol)
        assert rows, f"no cycle in {symbol}"
        return rows[0]

    def holding(self, symbol: str) -> Decimal:
        """Base units that fills of the youngest cycle left, fees in the base asset taken off."""
        rows = self.rows(
            "SELECT coalesce(sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END"
            " - CASE WHEN %s LIKE fee_asset || '%%' THEN fee ELSE 0 END), 0) AS held"
            " FROM trade_executions WHERE cycle_id = %s",
            symbol,
            self.cycle(symbol)["id"],
        )
        return Decimal(rows[0]["held"])

    # The exchange

    def market(self, symbol: str, bids: list[list[str]], asks: list[list[str]]) -> None:
        self.twin.do("POST", "/liquidity", {"symbol": symbol, "bids": bids, "asks": asks})

    def trade(self, symbol: str, side: str, quantity: str) -> None:
        self.twin.do("POST", "/trades", {"symbol": symbol, "side": side, "quantity": quantity})

    def fault(self, name: str, *, count: int = 1, endpoint: str = "", **params: Any) -> None:
        match = {"endpoint": endpoint} if endpoint else {}
        self.twin.do("POST", "/faults", {"fault": name, "count": count, "match": match, "params": params})

    def position(self, symbol: str, quantity: str = "4", *, lot: str = LOT, **fields: Any) -> dict[str, Any]:
        """Buy by hand, and wait until the exchange holds the stop; ``lot``: step of the symbol's quantities."""
        answer = self.buy(symbol, quantity, **fields)
        assert answer.status_code == 201, answer.text
        eventually(lambda: self.is_protected(symbol, lot), f"{symbol} is protected")
        return self.cycle(symbol)

    def is_protected(self, symbol: str, lot: str = LOT) -> bool:
        """Whether open stops cover what the youngest cycle holds, but for less than a lot."""
        held = self.holding(symbol)
        return held > 0 and self.operator.stops(symbol) > held - Decimal(lot)

    def is_flat(self, symbol: str) -> bool:
        return self.cycle(symbol)["status"] == "completed" and self.holding(symbol) < Decimal("0.01")


def eventually(condition: Callable[[], Any], what: str, seconds: float = PATIENCE_S) -> None:
    """Wait for what must come to be."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"within {seconds} s this did not come to be: {what}"
        time.sleep(0.1)


def always(condition: Callable[[], Any], what: str, seconds: float) -> None:
    """Watch what must stay true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert condition(), f"this did not stay true: {what}"
        time.sleep(0.2)


def longest_without(condition: Callable[[], Any], until: Callable[[], Any], seconds: float = PATIENCE_S) -> float:
    """The longest time in seconds for which a condition was not seen to hold, up to when ``until`` holds."""
    end = time.monotonic() + seconds
    last, longest = time.monotonic(), 0.0
    while not until():
        assert time.monotonic() < end, "it did not come to its end"
        if condition():
            last = time.monotonic()
        longest = max(longest, time.monotonic() - last)
        time.sleep(0.05)
    return longest
