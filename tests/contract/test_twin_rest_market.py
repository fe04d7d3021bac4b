"""Market data endpoints: shapes, types and selection rules (rules: market data endpoints)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.contract.twin_rest import (
    BNB,
    BTC,
    BTC_FILTERS,
    FIXTURE,
    HALTED,
    LIMIT_BUY,
    START_MS,
    RestClient,
    fixture_with,
    refusal,
)

SYMBOL_FIELDS = [
    "symbol",
    "status",
    "baseAsset",
    "baseAssetPrecision",
    "quoteAsset",
    "quotePrecision",
    "quoteAssetPrecision",
    "baseCommissionPrecision",
    "quoteCommissionPrecision",
    "orderTypes",
    "icebergAllowed",
    "ocoAllowed",
    "otoAllowed",
    "opoAllowed",
    "quoteOrderQtyMarketAllowed",
    "allowTrailingStop",
    "cancelReplaceAllowed",
    "amendAllowed",
    "pegInstructionsAllowed",
    "isSpotTradingAllowed",
    "isMarginTradingAllowed",
    "filters",
    "permissions",
    "permissionSets",
    "defaultSelfTradePreventionMode",
    "allowedSelfTradePreventionModes",
]
FULL_TICKER = {
    "symbol",
    "priceChange",
    "priceChangePercent",
    "weightedAvgPrice",
    "openPrice",
    "highPrice",
    "lowPrice",
    "lastPrice",
    "volume",
    "quoteVolume",
    "openTime",
    "closeTime",
    "firstId",
    "lastId",
    "count",
}
DAY_ONLY = {"prevClosePrice", "lastQty", "bidPrice", "bidQty", "askPrice", "askQty"}
MINI = {
    "symbol",
    "openPrice",
    "highPrice",
    "lowPrice",
    "lastPrice",
    "volume",
    "quoteVolume",
    "openTime",
    "closeTime",
    "firstId",
    "lastId",
    "count",
}


async def _json(rest: RestClient, path: str, **params: Any) -> Any:
    response = await rest.get(path, **params)
    assert response.status_code == 200, response.text
    return response.json()


async def test_ping_and_time(rest: RestClient) -> None:
    assert await _json(rest, "ping") == {}
    assert await _json(rest, "time") == {"serverTime": START_MS}


async def test_exchange_info_speaks_of_smart_order_routing_only_where_it_is_offered() -> None:
    rest = RestClient(fixture_with(sors=[{"base": "BTC", "symbols": [BTC]}]))
    async with rest.http:
        assert (await _json(rest, "exchangeInfo", symbol=BTC))["sors"] == [{"baseAsset": "BTC", "symbols": [BTC]}]


async def test_a_filter_that_came_after_the_twin_is_listed_and_holds_nobody() -> None:
    new: dict[str, object] = {"filterType": "BRAND_NEW_RULE", "limit": 3, "mode": "STRICT", "rate": "0.5"}
    symbols = [{**FIXTURE["symbols"][0], "filters": [*BTC_FILTERS, new]}]
    rest = RestClient(fixture_with(symbols=symbols))
    async with rest.http:
        listed = (await _json(rest, "exchangeInfo", symbol=BTC))["symbols"][0]["filters"]
        assert listed[-1] == new
        assert (await rest.order(LIMIT_BUY))["status"] == "NEW"
        rest.twin.operations.change_symbol(BTC, filters=[{**new, "limit": 4}])
        listed = (await _json(rest, "exchangeInfo", symbol=BTC))["symbols"][0]["filters"]
        assert [entry for entry in listed if entry["filterType"] == "BRAND_NEW_RULE"] == [{**new, "limit": 4}]


@pytest.mark.parametrize("path", ["ticker", "ticker/tradingDay"])
async def test_more_than_a_hundred_symbols_are_refused(rest: RestClient, path: str) -> None:
    """Changelog 2022-06-20."""
    names = ",".join(f'"A{number}USDT"' for number in range(101))
    message = "Too many values sent for parameter 'symbols', maximum allowed up to 100."
    assert refusal(await rest.get(path, symbols=f"[{names}]")) == (400, -1101, message)


async def test_exchange_info_of_one_symbol(rest: RestClient) -> None:
    info = await _json(rest, "exchangeInfo", symbol=BTC)
    assert list(info) == ["timezone", "serverTime", "rateLimits", "exchangeFilters", "symbols"]
    assert list(info["symbols"][0]) == SYMBOL_FIELDS
    assert info["symbols"][0]["permissions"] == []
    assert info["symbols"][0]["permissionSets"] == [["SPOT"]]


@pytest.mark.parametrize(
    ("params", "symbols"),
    [
        ({}, [BTC, BNB, HALTED]),
        ({"symbols": f'["{BNB}","{BTC}"]'}, [BNB, BTC]),
        ({"symbolStatus": "HALT"}, [HALTED]),
        ({"permissions": "SPOT"}, [BTC, BNB, HALTED]),
        ({"permissions": "MARGIN"}, []),
    ],
)
async def test_exchange_info_selects(rest: RestClient, params: dict[str, str], symbols: list[str]) -> None:
    info = await _json(rest, "exchangeInfo", **params)
    assert [row["symbol"] for row in info["symbols"]] == symbols


async def test_exchange_info_tells_the_rate_limits(rest: RestClient) -> None:
    limits = (await _json(rest, "exchangeInfo"))["rateLimits"]
    assert {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "intervalNum": 1, "limit": 6000} in limits
    assert {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100} in limits


async def test_depth_is_sorted_and_cut(rest: RestClient) -> None:
    book = await _json(rest, "depth", symbol=BTC, limit="2")
    assert book["bids"] == [["49999.99000000", "1.00000000"], ["49999.00000000", "2.00000000"]]
    assert book["asks"] == [["50000.01000000", "1.00000000"], ["50001.00000000", "2.00000000"]]
    assert isinstance(book["lastUpdateId"], int)


async def test_last_update_id_grows_with_every_change(rest: RestClient) -> None:
    before = (await _json(rest, "depth", symbol=BTC))["lastUpdateId"]
    rest.outside("BUY", "0.1")
    assert (await _json(rest, "depth", symbol=BTC))["lastUpdateId"] > before


async def test_trades_are_chronological_and_tell_the_makers_side(rest: RestClient) -> None:
    rest.outside("BUY", "1.5")
    rest.outside("SELL", "0.5")
    rows = await _json(rest, "trades", symbol=BTC)
    assert [(row["id"], row["price"], row["qty"], row["isBuyerMaker"]) for row in rows] == [
        (1, "50000.01000000", "1.00000000", False),
        (2, "50001.00000000", "0.50000000", False),
        (3, "49999.99000000", "0.50000000", True),
    ]
    assert set(rows[0]) == {"id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"}
    assert [row["id"] for row in await _json(rest, "trades", symbol=BTC, limit="1")] == [3]


async def test_historical_trades_start_at_an_id(rest: RestClient) -> None:
    rest.outside("BUY", "3.5")
    rows = await _json(rest, "historicalTrades", symbol=BTC, fromId="2", limit="1")
    assert [row["id"] for row in rows] == [2]


async def test_agg_trades_fold_one_taker_at_one_price(rest: RestClient) -> None:
    await rest.signed(
        "POST",
        "order",
        {"symbol": BTC, "side": "SELL", "type": "LIMIT", "timeInForce": "GTC", "quantity": "1", "price": "50000.01"},
    )
    rest.outside("BUY", "2.5")
    rows = await _json(rest, "aggTrades", symbol=BTC)
    assert [(row["a"], row["p"], row["q"], row["f"], row["l"], row["m"]) for row in rows] == [
        (1, "50000.01000000", "2.00000000", 1, 2, False),
        (2, "50001.00000000", "0.50000000", 3, 3, False),
    ]
    assert set(rows[0]) == {"a", "p", "q", "f", "l", "T", "m", "M"}
    assert [row["a"] for row in await _json(rest, "aggTrades", symbol=BTC, fromId="2")] == [2]
    assert await _json(rest, "aggTrades", symbol=BTC, startTime=str(START_MS + 1)) == []


async def test_klines_are_rows_of_twelve_and_the_last_one_is_open(rest: RestClient) -> None:
    rest.outside("BUY", "1.5")
    rows = await _json(rest, "klines", symbol=BTC, interval="1m", limit="1")
    assert len(rows[0]) == 12
    opened, *texts, last = rows[0]
    assert opened == START_MS
    assert rows[0][6] == START_MS + 59_999
    assert rows[0][5] == "1.50000000"
    assert rows[0][8] == 2
    assert (rows[0][2], rows[0][4]) == ("50001.00000000", "50001.00000000")
    assert last == "0"
    assert all(isinstance(texts[index], str) for index in (0, 1, 2, 3, 4, 6, 8, 9))


async def test_klines_of_a_quiet_minute_are_flat_and_empty(rest: RestClient) -> None:
    await rest.twin.advance(120_000)
    rows = await _json(rest, "klines", symbol=BTC, interval="1m")
    assert [row[0] for row in rows[-3:]] == [START_MS, START_MS + 60_000, START_MS + 120_000]
    assert rows[-2][1:6] == ["50000.00000000"] * 4 + ["0.00000000"]


async def test_klines_from_a_time_are_the_oldest(rest: RestClient) -> None:
    await rest.twin.advance(600_000)
    rows = await _json(rest, "klines", symbol=BTC, interval="1m", startTime=str(START_MS), limit="2")
    assert [row[0] for row in rows] == [START_MS, START_MS + 60_000]
    rows = await _json(rest, "klines", symbol=BTC, interval="5m", startTime=str(START_MS))
    assert [row[0] for row in rows] == [START_MS, START_MS + 300_000, START_MS + 600_000]


async def test_ui_klines_have_the_same_shape(rest: RestClient) -> None:
    plain = await _json(rest, "klines", symbol=BTC, interval="1m")
    assert await _json(rest, "uiKlines", symbol=BTC, interval="1m") == plain


async def test_average_price(rest: RestClient) -> None:
    rest.outside("BUY", "3")
    answer = await _json(rest, "avgPrice", symbol=BTC)
    assert answer["mins"] == 5
    assert Decimal(answer["price"]) == Decimal("50000.67")
    assert answer["closeTime"] == START_MS


async def test_day_ticker(rest: RestClient) -> None:
    rest.outside("BUY", "3")
    full = await _json(rest, "ticker/24hr", symbol=BTC)
    assert set(full) == FULL_TICKER | DAY_ONLY
    assert (full["lastPrice"], full["volume"], full["count"]) == ("50001.00000000", "3.00000000", 2)
    assert Decimal(full["priceChange"]) == Decimal(full["lastPrice"]) - Decimal(full["openPrice"])
    assert set(await _json(rest, "ticker/24hr", symbol=BTC, type="MINI")) == MINI
    assert [row["symbol"] for row in await _json(rest, "ticker/24hr")] == [BTC, BNB, HALTED]


async def test_window_and_trading_day_tickers(rest: RestClient) -> None:
    await rest.twin.advance(90_000)
    window = await _json(rest, "ticker", symbol=BTC, windowSize="1m")
    assert set(window) == FULL_TICKER
    assert window["openTime"] % 60_000 == 0
    day = await _json(rest, "ticker/tradingDay", symbol=BTC)
    assert (day["openTime"], day["closeTime"]) == (START_MS, START_MS + 86_399_999)
    zoned = await _json(rest, "ticker/tradingDay", symbol=BTC, timeZone="-01:30")
    assert zoned["openTime"] == START_MS - 86_400_000 + 5_400_000


@pytest.mark.parametrize("path", ["ticker/price", "ticker/bookTicker"])
async def test_price_tickers_answer_one_object_or_an_array(rest: RestClient, path: str) -> None:
    one = await _json(rest, path, symbol=BTC)
    assert one["symbol"] == BTC
    several = await _json(rest, path, symbols=f'["{BTC}","{BNB}"]')
    assert several[0] == one
    assert len(await _json(rest, path)) == 3
    assert [row["symbol"] for row in await _json(rest, path, symbolStatus="HALT")] == [HALTED]


async def test_book_ticker_shows_the_best_levels(rest: RestClient) -> None:
    assert await _json(rest, "ticker/bookTicker", symbol=BTC) == {
        "symbol": BTC,
        "bidPrice": "49999.99000000",
        "bidQty": "1.00000000",
        "askPrice": "50000.01000000",
        "askQty": "1.00000000",
    }


async def test_ticker_needs_a_symbol(rest: RestClient) -> None:
    assert (await rest.get("ticker")).json()["code"] == -1128


async def test_block_trades_do_not_happen_here(rest: RestClient) -> None:
    assert await _json(rest, "historicalBlockTrades", symbol=BTC, fromId="0") == []
