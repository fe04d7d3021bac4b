"""What the exchange has no room for is not begun: neither the entry nor a position without a stop."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import Cycle, Order, Purpose
from core.risk.exchange_room import Occupancy, TakenPlaces, band_refusal, room_refusal
from core.risk.exit_levels import Levels
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from shared.src.exchange.rules import PriceBand, SymbolRules
from tests.unit.core.positions.cycles import NOW, RULES

D = Decimal
FULL = replace(RULES, stops_max=5, orders_max=20, lists_max=4, position_max=D(10))
LEVELS = Levels(D(98), D(104))


def order(purpose: Purpose, kind: OrderType, cycle_id: str | None = "cy-1", **facts: Any) -> Order:
    usual: dict[str, Any] = {"side": Side.SELL, "symbol": "BTCUSDC", "status": OrderStatus.NEW}
    facts = usual | facts
    return Order("o", "in", cycle_id, 1, purpose, type=kind, quantity=D(2), created_at=NOW, **facts)


def cycle(number: int, symbol: str = "BTCUSDC") -> Cycle:
    return Cycle(f"cy-{number}", f"in-{number}", symbol, "S", CycleStatus.ACTIVE_BUY, NOW)


def test_what_stands_in_a_symbol_is_counted_whoever_placed_it() -> None:
    orders = [
        order(Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, order_list_id=7),
        order(Purpose.TAKE_PROFIT, OrderType.LIMIT_MAKER, order_list_id=7),
        order(Purpose.EXTERNAL, OrderType.TAKE_PROFIT_LIMIT, None),
        order(Purpose.ENTRY, OrderType.LIMIT, "cy-2", side=Side.BUY),
        order(Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, status=OrderStatus.CANCELED),
        order(Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, "cy-3", symbol="ETHUSDC"),
    ]
    standing = Occupancy.of("BTCUSDC", orders, [cycle(1), cycle(2), cycle(3, "ETHUSDC")], D(3))
    assert (standing.here, standing.units) == (TakenPlaces(orders=4, stops=2, lists=1, due=1), D(5))


@pytest.mark.parametrize(
    ("standing", "waits", "word"),
    [
        (Occupancy(), False, ""),
        (Occupancy(TakenPlaces(orders=4, stops=4)), False, ""),
        (Occupancy(TakenPlaces(orders=5, stops=5)), False, "MAX_NUM_ALGO_ORDERS"),
        (Occupancy(TakenPlaces(orders=4, stops=4)), True, "MAX_NUM_ALGO_ORDERS"),
        (Occupancy(TakenPlaces(orders=3, stops=3, due=1)), False, ""),
        (Occupancy(TakenPlaces(orders=4, stops=4, due=1)), False, "MAX_NUM_ALGO_ORDERS"),
        (Occupancy(TakenPlaces(orders=17)), False, ""),
        (Occupancy(TakenPlaces(orders=18)), False, "MAX_NUM_ORDERS"),
        (Occupancy(TakenPlaces(orders=16, due=1)), False, "MAX_NUM_ORDERS"),
        (Occupancy(TakenPlaces(lists=4)), False, "MAX_NUM_ORDER_LISTS"),
        (Occupancy(units=D(9)), False, ""),
        (Occupancy(units=D("9.1")), False, "MAX_POSITION"),
    ],
)
def test_an_entry_is_refused_when_it_or_its_protection_has_no_room(standing: Occupancy, waits: bool, word: str) -> None:
    refusal = room_refusal(D(1), FULL, standing, waits=waits)
    assert word in refusal
    assert bool(refusal) is bool(word)


def test_the_exchange_is_asked_where_the_last_places_are_taken() -> None:
    assert Occupancy(TakenPlaces(stops=1)).is_near(FULL)
    assert not Occupancy(TakenPlaces(stops=0, orders=5)).is_near(replace(FULL, lists_max=20))
    assert Occupancy(TakenPlaces(orders=16)).is_near(replace(FULL, lists_max=20))
    assert not Occupancy(TakenPlaces(stops=900)).is_near(RULES)


def test_an_exchange_that_sets_no_limit_has_room_for_all() -> None:
    assert (
        room_refusal(D(1), RULES, Occupancy(TakenPlaces(orders=900, stops=900, lists=900), units=D(900)), waits=True)
        == ""
    )


@pytest.mark.parametrize(
    ("buys", "sells", "price", "word"),
    [
        (PriceBand(), PriceBand(), D(1), ""),
        (PriceBand(D("0.9"), D("1.1")), PriceBand(), D("110"), ""),
        (PriceBand(D("0.9"), D("1.1")), PriceBand(), D("110.1"), "the price 110.1"),
        (PriceBand(D("0.9"), D("1.1")), PriceBand(), D("89"), "the price 89"),
        (PriceBand(D("0.9"), D("1.1")), PriceBand(), None, ""),
        (PriceBand(), PriceBand(D("0.98"), D("1.04")), None, ""),
        (PriceBand(), PriceBand(D("0.99"), D("1.04")), None, "its stop at 98"),
        (PriceBand(), PriceBand(D("0.98"), D("1.03")), None, "its target at 104"),
    ],
)
def test_a_price_outside_the_band_is_refused_before_anything_is_bought(
    buys: PriceBand, sells: PriceBand, price: Decimal | None, word: str
) -> None:
    rules = replace(RULES, buys=buys, sells=sells)
    refusal = band_refusal(LEVELS, price, D(100), rules)
    assert word in refusal
    assert bool(refusal) is bool(word)


def test_the_limits_are_read_from_the_exchanges_own_filters() -> None:
    filters = [
        {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 5},
        {"filterType": "MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 20},
        {"filterType": "MAX_POSITION", "maxPosition": "10.5"},
        {
            "filterType": "PERCENT_PRICE_BY_SIDE",
            "bidMultiplierUp": "1.2",
            "bidMultiplierDown": "0.2",
            "askMultiplierUp": "5",
            "askMultiplierDown": "0.8",
        },
    ]
    entry = {"symbol": "BTCUSDC", "baseAsset": "BTC", "quoteAsset": "USDC", "status": "TRADING", "filters": filters}
    rules = SymbolRules.parse(entry)
    assert (rules.orders_max, rules.stops_max, rules.lists_max, rules.position_max) == (200, 5, 20, D("10.5"))
    assert (rules.buys, rules.sells) == (PriceBand(D("0.2"), D("1.2")), PriceBand(D("0.8"), D(5)))
    both = [{"filterType": "PERCENT_PRICE", "multiplierUp": "1.5", "multiplierDown": "0.5"}]
    assert SymbolRules.parse(entry | {"filters": both}).sells == PriceBand(D("0.5"), D("1.5"))


def test_a_position_of_the_symbol_without_a_stop_will_need_a_place() -> None:
    orders = [order(Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)]
    standing = Occupancy.of("BTCUSDC", orders, [cycle(1), cycle(2), cycle(4), cycle(3, "ETHUSDC")], D(0))
    assert standing.here.due == 2
    assert Occupancy.of("BTCUSDC", [], [cycle(3, "ETHUSDC")], D(0)).here.due == 0


def test_each_position_that_waits_for_its_stop_brings_the_last_places_nearer() -> None:
    roomy = replace(RULES, stops_max=20)
    assert not Occupancy(TakenPlaces(stops=14)).is_near(roomy)
    assert Occupancy(TakenPlaces(stops=14, due=2)).is_near(roomy)


def test_without_order_lists_a_protection_is_one_order() -> None:
    single = replace(FULL, oco_allowed=False)
    assert room_refusal(D(1), single, Occupancy(TakenPlaces(orders=18)), waits=False) == ""
    assert "MAX_NUM_ORDERS" in room_refusal(D(1), single, Occupancy(TakenPlaces(orders=19)), waits=False)


WHOLE = replace(RULES, account_orders_max=20, account_stops_max=5, account_lists_max=5)


@pytest.mark.parametrize(
    ("account", "word"),
    [
        (TakenPlaces(orders=17, stops=4, lists=4), ""),
        (TakenPlaces(stops=5), "EXCHANGE_MAX_NUM_ALGO_ORDERS"),
        (TakenPlaces(orders=18), "EXCHANGE_MAX_NUM_ORDERS"),
        (TakenPlaces(lists=5), "EXCHANGE_MAX_NUM_ORDER_LISTS"),
        (TakenPlaces(stops=3, due=2), "EXCHANGE_MAX_NUM_ALGO_ORDERS"),
    ],
)
def test_what_the_account_may_have_in_all_symbols_is_asked_too(account: TakenPlaces, word: str) -> None:
    refusal = room_refusal(D(1), WHOLE, Occupancy(account=account), waits=False)
    assert word in refusal
    assert bool(refusal) is bool(word)
    assert Occupancy(account=account).is_account_near(WHOLE)


def test_orders_of_other_symbols_stand_in_the_account_alone() -> None:
    orders = [order(Purpose.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)]
    elsewhere = Occupancy.of("ETHUSDC", orders, [cycle(2)], D(0))
    assert (elsewhere.here, elsewhere.account) == (TakenPlaces(), TakenPlaces(orders=1, stops=1, due=1))


def test_limits_of_the_account_are_read_from_the_filters_of_the_exchange() -> None:
    entry = {"symbol": "BTCUSDC", "baseAsset": "BTC", "quoteAsset": "USDC", "status": "TRADING", "filters": []}
    everywhere = [
        {"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000},
        {"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 200},
        {"filterType": "EXCHANGE_MAX_NUM_ORDER_LISTS", "maxNumOrderLists": 50},
    ]
    rules = SymbolRules.parse(entry, everywhere)
    assert (rules.account_orders_max, rules.account_stops_max, rules.account_lists_max) == (1000, 200, 50)
