"""The dashboard of the running demo: a candle moves, a trade appears, every service is well."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ARTIFACTS
from tests.demo import RunningDemo

pytestmark = [pytest.mark.browser, pytest.mark.timeout(500)]

TRADE_MS_MAX = 120_000
MOVE_MS_MAX = 60_000


@contextlib.asynccontextmanager
async def running_demo(data: Path) -> AsyncIterator[str]:
    """The address of the dashboard of a demo that ends with the block."""
    demo = RunningDemo(data, "--duration", "420", "--seed", "7")
    await asyncio.to_thread(demo.__enter__)
    try:
        yield str((await asyncio.to_thread(demo.service, "visualization"))["url"])
    finally:
        await asyncio.to_thread(demo.__exit__)


async def test_the_demo_moves_and_trades_on_screen(built_pages: None, page: Page, tmp_path: Path) -> None:
    async with running_demo(tmp_path / "data") as url:
        await page.goto(url)
        await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
        await expect(page.get_by_test_id("mode")).to_have_text("Demo")
        for service in await page.get_by_test_id("services").locator("[data-healthy]").all():
            await expect(service).to_have_attribute("data-healthy", "true", timeout=MOVE_MS_MAX)

        chart = page.get_by_test_id("chart")
        await expect(chart).not_to_have_attribute("data-last-time", "", timeout=MOVE_MS_MAX)
        time, close = await chart.get_attribute("data-last-time"), await chart.get_attribute("data-last-close")
        await expect(chart).not_to_have_attribute("data-last-close", str(close), timeout=MOVE_MS_MAX)
        await expect(chart).not_to_have_attribute("data-last-time", str(time), timeout=MOVE_MS_MAX)

        await page.get_by_test_id("tab-trades").click()
        rows = page.get_by_test_id("trades").locator("tbody tr")
        before = await rows.count()
        await expect(rows).not_to_have_count(before, timeout=TRADE_MS_MAX)

        await rows.first.get_by_role("button").click()
        await expect(chart).not_to_have_attribute("data-markers", "0", timeout=MOVE_MS_MAX)
        await page.get_by_test_id("tab-open").click()
        ARTIFACTS.mkdir(exist_ok=True)
        await page.screenshot(path=ARTIFACTS / "dashboard.png")
