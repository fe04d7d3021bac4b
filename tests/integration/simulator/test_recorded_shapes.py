"""What the twin sends has the fields and types of what Binance sent when it was recorded."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import websockets

from tests.contract.wire_schemas import RECORDED, derive, differences, merge, schema_of
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.simulator.test_ws_api import LIMIT, api

RECORDED_SHAPES: dict[str, Any] = json.loads(RECORDED.read_text())
FRAMES = Path(__file__).resolve().parents[4] / "shared" / "data" / "frames"

# Came to Binance after the recordings of 2021
NEWER_SYMBOL_FIELDS = frozenset(
    {
        "otoAllowed",
        "opoAllowed",
        "allowTrailingStop",
        "cancelReplaceAllowed",
        "amendAllowed",
        "pegInstructionsAllowed",
        "permissionSets",
        "defaultSelfTradePreventionMode",
        "allowedSelfTradePreventionModes",
        "sors",
        "TRAILING_DELTA",
        "PERCENT_PRICE_BY_SIDE",
        "NOTIONAL",
        "MAX_NUM_ORDER_LISTS",
        "MAX_NUM_ORDER_AMENDS",
    }
)
# Fields of reports that only some orders have
CONDITIONAL_REPORT_FIELDS = frozenset({"W", "V", "d", "D", "j", "J", "eR", "k", "uS", "v", "A", "B", "u", "U"})


def fits(name: str, messages: list[Any], newer: frozenset[str] = frozenset()) -> None:
    assert messages
    assert differences(RECORDED_SHAPES[name], merge(map(schema_of, messages)), newer=newer) == []


async def collect(
    twin: RunningTwin, streams: str, enough: Callable[[dict[str, list[Any]]], bool]
) -> dict[str, list[Any]]:
    """Messages by stream until there are enough."""
    seen: dict[str, list[Any]] = {}
    async with websockets.connect(f"{twin.streams}/stream?streams={streams}") as socket:
        async with asyncio.timeout(60):
            while not enough(seen):
                message = json.loads(await socket.recv())
                seen.setdefault(message["stream"], []).append(message["data"])
    return seen


async def test_streams_have_their_recorded_shape(lively: RunningTwin) -> None:
    names = {
        "stream kline": "btcusdc@kline_1m",
        "stream aggTrade": "ethusdc@aggTrade",
        "stream bookTicker": "pepeusdc@bookTicker",
        "stream depth@100ms": "solusdc@depth@100ms",
    }
    seen = await collect(
        lively, "/".join(names.values()), lambda got: all(len(got.get(name, [])) >= 8 for name in names.values())
    )
    for kind, name in names.items():
        fits(kind, seen[name])


def test_rest_answers_have_their_recorded_shape(lively: RunningTwin) -> None:
    fits("GET depth", [lively.get("/api/v3/depth", symbol="BTCUSDC", limit=100)])
    fits("GET exchangeInfo", [lively.get("/api/v3/exchangeInfo")], NEWER_SYMBOL_FIELDS)


async def test_execution_reports_have_their_recorded_shape(still: RunningTwin) -> None:
    async with api(still) as client:
        await client.signed("userDataStream.subscribe.signature")
        market = {"symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "1.5"}
        await client.signed("order.place", market)
        await client.signed("order.place", {**LIMIT, "timeInForce": "IOC"})
        order = await client.signed("order.place", LIMIT)
        await client.signed("order.cancel", {"symbol": "BTCUSDT", "orderId": order["result"]["orderId"]})
        stop = {"symbol": "BTCUSDT", "side": "SELL", "type": "STOP_LOSS", "quantity": "0.1", "trailingDelta": "100"}
        await client.signed("order.place", stop)
        await client.call("ping")
        reports = [event["event"] for event in client.events if event["event"]["e"] == "executionReport"]

    assert {report["x"] for report in reports} == {"NEW", "TRADE", "EXPIRED", "CANCELED"}
    fits("user executionReport", reports, CONDITIONAL_REPORT_FIELDS)


def test_the_shapes_are_those_of_the_recordings() -> None:
    """The recordings lie outside of the project; where they are, the derived file is checked against them."""
    derived = derive(FRAMES) if FRAMES.is_dir() else RECORDED_SHAPES

    assert derived == RECORDED_SHAPES


@pytest.mark.parametrize("spoil", ["missing", "type", "extra"])
def test_a_difference_would_be_seen(spoil: str) -> None:
    """The comparison itself is not blind."""
    event: dict[str, Any] = {
        "u": 1,
        "s": "A",
        "b": "1.00000000",
        "B": "1.00000000",
        "a": "2.00000000",
        "A": "1.00000000",
    }
    assert differences(RECORDED_SHAPES["stream bookTicker"], schema_of(event), newer=frozenset()) == []
    if spoil == "missing":
        del event["u"]
    elif spoil == "type":
        event["b"] = 1.0
    else:
        event["e"] = "bookTicker"

    assert differences(RECORDED_SHAPES["stream bookTicker"], schema_of(event), newer=frozenset())
