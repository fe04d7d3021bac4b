"""The twin's own page in a browser: what goes on in the exchange, and faults set from it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import ARTIFACTS
from tests.integration.simulator.conftest import STILL, TOKEN, RunningTwin, running_twin


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[RunningTwin]:
    with running_twin(tmp_path, fixture=STILL) as process:
        yield process


async def do(twin: RunningTwin, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return await asyncio.to_thread(twin.do, method, path, body)


async def test_the_page_shows_the_exchange_and_follows_it(twin: RunningTwin, page: Page) -> None:
    await page.goto(f"{twin.rest}/")
    await page.get_by_label("Control token").fill("wrong")
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("status")).to_have_text("wrong token")
    await page.get_by_label("Control token").fill(TOKEN)
    await page.get_by_role("button", name="Show").click()

    rows = page.locator("#markets tr")
    await expect(rows).to_have_count(2)
    await expect(rows.first).to_have_attribute("aria-selected", "true")
    book = page.get_by_role("region", name="Book")
    await expect(book).to_contain_text("BTCUSDT")
    await expect(page.locator("#asks .level")).to_have_count(2)
    await expect(page.locator("#accounts .card")).to_have_count(3)
    await expect(page.locator("#audit")).to_have_text("all accounted for")
    await expect(page.locator("#faults")).to_contain_text("the exchange is well")

    await do(twin, "POST", "/liquidity", {"symbol": "BTCUSDT", "bids": [["49000", "3"]], "asks": [["51000", "4"]]})
    await expect(page.locator("#bids .level")).to_have_count(1)
    await expect(page.locator("#bids .level")).to_contain_text("49\u2009000")
    await do(twin, "POST", "/symbols", {"symbol": "ETHUSDT", "status": "HALT"})
    await expect(rows.nth(1)).to_contain_text("HALT")
    await rows.nth(1).click()
    await expect(book).to_contain_text("ETHUSDT")
    await expect(book).to_contain_text("HALT")
    await do(twin, "POST", "/accounts", {"name": "<b>dora</b>", "balances": {"USDT": "5"}})
    await expect(page.locator("#accounts .card")).to_have_count(4)
    await expect(page.locator("#accounts")).to_contain_text("<b>dora</b>")
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / "twin-page.png")


async def test_a_fault_is_set_and_lifted_from_the_page(twin: RunningTwin, page: Page) -> None:
    await page.goto(f"{twin.rest}/#{TOKEN}")
    await page.get_by_label("Fault", exact=True).select_option("stream_drop")
    await page.get_by_label("Probability or count").fill("0.25")
    await page.get_by_label("BTCUSDT only").check()
    await page.get_by_role("button", name="Set").click()
    await expect(page.locator("#faults")).to_contain_text("stream_drop on BTCUSDT")
    rule = (await do(twin, "GET", "/faults"))["faults"][0]
    assert (rule["probability"], rule["match"]) == (0.25, {"symbol": "BTCUSDT"})

    await page.get_by_label("Probability or count").fill("0x")
    await page.get_by_role("button", name="Set").click()
    await expect(page.get_by_role("status")).to_contain_text("count")
    await page.get_by_role("button", name="lift").click()
    await expect(page.locator("#faults")).to_contain_text("the exchange is well")
    assert (await do(twin, "GET", "/faults"))["faults"] == []
