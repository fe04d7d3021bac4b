"""The dashboard in a browser: built, served by the real service, on a seeded database."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

from cli.setup import dashboard_build
from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import KAFKA_CANDLE, market_channel
from shared.src.database import Database
from shared.src.domain.candles import Candle
from shared.src.domain.clock import to_ms
from shared.src.redis_client import RedisBus
from tests.browser.chromium import ARGUMENTS, find_chromium
from tests.browser.neighbours import Neighbours, neighbours
from tests.browser.seeding import SYMBOLS, Seeded, seed

PROJECT_ROOT = Path(__file__).resolve().parent.parent.parent
ARTIFACTS = PROJECT_ROOT / "artifacts"
START_S_MAX = 90
NOW = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)

# Patience, not a measure: a busy machine may take this long to paint what is already true.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def built_pages() -> None:
    """The dashboard, built from its sources."""
    if not dashboard_build.is_fresh():
        dashboard_build.build(say=lambda _: None)


@pytest.fixture(scope="session")
def chromium() -> str:
    return find_chromium()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield browser
        await browser.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page as wide as a desktop; what the page complains about fails the test."""
    context = await browser.new_context(viewport={"width": 1600, "height": 1000})
    context.set_default_timeout(PATIENCE_MS)
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    await context.close()
    assert not complaints, complaints


@dataclass
class Dashboard:
    """A served dashboard, what it shows, and what changes that."""

    url: str
    seeded: Seeded
    neighbours: Neighbours
    bus: RedisBus
    database: Database

    async def publish(self, candle: Candle, *, is_closed: bool = False) -> None:
        """Send a live candle, as the dispatcher does."""
        shown = Candle(**{name: getattr(candle, name) for name in candle.__slots__} | {"is_closed": is_closed})
        message = CandleMessage.of(shown, source="test", occurred_at_ms=candle.time)
        await self.bus.notify(market_channel(candle.symbol), KAFKA_CANDLE.encode(message))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def environment_of(settings: Settings, extra: dict[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", ""),
        "PYTHONPATH": str(PROJECT_ROOT),
        "PGHOST": settings.pghost,
        "PGPORT": str(settings.pgport),
        "PGUSER": settings.pguser,
        "PGPASSWORD": settings.pgpassword.get_secret_value(),
        "PGDATABASE": settings.pgdatabase,
        "REDIS_HOST": settings.redis_host,
        "REDIS_PORT": str(settings.redis_port),
        "REDIS_PASSWORD": settings.redis_password.get_secret_value(),
        "TRADING_SYMBOLS": ",".join(SYMBOLS),
    } | extra


@contextlib.asynccontextmanager
async def served(settings: Settings, ports: dict[str, int]) -> AsyncIterator[str]:
    """The visualization service as a process of its own; answers its address."""
    port, log = free_port(), io.StringIO()
    wall_ms = SystemClock().now_ms()
    extra = {f"{name.upper()}_PORT": str(number) for name, number in ports.items()} | {
        "VISUALIZATION_PORT": str(port),
        "PLATFORM_CLOCK": f"60@{to_ms(NOW)}@{wall_ms}",
        "SIMULATOR_URL": "http://127.0.0.1:9",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "visualization.src.main",
        env=environment_of(settings, extra),
        cwd=PROJECT_ROOT,
        stderr=asyncio.subprocess.PIPE,
    )
    reading = asyncio.create_task(_keep(process.stderr, log))
    try:
        url = f"http://127.0.0.1:{port}"
        await _until_up(url, process, log)
        yield url
    finally:
        process.terminate()
        code = await asyncio.wait_for(process.wait(), 60)
        await reading
        assert code == 0, log.getvalue()


async def _keep(stream: asyncio.StreamReader | None, log: io.StringIO) -> None:
    assert stream is not None
    async for line in stream:
        log.write(line.decode())


async def _until_up(url: str, process: asyncio.subprocess.Process, log: io.StringIO) -> None:
    async with httpx.AsyncClient(trust_env=False) as client:
        for _ in range(START_S_MAX * 10):
            assert process.returncode is None, log.getvalue()
            with contextlib.suppress(httpx.TransportError):
                if (await client.get(f"{url}/health")).status_code == 200:
                    return
            await asyncio.sleep(0.1)
    raise AssertionError("the service did not come up:\n" + log.getvalue())


@pytest.fixture
async def dashboard(
    built_pages: None, make_settings: Callable[..., Settings], bus: RedisBus
) -> AsyncIterator[Dashboard]:
    """The dashboard on twelve hours of seeded history."""
    settings = make_settings()
    database = Database.of(settings, "test")
    seeded = await seed(database, NOW)
    async with neighbours(database) as others, served(settings, others.ports) as url:
        yield Dashboard(url, seeded, others, bus, database)
    await database.close()
