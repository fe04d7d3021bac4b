"""Every read of the dashboard, composed as `main` composes it, on a seeded database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from shared.memory.bus import InMemoryBus
from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.database import Database
from tests.browser.seeding import seed
from visualization.src.adapters.postgres_market import PostgresMarketReads
from visualization.src.adapters.postgres_performance import PostgresPerformanceReads
from visualization.src.adapters.postgres_system import PostgresSystemReads
from visualization.src.adapters.postgres_trading import PostgresTradingReads
from visualization.src.composition import compose

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 4, 14, 0, tzinfo=UTC)


async def healthy() -> dict[str, Any]:
    return {"status": "healthy", "dependencies": {}}


def answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json={"status": "healthy", "dependencies": {}})


@pytest.fixture
async def dashboard(settings: Settings, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    """A browser's view of the seeded platform, whose other services answer that they are well."""
    await seed(database, NOW)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as others:
        service = compose(
            settings=settings,
            bus=InMemoryBus(),
            clock=ManualClock(NOW),
            client=others,
            market=PostgresMarketReads(database),
            trading=PostgresTradingReads(database),
            performance=PostgresPerformanceReads(database),
            system=PostgresSystemReads(database),
            report=healthy,
        )
        app = FastAPI()
        for router in service.routers:
            app.include_router(router)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard") as client:
            yield client


async def test_every_read_answers(dashboard: httpx.AsyncClient) -> None:
    document = (await dashboard.get("/openapi.json")).json()
    paths = [path for path, calls in document["paths"].items() if "get" in calls and path.startswith("/api/")]
    reads = [path.format(symbol="BTCUSDC") for path in paths if "{" not in path or path.endswith("{symbol}")]
    answers = {path: (await dashboard.get(path)).status_code for path in reads}
    assert len(answers) > 15
    assert {path: status for path, status in answers.items() if status != 200} == {}
