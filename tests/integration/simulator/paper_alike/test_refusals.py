"""What is refused, with the same words."""

from __future__ import annotations

import pytest

from tests.integration.simulator.paper_alike.exchanges import BothExchanges, Scenario
from tests.integration.simulator.paper_alike.orders import (
    BUY,
    CANCELED,
    LIMIT,
    MARKET,
    SELL,
    STOP,
    alike,
    order,
    with_coins,
)

pytestmark = pytest.mark.integration


REFUSALS = {
    "a price between two ticks": (order("a", BUY, LIMIT, "1", "990.005"), -1013, "Filter failure: PRICE_FILTER"),
    "a price beyond all prices": (order("a", BUY, LIMIT, "1", "100000.01"), -1013, "Filter failure: PRICE_FILTER"),
    "a stop between two ticks": (order("a", BUY, STOP, "1", stop="1020.001"), -1013, "Filter failure: PRICE_FILTER"),
    "a quantity off the grid": (order("a", BUY, LIMIT, "1.0005", "990"), -1013, "Filter failure: LOT_SIZE"),
    "a quantity too large for the market": (order("a", BUY, MARKET, "51"), -1013, "Filter failure: MARKET_LOT_SIZE"),
    "too little money": (order("a", BUY, LIMIT, "0.01", "990"), -1013, "Filter failure: NOTIONAL"),
    "too much money": (order("a", BUY, LIMIT, "60", "990"), -1013, "Filter failure: NOTIONAL"),
    "too little at market": (order("a", BUY, MARKET, "0.009"), -1013, "Filter failure: NOTIONAL"),
    "a price far away": (order("a", BUY, LIMIT, "1", "400"), -1013, "Filter failure: PERCENT_PRICE_BY_SIDE"),
    "a trail too long": (order("a", BUY, STOP, "1", trailing=2001), -1013, "Filter failure: TRAILING_DELTA"),
    "nine decimals": (order("a", BUY, LIMIT, "1", "990.000000001"), -1111, "Parameter 'price' has too much precision."),
    "nothing": (order("a", BUY, LIMIT, "0", "990"), -1013, "Invalid quantity."),
    "a name with a dot": (
        order("a.b", BUY, LIMIT, "1", "990"),
        -1100,
        "Illegal characters found in parameter 'newClientOrderId'; legal range is '^[a-zA-Z0-9-_]{1,36}$'.",
    ),
    "a limit without a price": (
        order("a", BUY, LIMIT, "1"),
        -1102,
        "Mandatory parameter 'price' was not sent, was empty/null, or malformed.",
    ),
    "a limit without a time in force": (
        order("a", BUY, LIMIT, "1", "990", tif=None),
        -1102,
        "Mandatory parameter 'timeInForce' was not sent, was empty/null, or malformed.",
    ),
    "a stop without a stop price": (
        order("a", BUY, STOP, "1"),
        -1102,
        "Param 'stopPrice' or 'trailingDelta' must be sent, but both were empty/null!",
    ),
    "a price at market": (order("a", BUY, MARKET, "1", "990"), -1106, "Parameter 'price' sent when not required."),
    "a symbol that does not exist": (order("a", BUY, MARKET, "1", symbol="DOGEUSDC"), -1121, "Invalid symbol."),
    "coins one does not have": (
        order("a", SELL, LIMIT, "1", "1010"),
        -2010,
        "Account has insufficient balance for requested action.",
    ),
}


@pytest.mark.parametrize("what", REFUSALS)
async def test_both_refuse_with_the_same_words(both: BothExchanges, what: str) -> None:
    wrong, code, message = REFUSALS[what]

    async def try_it(s: Scenario) -> None:
        await s.tick("999", "1000", "60")
        assert await s.refused(s.place(wrong)) == (code, f"{code} {message}")
        assert await s.exchange.open_orders() == []

    await both.play(try_it)


@alike
async def test_more_waiting_stops_than_allowed_are_refused(s: Scenario) -> None:
    await with_coins(s)
    for number in range(3):
        await s.place(order(f"s{number}", SELL, STOP, "1", stop="900"))
    refused = await s.refused(s.place(order("s3", SELL, STOP, "1", stop="900")))
    assert refused == (-1013, "-1013 Filter failure: MAX_NUM_ALGO_ORDERS")


@alike
async def test_more_orders_than_allowed_are_refused(s: Scenario) -> None:
    await s.tick("999", "1000")
    for number in range(8):
        await s.place(order(f"o{number}", BUY, LIMIT, "0.1", "990"))
    refused = await s.refused(s.place(order("o8", BUY, LIMIT, "0.1", "990")))
    assert refused == (-1013, "-1013 Filter failure: MAX_NUM_ORDERS")


@alike
async def test_a_halted_symbol_takes_no_orders_but_gives_them_back(s: Scenario) -> None:
    await s.tick("999", "1000")
    await s.place(order("a", BUY, LIMIT, "1", "990"))
    await s.played.status("HALT")
    assert await s.refused(s.place(order("b", BUY, LIMIT, "1", "990"))) == (-2010, "-2010 Market is closed.")
    assert (await s.cancel(order("a", BUY, LIMIT, "1")))[0].status is CANCELED
    await s.played.status("TRADING")
