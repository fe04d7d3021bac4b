"""Orders by hand and the pockets: they reserve, are refused when one has too little, give back with their result."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from shared.src.config import Settings
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import TOKEN
from tests.integration.trader.test_process import AUTHORIZED, Trader, environment, rows, until
from tests.processes import ServiceProcess, environment_of

pytestmark = pytest.mark.integration

ORDER = {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.02}


class House:
    """A trader and a portfolio on the same account of 10,000 USDC: active 6,000, buffer 3,000, safety 1,000."""

    def __init__(self, trader: Trader, portfolio: str, settings: Settings) -> None:
        self.trader = trader
        self.settings = settings
        self.portfolio = httpx.Client(base_url=portfolio, timeout=30, trust_env=False, headers=AUTHORIZED)

    def pocket(self, name: str) -> dict[str, Decimal]:
        pockets = self.portfolio.get("/pockets").json()["pockets"]
        found = next(pocket for pocket in pockets if pocket["name"] == name)
        return {key: Decimal(found[key]) for key in ("total", "reserved", "used", "available")}

    def until(self, true: Callable[[], bool]) -> None:
        end = time.monotonic() + 30
        while not true():
            assert time.monotonic() < end, self.portfolio.get("/pockets").text
            time.sleep(0.1)


@pytest.fixture
def house(trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path) -> Iterator[House]:
    trader = Trader(trader_settings, tmp_path / "trader.log")
    extra = environment(trader_settings, trader.port) | {"API_TOKEN": TOKEN}
    books = ServiceProcess("portfolio", environment_of(trader_settings) | extra, tmp_path / "portfolio.log")
    trader.environment["PORTFOLIO_PORT"] = books.url.rsplit(":", 1)[1]
    with books:
        trader.start()
        trader.wait_until_healthy()
        opened = House(trader, books.url, trader_settings)
        opened.until(lambda: opened.pocket("active")["total"] == 6000)
        yield opened
        assert trader.stop() == 0
    opened.portfolio.close()
    trader.client.close()


def test_a_position_by_hand_is_paid_from_its_pocket_until_it_ends(house: House) -> None:
    placed = house.trader.post("/order", ORDER)
    assert (placed.status_code, placed.json()["pocket"], placed.json()["managed_by"]) == (201, "active", "owner")
    house.until(lambda: house.pocket("active")["used"] == Decimal(1000))
    (position,) = house.trader.client.get("/positions").json()["positions"]
    assert (position["pocket"], position["managed_by"]) == ("active", "owner")
    assert house.trader.post("/close-position", {"symbol": "BTCUSDC"}).status_code == 200
    until(house.settings, "SELECT 1 FROM trade_cycles WHERE status = 'completed'")
    house.until(lambda: house.pocket("active")["used"] == 0 and house.pocket("active")["reserved"] == 0)
    lost = -rows(house.settings, "SELECT profit_loss FROM trade_cycles")[0]["profit_loss"]
    house.until(lambda: abs(house.pocket("active")["total"] - (6000 - lost * Decimal("0.6"))) < Decimal("0.1"))


def test_an_order_that_rests_holds_its_funds_and_gives_them_back_when_it_is_cancelled(house: House) -> None:
    placed = house.trader.post("/order", ORDER | {"type": "LIMIT", "price": 45000, "pocket": "reserve"})
    assert placed.json()["pocket"] == "buffer"
    assert house.pocket("buffer")["reserved"] == Decimal(900)
    assert house.trader.client.delete(f"/order/{placed.json()['client_order_id']}", headers=AUTHORIZED).is_success
    house.until(lambda: house.pocket("buffer")["reserved"] == 0)


def test_a_pocket_with_too_little_refuses_and_safety_pays_only_when_it_is_named(house: House) -> None:
    def order(**changes: Any) -> httpx.Response:
        return house.trader.post("/order", ORDER | {"quantity": 0.022} | changes)

    refused = order(pocket="safety")
    assert (refused.status_code, "safety" in refused.json()["detail"]) == (409, True), refused.text
    assert house.pocket("safety")["used"] == 0
    assert order(pocket="safety", quantity=0.01).status_code == 201
    house.until(lambda: house.pocket("safety")["used"] == Decimal(500))
    unknown = order(pocket="mattress")
    assert (unknown.status_code, "mattress" in unknown.json()["detail"]) == (422, True)
    assert len(rows(house.settings, "SELECT * FROM orders WHERE side = 'BUY'")) == 1


def test_an_order_that_the_gate_refuses_gives_its_funds_back(house: House) -> None:
    refused = house.trader.post("/order", ORDER | {"symbol": "ETHUSDC", "quantity": 0.0001})
    assert refused.status_code == 422
    house.until(lambda: house.pocket("active")["reserved"] == 0)
