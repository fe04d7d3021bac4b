"""The market monitors in the analyzer's own process: prices of Redis and of a futures host, seen over REST."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from redis.asyncio import Redis

from analyzer.src.monitors import FUTURES_EVERY_S
from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.market import MarketTick
from shared.src.contracts.topics import KAFKA_TICK, MONITOR_KEY, TICK_KEY
from tests.processes import environment_of, services

pytestmark = pytest.mark.integration

PATIENCE_S = FUTURES_EVERY_S + 60  # a host that did not answer is asked again that late

ROWS = [
    {"symbol": "ETHUSDT", "markPrice": "2000.0", "lastFundingRate": "0.0005"},
    {"symbol": "ETHUSDT_261225", "markPrice": "2030.0", "lastFundingRate": ""},
]


class FuturesHost(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = orjson.dumps(ROWS)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""


@pytest.fixture
def futures_url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), FuturesHost) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols="LINKUSDC,ETHUSDC", interval="1m")


async def quote(redis: Redis, **prices: str) -> None:
    for symbol, price in prices.items():
        sides = {"bid": price, "bid_quantity": "1", "ask": price, "ask_quantity": "1"}
        tick = MarketTick(message_id=symbol, occurred_at=SystemClock().now(), symbol=symbol, update_id=1, **sides)
        await redis.set(TICK_KEY.format(symbol=symbol), KAFKA_TICK.encode(tick))


async def reports(
    environment: dict[str, str], wanted: Callable[[dict[str, Any]], bool], market: Callable[[], Awaitable[None]]
) -> dict[str, Any]:
    """What /monitors says, by monitor, once it says what is wanted; ``market`` goes on meanwhile."""
    headers = {"Authorization": f"Bearer {environment['API_TOKEN']}"}
    url = f"http://127.0.0.1:{environment['ANALYZER_PORT']}/monitors"
    async with httpx.AsyncClient(headers=headers, trust_env=False, timeout=60) as client, asyncio.timeout(PATIENCE_S):
        while True:
            await market()
            found = {entry["monitor"]: entry for entry in (await client.get(url)).json()}
            if found and wanted(found):
                return found
            await asyncio.sleep(0.2)


async def test_every_monitor_sees_what_is_out_of_line_and_none_votes(
    settings: Settings, redis: Redis, tmp_path: Path, futures_url: str
) -> None:
    async def market() -> None:  # an old quote counts for nothing
        await quote(redis, LINKUSDC="10", ETHUSDC="2000", LINKETH="0.00506", USDCUSDT="0.9990")

    environment = environment_of(settings, FUTURES_DATA_URL=futures_url)
    with services(("analyzer",), environment, tmp_path):
        found = await reports(environment, lambda seen: all(one["observations"] for one in seen.values()), market)
        # written just after it can be read over REST
        async with asyncio.timeout(PATIENCE_S):
            while not (raw := await redis.get(MONITOR_KEY)):  # noqa: ASYNC110 - Redis does not call back
                await asyncio.sleep(0.1)
        stored = orjson.loads(raw)
    subjects = {name: [one["subject"] for one in entry["observations"]] for name, entry in found.items()}
    assert subjects == {
        "Triangular_Monitor": ["USDC>LINK>ETH>USDC"],
        "Stablecoin_Monitor": ["USDCUSDT"],
        "Funding_Monitor": ["ETHUSDT"],
        "Calendar_Spread_Monitor": ["ETHUSDT_261225"],
    }
    assert {entry["monitor"] for entry in stored["monitors"]} == set(subjects)


async def test_futures_are_not_asked_for_unless_a_host_is_set(settings: Settings, redis: Redis, tmp_path: Path) -> None:
    environment = environment_of(settings)
    with services(("analyzer",), environment, tmp_path):
        found = await reports(environment, lambda seen: True, lambda: quote(redis))
    assert found["Funding_Monitor"]["state"] == "off: FUTURES_DATA_URL is not set"
    assert (found["Triangular_Monitor"]["watches"], found["Triangular_Monitor"]["observations"]) == (0, [])
