"""Symbols come and go, and order books are served, while the real processes run against the twin."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.contracts.topics import DAY_KEY, DEPTH_KEY, KAFKA_DAY, KAFKA_DEPTH
from shared.src.database import Database
from shared.src.market.symbol_choice import choose_symbols, chosen_symbols
from shared.src.sql import text
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.processes import ServiceProcess, environment_of, services

pytestmark = pytest.mark.integration

ADMIN = {"Authorization": "Bearer a-token-for-tests-only"}
SPEED = 240.0
PAIR = ("gateway", "dispatcher")
HOLES = (
    "SELECT count(*) FROM (SELECT time, lead(time) OVER (ORDER BY time) AS following FROM market_data"
    " WHERE symbol = :symbol AND timeframe = '1m') AS pairs WHERE following <> time + INTERVAL '1 minute'"
)

POSITION = (
    "INSERT INTO trade_cycles (id, symbol, strategy, status, side, demo, created_at, updated_at)"
    " VALUES ('c', 'BTCUSDC', 'test', 'active_sell', 'BUY', true, now(), now())"
)


def put(gateway: ServiceProcess, symbols: list[str], headers: dict[str, str] | None = None) -> httpx.Response:
    return httpx.put(
        f"{gateway.url}/symbols", json={"symbols": symbols}, headers=headers or {}, timeout=60, trust_env=False
    )


def get(gateway: ServiceProcess, path: str) -> httpx.Response:
    return httpx.get(f"{gateway.url}{path}", timeout=60, trust_env=False)


async def minutes(database: Database, symbol: str) -> int:
    async with database.begin() as connection:
        statement = "SELECT count(*) FROM market_data WHERE symbol = :symbol AND timeframe = '1m'"
        return int((await connection.execute(text(statement), {"symbol": symbol})).scalar_one())


async def more_than(database: Database, symbol: str, number: int, timeout_s: float = 60) -> int:
    async with asyncio.timeout(timeout_s):
        while (found := await minutes(database, symbol)) <= number:  # noqa: ASYNC110 - the database does not call back
            await asyncio.sleep(0.1)
    return found


async def until_it_stands_still(database: Database, symbol: str, *, while_passing: str) -> None:
    """Nothing more of ``symbol`` comes while minutes of the other one do; what was on its way may still arrive."""
    async with asyncio.timeout(60):
        while True:
            before = await minutes(database, symbol)
            await more_than(database, while_passing, await minutes(database, while_passing) + 5)
            if await minutes(database, symbol) == before:
                return


async def shown(redis: Redis, key: str) -> bytes:
    """What screens read under ``key``, once it is there."""
    async with asyncio.timeout(60):
        while True:
            raw = await redis.get(key)
            if isinstance(raw, bytes):
                return raw
            await asyncio.sleep(0.1)


def settings_for(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols="BTCUSDC,ETHUSDC", kafka_group_id="symbols")


def environment(settings: Settings, twin: RunningTwin) -> dict[str, str]:
    clock = twin.do("GET", "/clock")
    return environment_of(
        settings,
        SIMULATOR_URL=twin.rest,
        PLATFORM_CLOCK=f"{SPEED}@{clock['market_ms']}@{clock['wall_ms']}",
        WARMUP_CANDLES="100",
        GATEWAY_STREAMS="depth,miniTicker,aggTrade",
    )


async def check_book(gateway: ServiceProcess, redis: Redis, symbol: str) -> None:
    """The book is served, and what it says is on the screens."""
    deadline = time.monotonic() + 60
    while (answer := get(gateway, f"/orderbook/{symbol}?levels=5")).status_code != 200:
        assert answer.status_code == 503
        assert "being rebuilt" in answer.json()["detail"]
        assert time.monotonic() < deadline, answer.text
        await asyncio.sleep(0.2)
    book: dict[str, Any] = answer.json()
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
    depth = KAFKA_DEPTH.decode(await shown(redis, DEPTH_KEY.format(symbol=symbol)))
    assert depth.spread_bps > 0
    assert [band.percent for band in depth.bands] == [Decimal("0.1"), Decimal("0.5"), Decimal(1)]


async def test_symbols_come_and_go_without_a_restart(
    make_settings: Callable[..., Settings], redis: Redis, tmp_path: Path
) -> None:
    settings = settings_for(make_settings)
    database = Database.of(settings, "test")
    with running_twin(tmp_path, "--speed", str(SPEED), "--seed", "7") as twin:
        with services(PAIR, environment(settings, twin), tmp_path) as running:
            gateway = running["gateway"]
            await more_than(database, "BTCUSDC", 100)
            await check_book(gateway, redis, "BTCUSDC")
            assert put(gateway, ["SOLUSDC"]).status_code == 401
            assert put(gateway, ["NONEUSDC"], ADMIN).status_code == 422
            assert put(gateway, ["not a symbol"], ADMIN).status_code == 422
            async with database.begin() as connection:
                await connection.execute(text(POSITION))
            refused = put(gateway, ["ETHUSDC", "SOLUSDC"], ADMIN)
            assert (refused.status_code, "BTCUSDC" in refused.json()["detail"]) == (409, True)
            async with database.begin() as connection:
                await connection.execute(text("UPDATE trade_cycles SET status = 'canceled'"))
            answer = put(gateway, ["ETHUSDC", "SOLUSDC"], ADMIN)
            assert (answer.status_code, answer.json()["wanted"]) == (202, ["ETHUSDC", "SOLUSDC"])
            history = await more_than(database, "SOLUSDC", 90)
            await more_than(database, "SOLUSDC", history + 5)
            await until_it_stands_still(database, "BTCUSDC", while_passing="ETHUSDC")
            assert get(gateway, "/symbols").json()["live"] == ["ETHUSDC", "SOLUSDC"]
            assert get(gateway, "/orderbook/BTCUSDC").status_code == 404
            await check_book(gateway, redis, "SOLUSDC")
            assert KAFKA_DAY.decode(await shown(redis, DAY_KEY.format(symbol="ETHUSDC"))).volume > 0
            routing = running["dispatcher"].diagnostic()["details"]["routing"]
            assert routing["routed"]["newest"] > 0
            assert routing["batches"] > 0
        async with database.begin() as connection:
            for symbol in ("ETHUSDC", "SOLUSDC"):
                assert (await connection.execute(text(HOLES), {"symbol": symbol})).scalar_one() == 0
    await database.close()


async def test_a_choice_outlives_restarts_until_the_setting_itself_is_changed(database: Database) -> None:
    configured = ("BTCUSDC", "ETHUSDC")
    assert await chosen_symbols(database, configured) == configured
    for chosen in (("SOLUSDC",), ("ETHUSDC", "SOLUSDC")):
        await choose_symbols(database, configured, chosen)
        assert await chosen_symbols(database, configured) == chosen
    assert await chosen_symbols(database, ("BTCUSDC", "XRPUSDC")) == ("BTCUSDC", "XRPUSDC")
