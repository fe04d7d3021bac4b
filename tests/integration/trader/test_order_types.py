"""Every order type of the REST API by hand, on both sides: carried out, or refused with what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from core.positions.entries import BOUNDED
from shared.src.config import Settings
from shared.src.domain.orders import OrderType
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import STILL
from tests.integration.trader.test_process import AUTHORIZED, Trader, trader_process

pytestmark = pytest.mark.integration

# The market stands at 49,995 / 50,000: prices at which an order of the type waits, as a BUY and as a SELL.
WAITING: dict[OrderType, tuple[dict[str, int], dict[str, int]]] = {
    OrderType.LIMIT: ({"price": 49_000}, {"price": 51_000}),
    OrderType.LIMIT_MAKER: ({"price": 49_000}, {"price": 51_000}),
    OrderType.STOP_LOSS: ({"stop_price": 51_000}, {"stop_price": 49_000}),
    OrderType.STOP_LOSS_LIMIT: ({"stop_price": 51_000, "price": 51_100}, {"stop_price": 49_000, "price": 48_900}),
    OrderType.TAKE_PROFIT: ({"stop_price": 49_000}, {"stop_price": 51_000}),
    OrderType.TAKE_PROFIT_LIMIT: ({"stop_price": 49_000, "price": 49_100}, {"stop_price": 51_000, "price": 50_900}),
}


def send(trader: Trader, side: str, kind: OrderType, prices: dict[str, int], **changes: Any) -> httpx.Response:
    body = {"symbol": "BTCUSDC", "side": side, "quantity": 0.001, "type": kind.value}
    return trader.post("/order", body | prices | changes)


def test_every_type_waits_on_the_exchange_and_can_be_cancelled(
    trader_settings: Settings, twin: RunningTwin, flushed: Redis, tmp_path: Path
) -> None:
    twin.reset(STILL | {"accounts": [{"name": "demo", "balances": {"USDC": "10000", "BTC": "1"}}]})
    key = twin.accounts[0]
    settings = trader_settings.model_copy(
        update={
            "binance_api_key": type(trader_settings.binance_api_key)(key["api_key"]),
            "binance_secret_key": type(trader_settings.binance_secret_key)(key["secret_key"]),
        }
    )
    with trader_process(settings, tmp_path) as trader:
        for kind, (buy, sell) in WAITING.items():
            for side, prices in (("BUY", buy), ("SELL", sell)):
                placed = send(trader, side, kind, prices)
                assert placed.status_code == 201, (side, kind, placed.text)
                order = placed.json()
                # a BUY never pays whatever is asked: at its trigger it is a limit order at the most it may pay
                sent = BOUNDED.get(kind, kind) if side == "BUY" else kind
                told = (order["type"], order["sent_type"], order["side"], order["status"])
                assert told == (kind.value, sent.value, side, "NEW"), order
                for name, price in prices.items():
                    assert Decimal(order[name]) == price, order
                ended = trader.client.delete(f"/order/{order['client_order_id']}", headers=AUTHORIZED)
                assert (ended.status_code, ended.json()["status"]) == (200, "CANCELED"), ended.text
        _wrong_combinations_name_the_field(trader)
        _a_maker_that_would_take_is_refused(trader)
        _measures_of_another_execution_are_refused(trader)
        _an_entry_in_several_orders_is_shown_and_taken_back(trader)


def _wrong_combinations_name_the_field(trader: Trader) -> None:
    for kind, (buy, _) in WAITING.items():
        for name in buy:
            missing = send(trader, "BUY", kind, {key: price for key, price in buy.items() if key != name})
            assert (missing.status_code, name in missing.json()["detail"]) == (422, True), missing.text
        for name in {"price", "stop_price"} - buy.keys():
            superfluous = send(trader, "BUY", kind, buy, **{name: 50_000})
            assert (superfluous.status_code, name in superfluous.json()["detail"]) == (422, True), superfluous.text
    for change in ({"price": 50_000}, {"stop_price": 50_000}, {"quote_quantity": 50}):
        refused = send(trader, "BUY", OrderType.MARKET, {}, **change)
        assert (refused.status_code, bool(refused.json()["detail"])) == (422, True), refused.text


def _a_maker_that_would_take_is_refused(trader: Trader) -> None:
    refused = send(trader, "BUY", OrderType.LIMIT_MAKER, {"price": 50_000})
    assert (refused.status_code, "immediately match" in refused.json()["detail"]) == (422, True), refused.text


def _measures_of_another_execution_are_refused(trader: Trader) -> None:
    wrong: tuple[tuple[str, OrderType, dict[str, Any]], ...] = (
        ("SELL", OrderType.MARKET, {"execution": "twap"}),
        ("BUY", OrderType.LIMIT, {"execution": "maker_first", "price": 49_000}),
        ("BUY", OrderType.MARKET, {"execution": "maker_first", "slices": 4}),
        ("BUY", OrderType.MARKET, {"execution_s": 60}),
        ("BUY", OrderType.MARKET, {"execution": "twap", "slices": 1}),
        ("BUY", OrderType.MARKET, {"execution": "participation", "participation_percent": 101}),
        ("BUY", OrderType.MARKET, {"execution": "iceberg"}),
    )
    for side, kind, changes in wrong:
        refused = send(trader, side, kind, {}, **changes)
        assert (refused.status_code, bool(refused.json()["detail"])) == (422, True), (changes, refused.text)


def _an_entry_in_several_orders_is_shown_and_taken_back(trader: Trader) -> None:
    placed = send(trader, "BUY", OrderType.MARKET, {}, execution="maker_first", execution_s=600)
    assert placed.status_code == 201, placed.text
    entry = placed.json()
    assert (entry["execution"]["method"], entry["execution"]["seconds"], entry["entering"]) == (
        "maker_first",
        600,
        True,
    )
    order = until(lambda: next(iter(trader.client.get("/orders?status=open").json()["orders"]), None))
    assert (order["type"], order["price"], order["cycle_id"]) == ("LIMIT_MAKER", "49995", entry["cycle_id"])
    (position,) = trader.client.get("/positions").json()["positions"]
    assert (position["entering"], position["execution"]) == (True, entry["execution"])
    ended = trader.client.delete(f"/order/{order['client_order_id']}", headers=AUTHORIZED)
    assert (ended.status_code, ended.json()["status"]) == (200, "CANCELED"), ended.text
    until(lambda: not trader.client.get("/positions").json()["positions"])


def until(question: Callable[[], Any]) -> Any:
    """The first answer that is something, within ten seconds."""
    for _ in range(100):
        answer = question()
        if answer:
            return answer
        time.sleep(0.1)
    raise AssertionError("nothing came of it")
