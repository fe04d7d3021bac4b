"""The summary of a demo (commands.md, section 3): what happened, and whether it adds up to the last digit."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from cli.demo.exchange_account import AccountClient
from cli.demo.run_facts import RunFacts
from cli.process.ports import HOST
from shared.src.domain.clock import Clock
from shared.src.domain.money import wire

SETTLE_S_MAX = 20.0
CONFIRMATIONS_S = 0.4


@dataclass(frozen=True, slots=True)
class Times:
    """How long the demo ran, how long it took to start (wall seconds), and when its market began."""

    duration_s: float
    startup_s: float
    market_start: datetime
    speed: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The ledger against the exchange, and our fills against its fills."""

    differences: list[dict[str, str]]
    lost_fills: int
    doubled_fills: int


def differences(ledger: Mapping[str, Decimal], exchange: Mapping[str, Decimal]) -> list[dict[str, str]]:
    """Every asset on which the two do not agree, however small the difference."""
    found = []
    for asset in sorted({*ledger, *exchange}):
        ours, theirs = ledger.get(asset, Decimal(0)), exchange.get(asset, Decimal(0))
        if ours != theirs:
            found.append(
                {
                    "asset": asset,
                    "ledger": wire(ours),
                    "exchange": wire(theirs),
                    "difference": wire(ours - theirs),
                }
            )
    return found


async def compare(facts: RunFacts, account: AccountClient) -> Comparison:
    """One comparison, on a moment in which the exchange's balances stood still."""
    before = await account.balances()
    ledger = await facts.ledger()
    ours = await facts.fills()
    theirs = await account.trades(await facts.symbols())
    after = await account.balances()
    found = differences(ledger, after if after == before else before)
    lost = sum(1 for fill, quantity in theirs.items() if ours.get(fill) != quantity)
    return Comparison(found, lost_fills=lost, doubled_fills=sum(1 for fill in ours if fill not in theirs))


async def settle(facts: RunFacts, account: AccountClient, clock: Clock) -> Comparison:
    """Let what is under way arrive, then compare; the market goes on, so a moving moment is looked at again."""
    deadline = clock.monotonic() + SETTLE_S_MAX
    while True:
        comparison = await compare(facts, account)
        agrees = not comparison.differences and not comparison.lost_fills and not comparison.doubled_fills
        if (agrees and await facts.unsettled() == 0) or clock.monotonic() > deadline:
            return comparison
        await clock.sleep(CONFIRMATIONS_S)


class MarketMessages:
    """Market messages that the gateway passed on, by its own count, which begins anew when it is restarted."""

    def __init__(self, gateway_port: int) -> None:
        self._port = gateway_port
        self._before = 0.0
        self._last = 0.0

    async def total(self) -> int:
        """The count so far; asked now and then, it misses at most what a crash took between two questions."""
        now = await metric_total(self._port, "roottrading_messages_out")
        if now < self._last:
            self._before += self._last
        self._last = now
        return int(self._before + now)


async def metric_total(port: int, name: str) -> float:
    """The sum of a counter over its labels; 0 when the service does not answer."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            text = (await client.get(f"http://{HOST}:{port}/metrics")).text
    except httpx.HTTPError:
        return 0.0
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{name}_total"
    )


async def pause_entries(port: int, token: str) -> bool:
    """Tell the trader to open nothing new; positions stay protected. False when it did not take the request."""
    try:
        async with httpx.AsyncClient(timeout=5, trust_env=False) as client:
            answer = await client.post(
                f"http://{HOST}:{port}/config/pause",
                headers={"Authorization": f"Bearer {token}"},
                json={"reason": "the demo ends"},
            )
    except httpx.HTTPError:
        return False
    return answer.is_success


async def summarise(
    *,
    facts: RunFacts,
    comparison: Comparison,
    status: Mapping[str, Any],
    market_messages: int,
    times: Times,
    quote_asset: str,
    dashboard_url: str,
) -> dict[str, Any]:
    """The summary document."""
    counts, latency, unprotected, gaps, doubles = await asyncio.gather(
        facts.counts(times.market_start),
        facts.latency_s(),
        facts.unprotected_s(),
        facts.gaps(),
        facts.doubles(),
    )
    parts = {
        name: {key: part[key] for key in ("healthy", "port", "rss_bytes", "restarts")}
        for name, part in status["services"].items()
    }
    duplicates = doubles + comparison.doubled_fills
    equal = not comparison.differences and comparison.lost_fills == 0
    healthy = all(part["healthy"] for part in parts.values())
    sound = equal and duplicates == 0 and gaps == 0 and counts["dead_letters"] == 0
    return {
        "ok": healthy and sound,
        "duration_s": round(times.duration_s, 1),
        "startup_s": times.startup_s,
        "dashboard_url": dashboard_url,
        "services": parts,
        "market_messages": market_messages,
        "candles_closed": counts["candles_closed"],
        "signals": counts["signals"],
        "decisions": counts["decisions"],
        "orders": counts["orders"],
        "fills": counts["fills"],
        "cycles": {name: counts[f"cycles_{name}"] for name in ("opened", "completed", "failed")},
        "pnl_net": wire(counts["pnl_net"]),
        "fees": wire(counts["fees"]),
        "slippage": wire(counts["slippage"]),
        "equity": _money(counts["equity"]),
        "return_percent": _money(counts["return_percent"]),
        "quote_asset": quote_asset,
        "latency_ms": {"candle_to_order": _latency_ms(latency, times.speed)},
        "unprotected_s": {name: _rounded(unprotected[name], 3) for name in ("p50", "max")},
        "dead_letters": counts["dead_letters"],
        "ledger_equals_exchange": equal,
        "differences": comparison.differences,
        "lost_fills": comparison.lost_fills,
        "duplicates": duplicates,
        "gaps": gaps,
        "rss_bytes_total": sum(part["rss_bytes"] for part in parts.values()),
    }


def _money(amount: Decimal | None) -> str | None:
    return None if amount is None else wire(amount)


def _latency_ms(latency: Mapping[str, Any], speed: float) -> dict[str, Any]:
    in_wall_ms = {name: _rounded(latency[name], 6) for name in ("p50", "p99")}
    return {
        **{name: None if value is None else round(value / speed * 1000, 1) for name, value in in_wall_ms.items()},
        "n": latency["n"],
    }


def _rounded(value: Any, digits: int) -> float | None:
    return None if value is None else round(float(value), digits)
