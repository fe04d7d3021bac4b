"""Unmodified clients trade against the REST API: the official connector (all in the query), and ccxt (forms)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ccxt
import pytest
import uvicorn
from binance_common.configuration import ConfigurationRestAPI
from binance_common.errors import BadRequestError
from binance_sdk_spot.spot import Spot

from simulator.api.auth import ApiKey
from tests.contract.twin_rest import BTC, RestClient, fixture_with, rest_app

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
REAL_CLOCK = fixture_with(clock={"mode": "real"}, first_id=1)


@asynccontextmanager
async def served() -> AsyncIterator[tuple[str, RestClient]]:
    """A twin in real time on a real port."""
    rest = RestClient(REAL_CLOCK)
    server = uvicorn.Server(uvicorn.Config(rest_app(rest.twin.state), port=0, log_level="critical", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
        await asyncio.sleep(0.005)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", rest
    server.should_exit = True
    await task
    await rest.http.aclose()


def use_connector(url: str, key: ApiKey) -> None:
    """What a user of binance-sdk-spot does; its typed models check every shape."""
    configuration = ConfigurationRestAPI(api_key=key.api_key, api_secret=key.secret_key, base_path=url, timeout=60_000)
    client: Any = Spot(config_rest_api=configuration).rest_api
    assert client.ping().data() is not None
    assert client.exchange_info(symbols=[BTC]).data().symbols[0].symbol == BTC
    assert client.depth(symbol=BTC).data().bids[0] == ["49999.99000000", "1.00000000"]
    assert len(client.klines(symbol=BTC, interval="1m").data()[-1]) == 12
    bought = client.new_order(symbol=BTC, side="BUY", type="MARKET", quantity=0.1).data()
    assert (bought.status, bought.executed_qty, len(bought.fills)) == ("FILLED", "0.10000000", 1)
    oco = client.order_list_oco(
        symbol=BTC,
        side="SELL",
        quantity=0.09,
        above_type="LIMIT_MAKER",
        above_price=51000,
        below_type="STOP_LOSS",
        below_stop_price=49000,
    ).data()
    assert [leg.order_id for leg in oco.orders] == [2, 3]
    assert len(client.get_open_orders(symbol=BTC).data()) == 2
    assert client.delete_order(symbol=BTC, order_id=2).data().order_list_id == oco.order_list_id
    assert client.get_open_orders(symbol=BTC).data() == []
    assert client.my_trades(symbol=BTC).data()[0].commission_asset == "BTC"
    assert {row.asset for row in client.get_account(omit_zero_balances=True).data().balances} == {"BTC", "USDT"}
    with pytest.raises(BadRequestError) as refused:
        client.new_order(symbol=BTC, side="BUY", type="LIMIT", time_in_force="GTC", quantity=0.1, price=0.00001)
    assert "Illegal characters found in parameter 'price'" in str(refused.value)


def use_ccxt(url: str, key: ApiKey) -> None:
    """What a user of ccxt does."""
    options = {"fetchCurrencies": False, "fetchMargins": False, "fetchMarkets": {"types": ["spot"]}}
    exchange: Any = ccxt.binance({"apiKey": key.api_key, "secret": key.secret_key, "options": options})
    exchange.urls["api"]["public"] = exchange.urls["api"]["private"] = f"{url}/api/v3"
    exchange.urls["api"]["sapi"] = f"{url}/sapi/v1"
    pair = "BTC/USDT"
    assert exchange.load_markets()[pair]["precision"]["price"] == 0.01
    assert exchange.fetch_ticker(pair)["bid"] == 49999.99
    assert exchange.fetch_ohlcv(pair, "1m")
    assert exchange.create_order(pair, "market", "buy", 0.1)["status"] == "closed"
    resting = exchange.create_order(pair, "limit", "buy", 0.1, 49000)
    edited = exchange.edit_order(resting["id"], pair, "limit", "buy", 0.1, 48000)
    assert exchange.fetch_order(edited["id"], pair)["price"] == 48000
    assert [order["id"] for order in exchange.fetch_open_orders(pair)] == [edited["id"]]
    exchange.cancel_order(edited["id"], pair)
    with pytest.raises(ccxt.InsufficientFunds):
        exchange.create_order(pair, "limit", "sell", 11, 51000)
    with pytest.raises(ccxt.OrderNotFound):
        exchange.cancel_order(edited["id"], pair)
    assert exchange.fetch_my_trades(pair)[0]["fee"]["currency"] == "BTC"
    assert exchange.fetch_balance()["BTC"]["used"] == 0


@pytest.mark.parametrize("use", [use_connector, use_ccxt])
async def test_an_unmodified_client_trades_on_the_twin(use: Any) -> None:
    async with served() as (url, rest):
        await asyncio.to_thread(use, url, rest.key())
        assert rest.twin.state.exchange.audit()["ok"]
