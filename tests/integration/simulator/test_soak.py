"""Many clients at once against a market that moves: events, answers and the exchange's own books agree to the last
digit."""

from __future__ import annotations

import asyncio
import random
from decimal import Decimal
from typing import Any

from tests.integration.simulator.conftest import RunningTwin
from tests.integration.simulator.test_ws_api import Api, api

SYMBOLS = ("BTCUSDC", "ETHUSDC", "SOLUSDC")
ROUNDS = 25
FIXTURE: dict[str, Any] = {
    "seed": 21,
    "clock": {"mode": "accelerated", "speed": 120},
    "market": {"kind": "synthetic", "history_minutes": 60},
    "symbols": "default",
    "accounts": [
        {"name": name, "balances": {"USDC": "1000000", "BTC": "2", "ETH": "50", "SOL": "900"}}
        for name in ("ann", "ben", "cia")
    ],
    "limits": {"orders_10s": 100_000},
}


class Ledger:
    """What a client knows from events alone."""

    def __init__(self, balances: list[dict[str, str]]) -> None:
        self.total = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in balances}
        self.told: dict[str, Decimal] = {}
        self.trades: set[tuple[str, int, int]] = set()
        self.doubled = 0

    def take(self, event: dict[str, Any]) -> None:
        if event["e"] == "outboundAccountPosition":
            self.told.update({row["a"]: Decimal(row["f"]) + Decimal(row["l"]) for row in event["B"]})
        if event["e"] != "executionReport" or event["x"] != "TRADE":
            return
        trade = (event["s"], event["t"], event["i"])
        self.doubled += trade in self.trades
        self.trades.add(trade)
        base, quote = event["s"].removesuffix("USDC"), "USDC"
        sign = 1 if event["S"] == "BUY" else -1
        self.total[base] += sign * Decimal(event["l"])
        self.total[quote] -= sign * Decimal(event["Y"])
        self.total[event["N"]] -= Decimal(event["n"])


async def some_order(client: Api, rng: random.Random, prices: dict[str, Decimal]) -> dict[str, Any]:
    symbol = rng.choice(SYMBOLS)
    side = rng.choice(("BUY", "SELL"))
    price = prices[symbol]
    quantity = format((Decimal(rng.randint(20, 400)) / price).quantize(Decimal("0.001")) + Decimal("0.001"), "f")
    order = {"symbol": symbol, "side": side, "quantity": quantity}
    kind = rng.choice(("MARKET", "LIMIT", "IOC", "STOP", "OCO"))
    near = price * (1 + Decimal(rng.randint(-30, 30)) / 10_000)
    if kind == "MARKET":
        return await client.signed("order.place", {**order, "type": "MARKET"})
    if kind in ("LIMIT", "IOC"):
        tif = "GTC" if kind == "LIMIT" else "IOC"
        return await client.signed(
            "order.place", {**order, "type": "LIMIT", "timeInForce": tif, "price": f"{near:.2f}"}
        )
    sign = 1 if side == "BUY" else -1
    stop = f"{price * (1 + sign * Decimal('0.003')):.2f}"
    if kind == "STOP":
        return await client.signed("order.place", {**order, "type": "STOP_LOSS", "stopPrice": stop})
    take = f"{price * (1 - sign * Decimal('0.003')):.2f}"
    above, below = ("STOP_LOSS", "LIMIT_MAKER") if side == "BUY" else ("LIMIT_MAKER", "STOP_LOSS")
    legs = {
        "aboveType": above,
        "belowType": below,
        ("aboveStopPrice" if side == "BUY" else "abovePrice"): stop if side == "BUY" else take,
        ("belowPrice" if side == "BUY" else "belowStopPrice"): take if side == "BUY" else stop,
    }
    return await client.signed("orderList.place.oco", {**order, **legs})


async def trade(twin: RunningTwin, name: str, seed: int) -> tuple[int, int]:
    """Trade for a while; answers (fills, refusals)."""
    rng = random.Random(seed)
    refused = 0
    async with api(twin, name) as client:
        await client.signed("userDataStream.subscribe.signature")
        ledger = Ledger((await client.signed("account.status"))["result"]["balances"])
        for number in range(ROUNDS):
            ticker = await client.call("ticker.price", {"symbols": list(SYMBOLS)})
            prices = {row["symbol"]: Decimal(row["price"]) for row in ticker["result"]}
            answer = await some_order(client, rng, prices)
            refused += answer["status"] != 200
            if number % 6 == 5:
                await client.signed("openOrders.cancelAll", {"symbol": rng.choice(SYMBOLS)})
            await asyncio.sleep(0.02)
        for symbol in SYMBOLS:
            await client.signed("openOrders.cancelAll", {"symbol": symbol})
        account = (await client.signed("account.status"))["result"]["balances"]
        while client.events:
            ledger.take(client.events.pop(0)["event"])
        at_last = {row["asset"]: Decimal(row["free"]) + Decimal(row["locked"]) for row in account}
        assert ledger.doubled == 0
        assert {asset: ledger.total[asset] for asset in at_last} == at_last
        # the asset of commissions is told, held or not
        assert ledger.told == {asset: at_last.get(asset, Decimal(0)) for asset in ledger.told}
        known = set()
        for symbol in SYMBOLS:
            rows = (await client.signed("myTrades", {"symbol": symbol, "limit": 1000}))["result"]
            known |= {(row["symbol"], row["id"], row["orderId"]) for row in rows}
        assert known == ledger.trades
        return len(known), refused


async def test_what_clients_hear_is_what_they_have(still_process: RunningTwin) -> None:
    still_process.reset(FIXTURE)

    results = await asyncio.gather(
        *(trade(still_process, name, seed) for seed, name in enumerate(("ann", "ben", "cia")))
    )

    audit = still_process.do("GET", "/audit")
    assert audit["ok"], audit["problems"]
    assert sum(fills for fills, _ in results) > 20
