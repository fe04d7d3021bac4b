"""One behaviour, two doors: an order gets the same answer, fills, events and balances from the twin behind HTTP and
from the exchange of paper trading, whatever kind it is and whatever the market does."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from decimal import Decimal
from typing import Any

import hypothesis
import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given
from hypothesis import strategies as st

from shared.src.config import Settings, load_settings
from shared.src.domain.errors import RootTradingError
from shared.src.domain.orders import OrderStatus, OrderType, Side
from tests.integration.simulator.both_doors import FIXTURE, SYMBOL, BothDoors, Door, fills_of, got, order
from tests.integration.simulator.conftest import running_twin
from tests.stack import Stack

pytestmark = pytest.mark.integration

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, MAKER = OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT_MAKER
STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
TAKE, TAKE_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT
NEW, FILLED, PARTIAL = OrderStatus.NEW, OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED
CANCELED, EXPIRED = OrderStatus.CANCELED, OrderStatus.EXPIRED


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, stack: Stack, migrated_template: str) -> Iterator[BothDoors]:
    """One twin and one database for all behaviours."""
    environment = {name.lower(): value for name, value in stack.environment.items()}
    name = f"test_{uuid.uuid4().hex[:12]}"
    dsn = load_settings(**environment).database_url
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template}")

    def settings(**overrides: Any) -> Settings:
        return load_settings(**(environment | {"pgdatabase": name} | overrides))

    with running_twin(tmp_path_factory.mktemp("twin"), fixture=FIXTURE) as twin:
        yield BothDoors(twin, settings)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


BEHAVIOURS: dict[str, Callable[[Door], Any]] = {}


def behaviour(action: Callable[[Door], Any]) -> Callable[[Door], Any]:
    BEHAVIOURS[action.__name__.replace("_", " ")] = action
    return action


async def with_coins(d: Door, quantity: str = "4") -> None:
    """A market at 1000 and coins to sell."""
    await d.tick("999", "1000")
    await d.deposit("BTC", quantity)


# -- market orders ----------------------------------------------------------------------------------------------------


@behaviour
async def a_market_buy_takes_the_offers_it_meets(d: Door) -> None:
    await d.tick("999", "1000", "2")
    report = await d.place(order("a", BUY, MARKET, "3"))
    # 0.001 of the best level went to the tick's own trade
    assert fills_of(report) == [("1000.00000000", "1.99900000"), ("1000.50000000", "1.00100000")]
    assert got(report.order) == (FILLED, 3)


@behaviour
async def a_market_sale_takes_the_bids(d: Door) -> None:
    await with_coins(d)
    report = await d.place(order("a", SELL, MARKET, "1.5"))
    assert fills_of(report) == [("999.00000000", "1.00000000"), ("998.50000000", "0.50000000")]
    assert (await d.balance("USDC"))[0] == D(10_000) + (D(999) + D("499.25")) * D("0.999")


@behaviour
async def a_market_order_that_finds_too_little_expires_with_what_it_got(d: Door) -> None:
    await d.tick("999", "1000", "0.01")
    await d.deposit("USDC", "10000")
    report = await d.place(order("a", BUY, MARKET, "9"))
    # 0.01 less the tick's trade, 20 times that much and 200 times that much behind it
    assert got(report.order) == (EXPIRED, D("2.209"))


@behaviour
async def a_market_buy_beyond_the_balance_is_refused(d: Door) -> None:
    await d.tick("999", "1000", "20")
    refused = await d.refused(d.place(order("a", BUY, MARKET, "11")))
    assert refused == (-2010, "-2010 Account has insufficient balance for requested action.")


@behaviour
async def a_market_order_in_an_empty_book_expires_with_nothing(d: Door) -> None:
    report = await d.place(order("a", BUY, MARKET, "1"))
    assert got(report.order) == (EXPIRED, 0)


# -- limit orders -----------------------------------------------------------------------------------------------------


@behaviour
async def a_limit_order_that_crosses_fills_at_the_better_price(d: Door) -> None:
    await d.tick("999", "1000")
    report = await d.place(order("a", BUY, LIMIT, "0.5", "1005"))
    assert fills_of(report) == [("1000.00000000", "0.50000000")]
    assert await d.balance("USDC") == (9500, 0)


@behaviour
async def a_resting_buy_locks_its_money_and_fills_when_the_price_comes(d: Door) -> None:
    await d.tick("999", "1000")
    report = await d.place(order("a", BUY, LIMIT, "0.5", "990"))
    assert (report.order.status, report.order.is_working) == (NEW, True)
    assert await d.balance("USDC") == (9505, 495)
    await d.tick("980", "985")
    assert (await d.state(order("a", BUY, LIMIT, "0"))).status is FILLED
    # as maker, at its own price
    assert await d.balance("USDC") == (9505, 0)
    assert await d.balance("BTC") == (D("0.5") * D("0.999"), 0)


@behaviour
async def a_resting_sale_fills_when_the_price_rises_through_it(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, LIMIT, "1", "1010"))
    await d.tick("1020", "1021", "5")
    assert (await d.state(order("a", SELL, LIMIT, "1"))).executed_quote == 1010


@behaviour
async def a_limit_order_fills_by_parts_as_volume_comes(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, LIMIT, "2", "990"))
    await d.tick("980", "990", "0.05")
    seen: list[Any] = [(await d.state(order("a", BUY, LIMIT, "2"))).executed_quantity]
    await d.tick("981", "990", "0.02")
    seen.append((await d.state(order("a", BUY, LIMIT, "2"))).executed_quantity)
    # with the tick's own trade of 0.001
    assert seen == [D("0.051"), D("0.071")]


@behaviour
async def what_an_immediate_order_does_not_get_expires(d: Door) -> None:
    await d.tick("999", "1000", "0.5")
    report = await d.place(order("a", BUY, LIMIT, "2", "1000", tif="IOC"))
    assert got(report.order) == (EXPIRED, D("0.499"))
    assert (await d.balance("USDC"))[1] == 0


@behaviour
async def fill_or_kill_kills_what_cannot_be_filled(d: Door) -> None:
    await d.tick("999", "1000", "0.5")
    report = await d.place(order("a", BUY, LIMIT, "2", "1000", tif="FOK"))
    assert got(report.order) == (EXPIRED, 0)


@behaviour
async def fill_or_kill_fills_what_can_be_filled(d: Door) -> None:
    await d.tick("999", "1000", "3")
    report = await d.place(order("a", BUY, LIMIT, "2", "1000", tif="FOK"))
    assert report.order.status is FILLED


@behaviour
async def a_maker_order_that_would_take_is_refused(d: Door) -> None:
    await d.tick("999", "1000")
    refused = await d.refused(d.place(order("a", BUY, MAKER, "1", "1000")))
    assert refused == (-2010, "-2010 Order would immediately match and take.")


@behaviour
async def a_maker_order_rests_and_fills_as_maker(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, MAKER, "0.5", "998"))
    await d.tick("990", "991")
    trades = await d.exchange.trades(SYMBOL, from_id=1)
    assert trades
    assert all(trade.is_maker for trade in trades)


@behaviour
async def orders_at_one_price_fill_in_the_order_they_came(d: Door) -> None:
    await d.tick("999", "1000")
    for name in "abc":
        await d.place(order(name, BUY, LIMIT, "1", "990"))
    await d.tick("980", "990", "1.5")
    done: list[Any] = [(await d.state(order(name, BUY, LIMIT, "1"))).executed_quantity for name in "abc"]
    assert done == [1, D("0.501"), 0]


# -- stops ------------------------------------------------------------------------------------------------------------


@behaviour
async def a_stop_loss_waits_and_sells_at_market_when_it_is_reached(d: Door) -> None:
    await with_coins(d)
    report = await d.place(order("a", SELL, STOP, "1", stop="980"))
    assert (report.order.status, report.order.is_working) == (NEW, False)
    await d.tick("979.5", "980.5")
    stopped = await d.state(order("a", SELL, STOP, "1"))
    assert got(stopped) == (FILLED, 1)


@behaviour
async def a_gap_through_a_stop_sells_far_below_it(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, STOP, "1", stop="980"))
    await d.tick("900", "901", "3")
    assert (await d.state(order("a", SELL, STOP, "1"))).executed_quote == 900


@behaviour
async def a_gap_through_a_stop_limit_leaves_it_resting(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, STOP_LIMIT, "1", "975", stop="980"))
    await d.tick("900", "901")
    resting = await d.state(order("a", SELL, STOP_LIMIT, "1"))
    assert (*got(resting), resting.is_working) == (NEW, 0, True)
    await d.tick("976", "977", "3")
    assert (await d.state(order("a", SELL, STOP_LIMIT, "1"))).status is FILLED


@behaviour
async def what_a_stop_limit_at_once_does_not_get_expires(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, STOP_LIMIT, "3", "979", stop="980", tif="IOC"))
    await d.tick("979.5", "980.5", "0.1")
    ended = await d.state(order("a", SELL, STOP_LIMIT, "3"))
    assert ended.status is EXPIRED
    assert 0 < ended.executed_quantity < 3


@behaviour
async def a_stop_that_buys_pays_what_is_asked(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, STOP, "1", stop="1020"))
    assert await d.balance("USDC") == (8980, 1020)
    await d.tick("1029", "1030", "3")
    assert await d.balance("USDC") == (8970, 0)


@behaviour
async def a_stop_that_can_no_longer_be_paid_expires(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, STOP, "9.8", stop="1020"))
    await d.tick("1099", "1100", "30")
    assert (await d.state(order("a", BUY, STOP, "9.8"))).status is EXPIRED
    assert await d.balance("USDC") == (10_000, 0)


@behaviour
async def a_take_profit_sells_at_market_when_it_is_reached(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, TAKE, "1", stop="1050"))
    await d.tick("1049", "1051", "2")
    assert (await d.state(order("a", SELL, TAKE, "1"))).executed_quote == 1049


@behaviour
async def a_take_profit_limit_rests_at_its_price(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, TAKE_LIMIT, "1", "1060", stop="1050"))
    await d.tick("1049", "1051", "2")
    assert (await d.state(order("a", SELL, TAKE_LIMIT, "1"))).is_working
    await d.tick("1061", "1062", "2")
    assert (await d.state(order("a", SELL, TAKE_LIMIT, "1"))).executed_quote == 1060


@behaviour
async def a_stop_that_is_reached_already_is_refused(d: Door) -> None:
    await with_coins(d)
    assert await d.refused(d.place(order("a", SELL, STOP, "1", stop="1000"))) == (
        -2010,
        "-2010 Order would trigger immediately.",
    )


@behaviour
async def a_trailing_stop_follows_the_price_up_and_not_down(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", SELL, STOP, "1", trailing=200))
    for bid, ask in (("1049", "1050"), ("1099", "1100"), ("1089", "1090"), ("1079", "1080")):
        await d.tick(bid, ask, "3")
        assert (await d.state(order("a", SELL, STOP, "1"))).status is NEW
    await d.tick("1077", "1079", "3")
    assert (await d.state(order("a", SELL, STOP, "1"))).executed_quote == 1077


# -- pairs ------------------------------------------------------------------------------------------------------------


async def protected(d: Door, quantity: str = "1") -> int:
    await with_coins(d)
    reports = await d.pair(order("tp", SELL, MAKER, quantity, "1050"), order("sl", SELL, STOP, quantity, stop="950"))
    assert [report.order.status for report in reports] == [NEW, NEW]
    assert (await d.balance("BTC"))[1] == D(quantity)
    list_id = reports[0].order.order_list_id
    assert list_id is not None
    return list_id


async def statuses(d: Door) -> list[OrderStatus]:
    return [(await d.state(order(name, SELL, STOP, "1"))).status for name in ("tp", "sl")]


@behaviour
async def the_profit_of_a_pair_ends_its_stop(d: Door) -> None:
    await protected(d)
    await d.tick("1060", "1061", "3")
    assert await statuses(d) == [FILLED, EXPIRED]
    assert (await d.balance("BTC"))[1] == 0


@behaviour
async def the_stop_of_a_pair_ends_its_profit(d: Door) -> None:
    await protected(d)
    await d.tick("940", "941", "3")
    assert await statuses(d) == [EXPIRED, FILLED]


@behaviour
async def a_part_of_the_profit_already_ends_the_stop(d: Door) -> None:
    await protected(d, "3")
    await d.tick("1051", "1052", "0.01")
    assert await statuses(d) == [PARTIAL, EXPIRED]


@behaviour
async def a_pair_with_a_stop_limit_survives_a_gap_as_a_limit(d: Door) -> None:
    await with_coins(d)
    await d.pair(order("tp", SELL, MAKER, "1", "1050"), order("sl", SELL, STOP_LIMIT, "1", "945", stop="950"))
    await d.tick("900", "901")
    assert await statuses(d) == [EXPIRED, NEW]


@behaviour
async def a_pair_around_the_wrong_price_is_refused(d: Door) -> None:
    await with_coins(d)
    refused = await d.refused(d.pair(order("tp", SELL, MAKER, "1", "990"), order("sl", SELL, STOP, "1", stop="950")))
    assert refused == (-2010, "-2010 The relationship of the prices for the orders is not correct.")


@behaviour
async def a_pair_of_the_wrong_kinds_is_refused(d: Door) -> None:
    await with_coins(d)
    refused = await d.refused(d.pair(order("tp", SELL, STOP, "1", stop="1050"), order("sl", SELL, STOP, "1", stop="9")))
    assert refused == (-1197, "-1197 A stop loss order in a sell OCO must be below.")


@behaviour
async def a_cancelled_pair_gives_everything_back(d: Door) -> None:
    list_id = await protected(d)
    ended = await d.cancel(order("sl", SELL, STOP, "1", stop="950"), list_id)
    assert [leg.status for leg in ended] == [CANCELED, CANCELED]
    assert await d.balance("BTC") == (4, 0)


@behaviour
async def cancelling_one_order_of_a_pair_cancels_both(d: Door) -> None:
    await protected(d)
    await d.cancel(order("tp", SELL, MAKER, "1", "1050"))
    assert await statuses(d) == [CANCELED, CANCELED]


@behaviour
async def a_pair_under_a_name_in_use_is_refused(d: Door) -> None:
    await protected(d)
    again = (order("tp2", SELL, MAKER, "1", "1050"), order("sl2", SELL, STOP, "1", stop="950"))
    assert await d.refused(d.pair(*again)) == (-2010, "-2010 Duplicate order sent.")


# -- cancelling and asking --------------------------------------------------------------------------------------------


@behaviour
async def a_cancel_gives_the_rest_back(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, LIMIT, "2", "990"))
    await d.tick("980", "990", "0.05")
    ended = (await d.cancel(order("a", BUY, LIMIT, "2", "990")))[0]
    assert ended.status is CANCELED
    assert 0 < ended.executed_quantity < 2
    assert await d.balance("USDC") == (10_000 - ended.executed_quote, 0)


@behaviour
async def what_is_not_there_cannot_be_cancelled(d: Door) -> None:
    await d.tick("999", "1000")
    never = order("never", BUY, LIMIT, "1", "990")
    assert await d.refused(d.cancel(never)) == (-2011, "-2011 Unknown order sent.")
    await d.place(never)
    await d.cancel(never)
    assert await d.refused(d.cancel(never)) == (-2011, "-2011 Unknown order sent.")
    assert await d.refused(d.cancel(never, 4711)) == (-2011, "-2011 Unknown order sent.")


@behaviour
async def a_name_is_free_again_when_its_order_is_done(d: Door) -> None:
    await d.tick("999", "1000")
    first = await d.place(order("a", BUY, LIMIT, "1", "990"))
    assert await d.refused(d.place(order("a", BUY, LIMIT, "1", "991"))) == (-2010, "-2010 Duplicate order sent.")
    await d.cancel(order("a", BUY, LIMIT, "1"))
    second = await d.place(order("a", BUY, LIMIT, "1", "991"))
    assert (await d.state(order("a", BUY, LIMIT, "1"))).order_id == second.order.order_id > first.order.order_id


@behaviour
async def orders_are_found_by_either_id_and_strangers_are_not(d: Door) -> None:
    await d.tick("999", "1000")
    placed = (await d.place(order("a", BUY, LIMIT, "1", "990"))).order
    assert await d.exchange.order(SYMBOL, "a") == await d.exchange.order_by_id(SYMBOL, placed.order_id)
    assert await d.refused(d.exchange.order(SYMBOL, "b")) == (-2013, "-2013 Order does not exist.")
    assert await d.refused(d.exchange.order_by_id(SYMBOL, 4711)) == (-2013, "-2013 Order does not exist.")
    assert await d.refused(d.exchange.order("BNBUSDC", "a")) == (-2013, "-2013 Order does not exist.")


@behaviour
async def trades_are_found_by_order_and_from_an_id_on(d: Door) -> None:
    await d.tick("999", "1000", "0.6")
    first = (await d.place(order("a", BUY, MARKET, "1"))).order
    second = (await d.place(order("b", BUY, MARKET, "1"))).order
    trades = await d.exchange.trades(SYMBOL, from_id=0)
    assert [t for t in trades if t.order_id == first.order_id] == await d.exchange.trades(
        SYMBOL, order_id=first.order_id
    )
    middle = trades[1].trade_id
    assert await d.exchange.trades(SYMBOL, from_id=middle) == trades[1:]
    assert trades[-1].order_id == second.order_id


@behaviour
async def open_orders_are_those_that_can_still_happen(d: Door) -> None:
    await with_coins(d)
    await d.place(order("a", BUY, LIMIT, "1", "990"))
    await d.place(order("b", SELL, STOP, "1", stop="900"))
    await d.place(order("c", BUY, LIMIT, "1", "991"))
    await d.cancel(order("c", BUY, LIMIT, "1"))
    assert {found.client_order_id for found in await d.exchange.open_orders()} == {"a", "b"}


# -- refusals ---------------------------------------------------------------------------------------------------------

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
async def test_both_doors_refuse_with_the_same_words(both: BothDoors, what: str) -> None:
    wrong, code, message = REFUSALS[what]

    async def try_it(d: Door) -> None:
        await d.tick("999", "1000", "60")
        assert await d.refused(d.place(wrong)) == (code, f"{code} {message}")
        assert await d.exchange.open_orders() == []

    await both.play(try_it)


@behaviour
async def more_waiting_stops_than_allowed_are_refused(d: Door) -> None:
    await with_coins(d)
    for number in range(3):
        await d.place(order(f"s{number}", SELL, STOP, "1", stop="900"))
    refused = await d.refused(d.place(order("s3", SELL, STOP, "1", stop="900")))
    assert refused == (-1013, "-1013 Filter failure: MAX_NUM_ALGO_ORDERS")


@behaviour
async def more_orders_than_allowed_are_refused(d: Door) -> None:
    await d.tick("999", "1000")
    for number in range(8):
        await d.place(order(f"o{number}", BUY, LIMIT, "0.1", "990"))
    refused = await d.refused(d.place(order("o8", BUY, LIMIT, "0.1", "990")))
    assert refused == (-1013, "-1013 Filter failure: MAX_NUM_ORDERS")


@behaviour
async def a_halted_symbol_takes_no_orders_but_gives_them_back(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, LIMIT, "1", "990"))
    await d.venue.status("HALT")
    assert await d.refused(d.place(order("b", BUY, LIMIT, "1", "990"))) == (-2010, "-2010 Market is closed.")
    assert (await d.cancel(order("a", BUY, LIMIT, "1")))[0].status is CANCELED
    await d.venue.status("TRADING")


# -- one's own orders, fees, time -------------------------------------------------------------------------------------


@behaviour
async def one_does_not_trade_with_oneself(d: Door) -> None:
    await with_coins(d)
    await d.place(order("mine", SELL, LIMIT, "1", "999.5"))
    report = await d.place(order("a", BUY, LIMIT, "1", "999.5"))
    assert (await d.state(order("mine", SELL, LIMIT, "1"))).status is OrderStatus.EXPIRED_IN_MATCH
    assert (report.order.status, fills_of(report)) == (NEW, [])


@behaviour
async def the_fee_is_taken_from_what_one_gets(d: Door) -> None:
    await d.tick("999", "1000", "3")
    bought = (await d.place(order("a", BUY, MARKET, "1"))).fills[0]
    assert (bought.fee, bought.fee_asset) == (D("0.001"), "BTC")
    sold = (await d.place(order("b", SELL, MARKET, "0.999"))).fills[0]
    assert (sold.fee, sold.fee_asset) == (D("0.998001"), "USDC")
    assert await d.balance("BTC") == (0, 0)


@behaviour
async def an_order_remembers_when_things_happened(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, LIMIT, "1", "990"))
    await d.pass_time(61_000)
    await d.tick("980", "981", "3")
    trade = (await d.exchange.trades(SYMBOL, from_id=0))[0]
    assert trade.time_ms == 1_767_225_661_000


# -- what the trader does not send yet ---------------------------------------------------------------------------------


@behaviour
async def a_market_buy_by_amount_spends_it_as_far_as_the_grid_allows(d: Door) -> None:
    await d.tick("999", "1000", "2")
    answer = await d.ask("post", "order", side="BUY", type="MARKET", quoteOrderQty="1234.56")
    assert (answer["executedQty"], answer["cummulativeQuoteQty"]) == ("1.23400000", "1234.00000000")


@behaviour
async def an_iceberg_shows_a_part_and_goes_to_the_end_of_the_queue(d: Door) -> None:
    await d.tick("999", "1000")
    iceberg = {"type": "LIMIT", "timeInForce": "GTC", "price": "990"}
    await d.ask("post", "order", side="BUY", quantity="1", icebergQty="0.2", newClientOrderId="ice", **iceberg)
    await d.place(order("plain", BUY, LIMIT, "0.5", "990"))
    await d.tick("980", "990", "0.3")
    assert (await d.state(order("ice", BUY, LIMIT, "1"))).executed_quantity == D("0.2")
    assert (await d.state(order("plain", BUY, LIMIT, "1"))).executed_quantity == D("0.101")


@behaviour
async def every_mode_of_prevention_ends_whom_it_says(d: Door) -> None:
    await with_coins(d)
    limit = {"type": "LIMIT", "timeInForce": "GTC", "price": "999.5"}
    for mode in ("EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH", "DECREMENT"):
        await d.place(order(f"m-{mode}", SELL, LIMIT, "0.3", "999.5"))
        taker = {"side": "BUY", "quantity": "0.2", "selfTradePreventionMode": mode, "newClientOrderId": f"t-{mode}"}
        await d.ask("post", "order", **limit, **taker)
        for found in await d.exchange.open_orders():
            await d.cancel(order(found.client_order_id, BUY, LIMIT, "1"))
    ends = {name: (await d.state(order(name, BUY, LIMIT, "1"))).status for name in ("t-EXPIRE_TAKER", "m-EXPIRE_BOTH")}
    assert set(ends.values()) == {OrderStatus.EXPIRED_IN_MATCH}


@behaviour
async def an_amended_order_keeps_its_place(d: Door) -> None:
    await d.tick("999", "1000")
    for name in "ab":
        await d.place(order(name, BUY, LIMIT, "1", "990"))
    await d.ask("put", "order/amend/keepPriority", origClientOrderId="a", newQty="0.4", newClientOrderId="a")
    await d.tick("980", "990", "0.5")
    done: list[Any] = [(await d.state(order(name, BUY, LIMIT, "1"))).executed_quantity for name in "ab"]
    assert done == [D("0.4"), D("0.101")]


@behaviour
async def an_order_is_replaced_in_one_step(d: Door) -> None:
    await d.tick("999", "1000")
    await d.place(order("a", BUY, LIMIT, "9", "990"))
    new = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "quantity": "9", "price": "995"}
    mode = {"cancelReplaceMode": "STOP_ON_FAILURE", "cancelOrigClientOrderId": "a"}
    answer = await d.ask("post", "order/cancelReplace", newClientOrderId="b", **mode, **new)
    assert (answer["cancelResult"], answer["newOrderResult"]) == ("SUCCESS", "SUCCESS")


WORKING = {
    "workingType": "LIMIT", "workingSide": "BUY", "workingQuantity": "1", "workingPrice": "990",
    "workingTimeInForce": "GTC", "workingClientOrderId": "w", "pendingSide": "SELL",
}  # fmt: skip
PENDING_PAIR = {
    "pendingAboveType": "LIMIT_MAKER", "pendingAbovePrice": "1050", "pendingAboveClientOrderId": "tp",
    "pendingBelowType": "STOP_LOSS", "pendingBelowStopPrice": "950", "pendingBelowClientOrderId": "sl",
}  # fmt: skip


@behaviour
async def an_order_brings_the_next_one_to_life_when_it_is_filled(d: Door) -> None:
    await with_coins(d)
    pending = {"pendingType": "LIMIT", "pendingPrice": "1050", "pendingTimeInForce": "GTC", "pendingQuantity": "1"}
    await d.ask("post", "orderList/oto", **WORKING, **pending, pendingClientOrderId="p")
    assert (await d.state(order("p", SELL, LIMIT, "1"))).is_working is False
    await d.tick("980", "985", "2")
    assert (await d.state(order("p", SELL, LIMIT, "1"))).is_working
    await d.tick("1060", "1061", "2")
    assert (await d.state(order("p", SELL, LIMIT, "1"))).executed_quote == 1050


@behaviour
async def an_order_brings_a_pair_to_life_when_it_is_filled(d: Door) -> None:
    await with_coins(d)
    await d.ask("post", "orderList/otoco", **WORKING, **PENDING_PAIR, pendingQuantity="1")
    await d.tick("980", "985", "2")
    await d.tick("940", "941", "2")
    assert await statuses(d) == [EXPIRED, FILLED]


@behaviour
async def a_pair_sells_what_its_order_received_less_the_fee(d: Door) -> None:
    await d.tick("999", "1000")
    await d.ask("post", "orderList/opoco", **WORKING, **PENDING_PAIR)
    await d.tick("980", "985", "2")
    assert (await d.state(order("tp", SELL, MAKER, "1"))).quantity == D("0.999")
    await d.tick("1060", "1061", "2")
    assert await d.balance("BTC") == (0, 0)


@behaviour
async def a_cancelled_order_takes_what_waits_for_it_along(d: Door) -> None:
    await with_coins(d)
    await d.ask("post", "orderList/otoco", **WORKING, **PENDING_PAIR, pendingQuantity="1")
    await d.cancel(order("w", BUY, LIMIT, "1"))
    assert await statuses(d) == [CANCELED, CANCELED]
    assert await d.balance("BTC") == (4, 0)


@pytest.mark.parametrize("name", BEHAVIOURS)
async def test_both_doors_behave_alike(both: BothDoors, name: str) -> None:
    await both.play(BEHAVIOURS[name])


async def test_both_doors_take_the_fee_in_bnb_with_its_discount_while_there_is_some(both: BothDoors) -> None:
    async def trade(d: Door) -> None:
        await d.tick("499", "500", symbol="BNBUSDC")
        await d.tick("999", "1000", "5")
        await d.deposit("BNB", "0.002")
        cheap = (await d.place(order("a", BUY, MARKET, "1"))).fills[0]
        assert (cheap.fee, cheap.fee_asset) == (D("0.0015"), "BNB")
        dear = (await d.place(order("b", BUY, MARKET, "1"))).fills[0]
        assert (dear.fee, dear.fee_asset) == (D("0.001"), "BTC")

    await both.play(trade, bnb=True)


# -- any sequence -----------------------------------------------------------------------------------------------------

KINDS = tuple(OrderType)
NAMES = ("a", "b", "c", "d")
LONGEST_ACTION = 12


async def act(d: Door, draw: Callable[[int], int]) -> None:
    """One thing that may happen, chosen by drawn numbers; refusals are part of the story."""
    what = draw(10)
    if what < 4:
        middle = 1000 + 5 * (draw(21) - 10)
        await d.tick(str(middle - 1), str(middle), f"0.{1 + draw(9)}")
    elif what == 4:
        await d.pass_time(draw(120) * 1_000)
    elif what < 7:
        kind, side, price = KINDS[draw(len(KINDS))], (BUY, SELL)[draw(2)], str(1000 + 5 * (draw(21) - 10))
        limited, stops = kind not in {MARKET, STOP, TAKE}, kind not in {MARKET, LIMIT, MAKER}
        trails = stops and draw(3) == 0
        await d.place(
            order(
                NAMES[draw(4)], side, kind, f"{draw(3)}.{1 + draw(9)}", price if limited else None,
                stop=str(1000 + 5 * (draw(21) - 10)) if stops and not trails else None,
                tif=("GTC", "GTC", "IOC", "FOK")[draw(4)], trailing=100 if trails else None,
            )
        )  # fmt: skip
    elif what == 7:
        quantity = f"0.{1 + draw(9)}"
        high, low = str(1005 + 5 * draw(6)), str(995 - 5 * draw(6))
        stop_kind = (STOP, STOP_LIMIT)[draw(2)]
        stop = order("sl", SELL, stop_kind, quantity, low if stop_kind is STOP_LIMIT else None, stop=low)
        await d.pair(order("tp", SELL, MAKER, quantity, high), stop)
    else:
        name = (*NAMES, "tp", "sl")[draw(6)]
        await d.cancel(order(name, BUY, LIMIT, "1"))


def test_any_sequence_of_commands_and_prices_is_the_same_at_both_doors(both: BothDoors) -> None:
    # a failure is told at once: to shrink it over HTTP takes minutes
    @hypothesis.settings(
        max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), database=None,
        phases=[Phase.generate],
    )  # fmt: skip
    @given(data=st.binary(min_size=60, max_size=160), bnb=st.booleans())
    def check(data: bytes, bnb: bool) -> None:
        async def story(d: Door) -> None:
            await with_coins(d, "3")
            await d.tick("499", "500", symbol="BNBUSDC")
            await d.deposit("BNB", "0.003")
            left = list(data)
            while len(left) > LONGEST_ACTION:
                with suppress(RootTradingError):
                    await act(d, lambda below: left.pop() % below)

        trades.append(asyncio.run(both.play(story, bnb=bnb)))

    trades: list[int] = []
    check()
    assert sum(trades) > len(trades), "sequences that trade nothing prove nothing"
