"""Every documented key of a fixture, alone and together, the way that users start a twin with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.integration.simulator.conftest import STILL, RunningTwin, running_twin

MINUTE_MS = 60_000
START_MS = 1_767_225_600_000


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningTwin]:
    with running_twin(tmp_path_factory.mktemp("fixtures"), fixture=STILL) as twin:
        yield twin


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hours of recorded minutes, as Binance's archive writes them, an hour before and after the fixture's start."""
    path = tmp_path_factory.mktemp("recorded") / "BTCUSDT-1m.csv"
    rows = []
    for minute in range(-60, 60):
        opened, price = START_MS + minute * MINUTE_MS, 50_000 + minute
        values = (opened, price, price + 5, price - 5, price + 1, 2, opened + MINUTE_MS - 1, 2 * price, 4, 1, price, 0)
        rows.append(",".join(str(value) for value in values))
    path.write_text("\n".join(rows) + "\n")
    return path


CLOCKS: dict[str, dict[str, Any]] = {
    "real": {"mode": "real"},
    "accelerated": {"mode": "accelerated", "speed": 60, "start": "2026-01-01T00:00:00Z"},
    "stepped": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(("kind", "clock"), list(product(["still", "synthetic", "replay"], CLOCKS)))
def test_every_market_runs_on_every_clock(process: RunningTwin, recorded: Path, kind: str, clock: str) -> None:
    market: dict[str, Any] = {"kind": kind}
    if kind == "replay":
        market["files"] = {"BTCUSDT": str(recorded)}
    process.reset({**STILL, "seed": 11, "clock": CLOCKS[clock], "market": market})
    before = process.get("/api/v3/time")["serverTime"]
    if clock == "real":
        assert abs(before - time.time() * 1000) < 5_000
    else:
        assert START_MS <= before < START_MS + (1 if clock == "stepped" else 30 * MINUTE_MS)
    if clock == "stepped":
        process.do("POST", "/clock", {"advance_ms": 3 * MINUTE_MS})
        assert process.get("/api/v3/time")["serverTime"] == before + 3 * MINUTE_MS
        candles = process.get("/api/v3/klines", symbol="BTCUSDT", interval="1m", startTime=before, limit=3)
        assert [row[0] for row in candles] == [before, before + MINUTE_MS, before + 2 * MINUTE_MS]
        assert all((row[8] > 0) == (kind != "still") for row in candles)
        if kind == "replay":
            assert [float(row[4]) for row in candles] == [50_001, 50_002, 50_003]
    assert process.do("GET", "/audit")["ok"]
    book = process.get("/api/v3/depth", symbol="BTCUSDT", limit=5)
    assert book["bids"]
    assert book["asks"]


def test_the_default_symbols_are_the_platforms_22(process: RunningTwin) -> None:
    process.reset({"symbols": "default", "clock": {"mode": "stepped"}})
    symbols = process.get("/api/v3/exchangeInfo")["symbols"]
    assert len(symbols) == 22
    assert {entry["quoteAsset"] for entry in symbols} == {"USDC"}
    filters = {entry["filterType"] for entry in symbols[0]["filters"]}
    assert {"PRICE_FILTER", "LOT_SIZE", "NOTIONAL", "MAX_NUM_ORDERS", "PERCENT_PRICE_BY_SIDE"} <= filters


def test_limits_and_keys_are_those_of_the_fixture(process: RunningTwin) -> None:
    key, secret = "K" * 64, "S" * 64
    accounts = [
        {
            "name": "own",
            "balances": {"USDT": "10"},
            "api_key": key,
            "secret_key": secret,
            "maker": "0",
            "taker": "0.01",
        },
        *({"name": kind, "key_type": kind} for kind in ("HMAC", "RSA", "ED25519")),
    ]
    process.reset({**STILL, "accounts": accounts, "limits": {"weight_1m": 77, "orders_10s": 5, "orders_1d": 9}})
    limits = process.get("/api/v3/exchangeInfo")["rateLimits"]
    assert [(row["rateLimitType"], row["interval"], row["limit"]) for row in limits] == [
        ("REQUEST_WEIGHT", "MINUTE", 77), ("ORDERS", "SECOND", 5), ("ORDERS", "DAY", 9),
        ("RAW_REQUESTS", "MINUTE", 300_000),
    ]  # fmt: skip
    assert [entry["key_type"] for entry in process.accounts] == ["HMAC", "HMAC", "RSA", "ED25519"]
    assert (process.accounts[0]["api_key"], process.accounts[0]["secret_key"]) == (key, secret)
    assert all("PRIVATE KEY" in entry["secret_key"] for entry in process.accounts[2:])


def test_the_same_seed_gives_the_same_keys_and_the_same_market(process: RunningTwin) -> None:
    market = {"kind": "synthetic", "history_minutes": 60}
    fixture = {"symbols": "default", "clock": CLOCKS["stepped"], "market": market, "accounts": [{"name": "a"}]}

    def run(seed: int) -> tuple[Any, Any]:
        process.reset({**fixture, "seed": seed})
        process.do("POST", "/clock", {"advance_ms": 5 * MINUTE_MS})
        return process.accounts, process.get("/api/v3/klines", symbol="SOLUSDC", interval="1m", limit=20)

    assert run(3) == run(3)
    assert run(3) != run(4)
