"""Binance's own connector (binance-sdk-spot), unmodified: REST, streams and WebSocket API, with its strict models."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_common.errors import BadRequestError
from binance_sdk_spot.rest_api.models import (
    KlinesIntervalEnum,
    NewOrderSideEnum,
    NewOrderTimeInForceEnum,
    NewOrderTypeEnum,
)
from binance_sdk_spot.spot import Spot
from binance_sdk_spot.websocket_api.models import (
    OrderPlaceSideEnum,
    OrderPlaceTimeInForceEnum,
    OrderPlaceTypeEnum,
)
from binance_sdk_spot.websocket_streams.models import KlineIntervalEnum

from tests.integration.simulator.conftest import STILL, RunningTwin, until

# the connector's own use of aiohttp
pytestmark = pytest.mark.filterwarnings("ignore:parameter 'timeout' of type 'float':DeprecationWarning")


def spot(twin: RunningTwin, key: str, *, secret: str | None = None, private_key: str | None = None) -> Any:
    keys: dict[str, Any] = {"api_key": key, "api_secret": secret}
    if private_key is not None:
        keys = {"api_key": key, "private_key": private_key}
    return Spot(
        config_rest_api=ConfigurationRestAPI(**keys, base_path=twin.rest, timeout=60_000),
        config_ws_api=ConfigurationWebSocketAPI(**keys, stream_url=twin.ws_api),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=twin.streams),
    )


@pytest.fixture(autouse=True)
def no_model_is_violated(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The connector logs an answer that does not fit its model and goes on with raw data."""
    with caplog.at_level(logging.WARNING):
        yield
    complaints = [
        record.getMessage()
        for record in caplog.records
        if record.levelno >= logging.WARNING and "validation error" in record.getMessage().lower()
    ]
    assert complaints == []


def test_rest_answers_fit_its_models(lively: RunningTwin) -> None:
    rest = spot(lively, lively.key, secret=lively.secret).rest_api

    assert len(rest.exchange_info().data().symbols or []) == 22
    assert len(rest.klines("BTCUSDC", KlinesIntervalEnum.INTERVAL_1m, limit=5).data()) == 5
    assert rest.depth("BTCUSDC", limit=5).data().bids
    assert rest.ticker24hr(symbol="BTCUSDC").data() is not None
    assert rest.ticker_price(symbol="BTCUSDC").data() is not None
    assert rest.ticker_book_ticker(symbol="BTCUSDC").data() is not None
    assert rest.avg_price("BTCUSDC").data().price
    assert rest.agg_trades("BTCUSDC", limit=2).data()
    assert rest.get_account().data().balances
    assert rest.account_commission("BTCUSDC").data().standard_commission


def test_orders_go_through_rest(lively: RunningTwin) -> None:
    rest = spot(lively, lively.key, secret=lively.secret).rest_api

    bought = rest.new_order("ADAUSDC", NewOrderSideEnum.BUY, NewOrderTypeEnum.MARKET, quantity=100.0).data()
    assert bought.status == "FILLED"
    resting = rest.new_order(
        "ADAUSDC",
        NewOrderSideEnum.BUY,
        NewOrderTypeEnum.LIMIT,
        time_in_force=NewOrderTimeInForceEnum.GTC,
        quantity=50.0,
        price=0.5,
    ).data()
    assert rest.get_order("ADAUSDC", order_id=resting.order_id).data().status == "NEW"
    assert [order.order_id for order in rest.get_open_orders("ADAUSDC").data()] == [resting.order_id]
    assert rest.delete_order("ADAUSDC", order_id=resting.order_id).data().status == "CANCELED"
    assert rest.my_trades("ADAUSDC", order_id=bought.order_id).data()
    with pytest.raises(BadRequestError):
        rest.get_order("ADAUSDC", order_id=1_000_000_000)


@pytest.mark.parametrize("name", ["bob", "carol"])
def test_ed25519_and_rsa_keys_sign(still: RunningTwin, name: str) -> None:
    account = still.account(name)
    rest = spot(still, account["api_key"], private_key=account["secret_key"]).rest_api

    order = rest.new_order("BTCUSDT", NewOrderSideEnum.BUY, NewOrderTypeEnum.MARKET, quantity=0.1).data()

    assert order.status == "FILLED"


async def test_market_streams_fit_its_models(lively: RunningTwin) -> None:
    streams = spot(lively, lively.key, secret=lively.secret).websocket_streams
    connection = await streams.create_connection()
    seen: dict[str, list[Any]] = {}
    for name, opened in {
        "kline": await connection.kline("btcusdc", KlineIntervalEnum.INTERVAL_1m.value),
        "aggTrade": await connection.agg_trade("btcusdc"),
        "bookTicker": await connection.book_ticker("btcusdc"),
        "ticker": await connection.ticker("btcusdc"),
        "depth": await connection.diff_book_depth("btcusdc"),
    }.items():
        opened.on("message", seen.setdefault(name, []).append)
    async with asyncio.timeout(60):
        await until(lambda: all(seen.values()))
    await connection.close_connection(close_session=True)

    assert seen["kline"][0].k.i == "1m"
    assert seen["bookTicker"][0].s == "BTCUSDC"


async def test_the_websocket_api_takes_orders_and_tells_of_them(still: RunningTwin) -> None:
    account = still.account("alice")
    api = spot(still, account["api_key"], secret=account["secret_key"]).websocket_api
    connection = await api.create_connection()
    events: list[Any] = []
    subscribed = await connection.user_data_stream_subscribe_signature()
    assert subscribed.response.data().result.subscription_id == 0
    subscribed.stream.on("message", events.append)

    placed = await connection.order_place(
        "BTCUSDT",
        OrderPlaceSideEnum.BUY,
        OrderPlaceTypeEnum.LIMIT,
        time_in_force=OrderPlaceTimeInForceEnum.GTC,
        price=40000.0,
        quantity=0.1,
    )
    order_id = placed.data().result.order_id
    status = await connection.order_status("BTCUSDT", order_id=order_id)
    assert status.data().result.status == "NEW"
    cancelled = await connection.order_cancel("BTCUSDT", order_id=order_id)
    assert cancelled.data().result.status == "CANCELED"
    balances = (await connection.account_status()).data().result.balances
    assert {balance.asset for balance in balances} >= {"BTC", "USDT"}
    async with asyncio.timeout(60):
        await until(lambda: len(events) >= 4)
    await connection.close_connection(close_session=True)

    kinds = [(type(event.actual_instance).__name__, getattr(event.actual_instance, "x", None)) for event in events]
    assert kinds == [
        ("ExecutionReport", "NEW"),
        ("OutboundAccountPosition", None),
        ("ExecutionReport", "CANCELED"),
        ("OutboundAccountPosition", None),
    ]


async def test_a_session_is_opened_by_an_ed25519_key(still: RunningTwin) -> None:
    assert STILL["accounts"][1]["key_type"] == "ED25519"
    account = still.account("bob")
    api = spot(still, account["api_key"], private_key=account["secret_key"]).websocket_api
    connection = await api.create_connection()

    logon = (await connection.session_logon()).data().result
    assert logon.api_key == account["api_key"]
    assert (await connection.user_data_stream_subscribe()).response.data().result.subscription_id == 0
    assert (await connection.session_status()).data().result.user_data_stream is True
    await connection.session_logout()
    assert (await connection.session_status()).data().result.api_key is None
    await connection.close_connection(close_session=True)
