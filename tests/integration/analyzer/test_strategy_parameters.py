"""Parameters of strategies through the analyzer's own process: REST, bounds, scopes, the command line, no restart."""

from __future__ import annotations

import asyncio
import getpass
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner

from cli.main import app
from shared.src.config import Settings
from shared.src.contracts.market import FeatureFrame
from shared.src.contracts.signals import Vote
from shared.src.contracts.topics import FEATURES, VOTES
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.frame.auth import Scope, create_token
from shared.src.redis_client import RedisBus
from tests.processes import environment_of, services
from tests.streams import length_of, messages_of
from tests.unit.analyzer.test_parameters import BAR, GUIDE

pytestmark = pytest.mark.integration

START = 1_760_000_040_000
ROUTE = "/strategies/RSI_Strategy"


@pytest.fixture
def settings(make_settings: Callable[..., Settings]) -> Settings:
    return make_settings(trading_symbols="BTCUSDC", interval="1m")


@asynccontextmanager
async def analyzer(environment: dict[str, str], folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    with services(("analyzer",), environment, folder):
        headers = {"Authorization": f"Bearer {environment['API_TOKEN']}"}
        url = f"http://127.0.0.1:{environment['ANALYZER_PORT']}"
        async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=60) as client:
            yield client


class Bars:
    """Publishes bars and waits for the votes on them."""

    def __init__(self, bus: RedisBus, redis: Redis) -> None:
        self._bus, self._redis, self._bar = bus, redis, 0

    async def votes(self, rsi: float) -> list[Vote]:
        self._bar += 1
        time = START + self._bar * 60_000
        frame = FeatureFrame(
            message_id=f"features:BTCUSDC:1m:{time}",
            correlation_id="test",
            occurred_at=from_ms(time + 60_000),
            symbol="BTCUSDC",
            timeframe=Timeframe.M1,
            time=time,
            close_time=time + 59_999,
            values=BAR | {"rsi_user": rsi},
        )
        await self._bus.publish_many(FEATURES, [frame])
        async with asyncio.timeout(60):
            while await length_of(self._redis, VOTES) < self._bar:  # noqa: ASYNC110 - the stream does not call back
                await asyncio.sleep(0.02)
        message = (await messages_of(self._redis, VOTES))[-1]
        assert message.time == time
        return [vote for vote in message.votes if vote.strategy == "RSI_Strategy"]


async def test_a_parameter_set_over_rest_decides_the_next_bar(
    settings: Settings, database: Database, redis: Redis, bus: RedisBus, tmp_path: Path
) -> None:
    _, reader = await create_token(database, name="reader", scope=Scope.READ)
    bars = Bars(bus, redis)
    async with analyzer(environment_of(settings), tmp_path) as client:
        assert [one["name"] for one in (await client.get("/strategies")).json()].count("RSI_Strategy") == 1
        await bars.votes(40.0)
        assert await bars.votes(33.0) == []
        wanted = {"parameters": {"oversold": 35.0}}
        reading = {"Authorization": f"Bearer {reader}"}
        assert (await client.get(ROUTE, headers={"Authorization": ""})).status_code == 401
        assert (await client.get(ROUTE, headers=reading)).status_code == 200
        assert (await client.put(ROUTE, headers=reading, json=wanted)).status_code == 403
        assert (await client.put("/strategies/Nobody", json=wanted)).status_code == 404
        for refused, reason in (
            ({"oversold": 4.0}, "oversold must be between 5 and 45"),
            ({"speed": 4.0}, "has no option speed"),
        ):
            answer = await client.put(ROUTE, json={"parameters": refused})
            assert answer.status_code == 422
            assert reason in answer.text
        answer = await client.put(ROUTE, json=wanted)
        assert answer.status_code == 200
        (oversold,) = [one for one in answer.json()["parameters"] if one["name"] == "oversold"]
        assert (oversold["value"], oversold["source"]) == (35.0, "database")
        assert [change["author"] for change in answer.json()["changes"]] == ["environment"]
        await bars.votes(40.0)
        (vote,) = await bars.votes(33.0)
        assert vote.numbers["parameter_oversold"] == 35.0
        given_back = await client.put(ROUTE, json={"parameters": {"oversold": None}})
        assert [change["parameters"] for change in given_back.json()["changes"]] == [{}, {"oversold": 35.0}]


async def test_a_parameter_set_on_the_command_line_reaches_a_running_analyzer_and_the_next_one(
    settings: Settings, redis: Redis, bus: RedisBus, tmp_path: Path
) -> None:
    environment, bars = environment_of(settings), Bars(bus, redis)

    def command(*arguments: str) -> Any:
        options = ("strategy", *arguments, "--data-dir", str(tmp_path / "none"))
        return CliRunner().invoke(app, options, env=environment)

    refused = await asyncio.to_thread(command, "set", "RSI_Strategy", "oversold=50")
    assert refused.exit_code == 2
    assert "between 5 and 45" in refused.output
    async with analyzer(environment, tmp_path) as client:
        done = await asyncio.to_thread(command, "set", "RSI_Strategy", "oversold=35")
        assert done.exit_code == 0, done.output
        async with asyncio.timeout(60):
            while "database" not in (await client.get(ROUTE)).text:  # noqa: ASYNC110 - the service looks by itself
                await asyncio.sleep(0.1)
        await bars.votes(40.0)
        assert len(await bars.votes(33.0)) == 1
    async with analyzer(environment, tmp_path):
        await bars.votes(40.0)
        assert len(await bars.votes(33.0)) == 1
    shown = await asyncio.to_thread(command, "show", "RSI_Strategy")
    assert f"cli:{getpass.getuser()}" in shown.output
    assert "5 to 45, default 30" in shown.output


async def test_a_users_folder_is_loaded_beside_the_built_in_one_and_a_broken_file_is_named(
    settings: Settings, redis: Redis, tmp_path: Path
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "bollinger_bands.py").write_text(GUIDE.read_text())
    (folder / "broken.py").write_text("def broken(:\n")
    async with analyzer(environment_of(settings, STRATEGIES_DIR=str(folder)), tmp_path) as client:
        listed = {one["name"]: one for one in (await client.get("/strategies")).json()}
        refused = (await client.get("/diagnostic")).json()["details"]["refused"]
    assert len(listed) > 35
    assert listed["Bollinger_Bands"]["family"] == "user"
    assert refused == ["broken.py: SyntaxError: invalid syntax (broken.py, line 1)"]
