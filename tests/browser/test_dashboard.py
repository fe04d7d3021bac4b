"""The dashboard as a person meets it, on the real service, database and bus."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from playwright.async_api import Page, WebSocketRoute, expect

from shared.src.contracts.orders import ExecutionEvent
from shared.src.contracts.topics import EXECUTION
from shared.src.domain.orders import LiquidityRole, Side
from tests.browser.conftest import ARTIFACTS, Dashboard
from tests.browser.neighbours import TOKEN

pytestmark = pytest.mark.browser


@contextlib.asynccontextmanager
async def moving_market(dashboard: Dashboard) -> AsyncIterator[None]:
    """Every symbol trades on while the block runs: a few open candles, then the closed one."""

    async def trade() -> None:
        while True:
            minutes = {symbol: walk.next() for symbol, walk in dashboard.seeded.walks.items()}
            for part in (0.3, 0.7, 1.0):
                for candle in minutes.values():
                    close = candle.open + (candle.close - candle.open) * Decimal(str(part))
                    await dashboard.publish(replace(candle, close=close), is_closed=part == 1.0)
                await asyncio.sleep(0.15)

    task = asyncio.create_task(trade())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def open_dashboard(page: Page, dashboard: Dashboard, where: str = "") -> None:
    await page.goto(f"{dashboard.url}/{where}")
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")


async def give_token(page: Page) -> None:
    await page.get_by_test_id("token-input").fill(TOKEN)
    await page.get_by_test_id("token-submit").click()


async def test_the_screen_shows_the_whole_platform(dashboard: Dashboard, page: Page) -> None:
    await open_dashboard(page, dashboard)

    await expect(page.get_by_test_id("mode")).to_have_text("Demo")
    await expect(page.get_by_test_id("chart-symbol")).to_have_attribute("data-symbol", "BTCUSDC")
    await expect(page.get_by_test_id("chart")).to_have_attribute("data-bars", "720")
    await expect(page.get_by_test_id("open-cycles").locator("tbody tr")).to_have_count(4)
    await expect(page.get_by_test_id("pocket-active")).to_contain_text("60%")
    await expect(page.get_by_test_id("balances")).to_contain_text("USDC")
    for name in ("gateway", "trader", "portfolio", "visualization"):
        await expect(page.get_by_test_id(f"service-{name}")).to_have_attribute("data-healthy", "true")
    await expect(page.get_by_test_id("performance")).to_contain_text("Profit factor")
    await expect(page.get_by_test_id("alerts")).to_have_count(0)


async def test_a_live_candle_moves_the_chart_and_the_prices(dashboard: Dashboard, page: Page) -> None:
    await open_dashboard(page, dashboard)
    chart = page.get_by_test_id("chart")
    await expect(chart).to_have_attribute("data-bars", "720")
    before = await chart.get_attribute("data-last-time")
    price = await page.get_by_test_id("last-price").inner_text()

    async with moving_market(dashboard):
        await expect(chart).not_to_have_attribute("data-last-time", str(before))
        await expect(page.get_by_test_id("last-price")).not_to_have_text(price)
        await page.get_by_test_id("timeframe-5m").click()
        await expect(chart).to_have_attribute("data-bars", "144")
        five = str(await chart.get_attribute("data-last-close"))
        await expect(chart).not_to_have_attribute("data-last-close", five)
        ARTIFACTS.mkdir(exist_ok=True)
        await page.screenshot(path=ARTIFACTS / "dashboard-seeded.png")


async def test_a_trade_appears_when_it_happens(dashboard: Dashboard, page: Page) -> None:
    await open_dashboard(page, dashboard)
    await page.get_by_test_id("tab-trades").click()
    await expect(page.get_by_test_id("trades").locator("tbody tr").first).to_be_visible()

    await dashboard.bus.publish(EXECUTION, fill_of(dashboard))

    await expect(page.get_by_test_id("last-fill")).to_contain_text("Bought900 ADAUSDC")
    # The event is enough: no row of the database says so.
    first = page.get_by_test_id("trades").locator("tbody tr").first
    await expect(first).to_contain_text("ADA")
    await expect(first).to_contain_text("900")


async def test_a_lost_connection_is_said_and_comes_back_with_its_channels(dashboard: Dashboard, page: Page) -> None:
    lines: list[WebSocketRoute] = []
    is_cut = False

    async def pass_on(line: WebSocketRoute) -> None:
        lines.append(line)
        if is_cut:
            await line.close()
        else:
            line.connect_to_server()

    await page.route_web_socket("**/ws/live", pass_on)
    await open_dashboard(page, dashboard)
    is_cut = True
    await lines[0].close()
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "lost")
    await expect(page.get_by_test_id("alerts")).to_contain_text("Connection lost")
    is_cut = False
    await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
    await expect(page.get_by_test_id("alerts")).to_have_count(0)

    await dashboard.bus.publish(EXECUTION, fill_of(dashboard))
    await expect(page.get_by_test_id("last-fill")).to_contain_text("ADAUSDC")


def fill_of(dashboard: Dashboard) -> ExecutionEvent:
    return ExecutionEvent(
        message_id="fill-1",
        occurred_at=dashboard.seeded.now + timedelta(seconds=1),
        execution_id="ADAUSDC-1",
        order_id="1",
        client_order_id="rt-1",
        trade_id=1,
        intent_id="int-1",
        cycle_id="cyc-1",
        symbol="ADAUSDC",
        side=Side.BUY,
        price=Decimal("0.4801"),
        quantity=Decimal(900),
        quote_quantity=Decimal("432.09"),
        fee=Decimal("0.9"),
        fee_asset="ADA",
        role=LiquidityRole.TAKER,
        purpose="entry",
        demo=True,
    )


async def test_closing_a_cycle_asks_back_and_for_a_token_once(dashboard: Dashboard, page: Page) -> None:
    await open_dashboard(page, dashboard)
    first, second = dashboard.seeded.open_cycles[:2]

    close = page.get_by_test_id(f"close-{first}")
    await close.click()
    await expect(close).to_have_text("Close it?")
    await close.click()
    await give_token(page)
    await expect(page.get_by_test_id("notices")).to_contain_text("Done")
    await page.get_by_test_id(f"close-{second}").dblclick()

    await expect(page.get_by_test_id("token-dialog")).to_have_count(0)
    await expect(page.get_by_test_id("notices")).to_contain_text("ETHUSDC")
    assert [command[:2] for command in dashboard.neighbours.commands] == [
        ("POST", f"close/{first}"),
        ("POST", f"close/{second}"),
    ]


async def test_a_wrong_token_is_said_and_asked_for_again(dashboard: Dashboard, page: Page) -> None:
    await open_dashboard(page, dashboard)
    await page.get_by_test_id("pause").dblclick()
    await page.get_by_test_id("token-input").fill("wrong")
    await page.get_by_test_id("token-submit").click()

    await expect(page.get_by_test_id("token-dialog")).to_contain_text("the token is unknown or was revoked")
    await give_token(page)

    await expect(page.get_by_test_id("trading-state")).to_have_attribute("data-state", "paused")
    await expect(page.get_by_test_id("alerts")).to_contain_text("paused by hand")
    await page.get_by_test_id("resume").dblclick()
    await expect(page.get_by_test_id("trading-state")).to_have_attribute("data-state", "running")


async def test_a_manual_order_is_sent_as_typed(dashboard: Dashboard, page: Page) -> None:
    await open_dashboard(page, dashboard, "#/SOLUSDC/1m")
    await page.get_by_test_id("open-ticket").click()
    submit = page.get_by_test_id("ticket-submit")
    await page.get_by_test_id("ticket-quantity").fill("-1")
    await expect(submit).to_be_disabled()
    await page.get_by_test_id("ticket-quantity").fill("1.25")
    await submit.click()
    await give_token(page)

    await expect(page.get_by_test_id("notices")).to_contain_text("Done")
    order = {"symbol": "SOLUSDC", "side": "BUY", "type": "MARKET", "quantity": "1.25"}
    assert dashboard.neighbours.commands == [("POST", "order", order)]


async def test_a_sick_service_raises_an_alert(dashboard: Dashboard, page: Page) -> None:
    dashboard.neighbours.sick.add("analyzer")
    await open_dashboard(page, dashboard)

    await expect(page.get_by_test_id("service-analyzer")).to_have_attribute("data-healthy", "false")
    await expect(page.get_by_test_id("alerts")).to_contain_text("redis: connection refused")


@pytest.mark.parametrize(("width", "height"), [(390, 844), (820, 1180), (1280, 720), (1920, 1080)])
async def test_no_screen_scrolls_sideways(dashboard: Dashboard, page: Page, width: int, height: int) -> None:
    await page.set_viewport_size({"width": width, "height": height})
    await open_dashboard(page, dashboard)
    await expect(page.get_by_test_id("chart")).to_have_attribute("data-bars", "720")

    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    ARTIFACTS.mkdir(exist_ok=True)
    await page.screenshot(path=ARTIFACTS / f"dashboard-{width}.png", full_page=True)
