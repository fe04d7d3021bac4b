"""Who trades with whom, at which price, in which order, and what is told about it."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from shared.src.domain.orders import OrderType, Side
from simulator.api.payloads.user import execution_report
from simulator.engine.accounts import Account
from simulator.engine.errors import ApiError
from simulator.engine.events import (
    AccountEvent,
    AggTradeEvent,
    BalanceEvent,
    BookEvent,
    ListEvent,
    OrderEvent,
    StatusEvent,
    TradeEvent,
)
from simulator.engine.exchange import Engine
from simulator.engine.orders import (
    BinanceOrderStatus,
    EngineOrder,
    ExpiryReason,
    ListKind,
    ListRequest,
    OrderRequest,
    Ref,
    StpMode,
    TimeInForce,
)
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters

SYMBOL = "BTCUSDT"
NOW = 1_000


def make_exchange(*, group: int = -1) -> Engine:
    """BTCUSDT at 100 with empty books; ann and ben own 10 BTC and 10,000 USDT each and pay no fees."""
    exchange = Engine()
    exchange.add_symbol(MarketRules.create(SYMBOL, "BTC", "USDT", default_filters(min_notional="0.01")), Decimal(100))
    for name in ("ann", "ben"):
        exchange.add_account(name, {"BTC": Decimal(10), "USDT": Decimal(10_000)}, trade_group_id=group)
    return exchange


def place(exchange: Engine, name: str, side: Side, quantity: str, price: str | None, **fields: object) -> EngineOrder:
    """A LIMIT GTC order, or MARKET without a price."""
    kind = OrderType.LIMIT if price is not None else OrderType.MARKET
    request = OrderRequest(
        SYMBOL,
        side,
        kind,
        Decimal(quantity),
        None if price is None else Decimal(price),
        TimeInForce.GTC if price is not None else None,
        **fields,  # type: ignore[arg-type]
    )
    placed = exchange.place(exchange.account(name), request, NOW)
    return exchange.account(name).orders[placed.order.order_id]


def levels(*pairs: tuple[str, str]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(price), Decimal(quantity)) for price, quantity in pairs]


def holdings(account: Account, asset: str) -> tuple[Decimal, Decimal]:
    balance = account.balance(asset)
    return balance.free, balance.locked


def test_better_price_first_then_earlier_order() -> None:
    exchange = make_exchange()
    late_better = [
        place(exchange, "ann", Side.SELL, "1", "102"),
        place(exchange, "ben", Side.SELL, "1", "101"),
        place(exchange, "ann", Side.SELL, "1", "101"),
    ]
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal("1.5"), NOW)
    assert [order.executed for order in late_better] == [Decimal(0), Decimal(1), Decimal("0.5")]


def test_outside_offers_and_orders_queue_together_by_time() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, [], levels(("101", "1")), NOW)
    order = place(exchange, "ann", Side.SELL, "1", "101")
    exchange.set_liquidity(SYMBOL, [], levels(("101", "3")), NOW)
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal("1.5"), NOW)
    assert order.executed == Decimal("0.5"), "the standing offer was first, its growth comes after the order"


def test_an_offer_that_shrinks_loses_its_newest_part() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, [], levels(("101", "1")), NOW)
    order = place(exchange, "ann", Side.SELL, "1", "101")
    exchange.set_liquidity(SYMBOL, [], levels(("101", "3")), NOW)
    exchange.set_liquidity(SYMBOL, [], levels(("101", "0.5")), NOW)
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal(1), NOW)
    assert order.executed == Decimal("0.5")


def test_new_offers_that_reach_an_order_fill_it_at_the_orders_price() -> None:
    exchange = make_exchange()
    order = place(exchange, "ann", Side.BUY, "1", "99")
    exchange.set_liquidity(SYMBOL, levels(("94", "1")), levels(("95", "0.4"), ("96", "2")), NOW)
    assert (order.status, order.cumulative_quote) == (BinanceOrderStatus.FILLED, Decimal(99))
    _, bids, asks = exchange.depth(SYMBOL)
    assert bids == levels(("94", "1"))
    assert asks == levels(("96", "1.4"))


def test_offers_that_cross_each_other_are_refused() -> None:
    exchange = make_exchange()
    with pytest.raises(ValueError, match="cross"):
        exchange.set_liquidity(SYMBOL, levels(("101", "1")), levels(("101", "1")), NOW)


def test_a_recorded_trade_is_printed_even_if_the_book_cannot_give_it() -> None:
    exchange = make_exchange()
    order = place(exchange, "ann", Side.BUY, "1", "99")
    exchange.drain()
    traded = exchange.outside_trade(SYMBOL, Side.SELL, Decimal(3), NOW, price=Decimal(98), print_rest=True)
    prints = [(event.price, event.quantity) for event in exchange.drain() if isinstance(event, TradeEvent)]
    assert traded == Decimal(3)
    assert prints == [(Decimal(99), Decimal(1)), (Decimal(98), Decimal(2))]
    assert order.status is BinanceOrderStatus.FILLED
    assert exchange.last_price(SYMBOL) == Decimal(98)


def test_an_outside_taker_stops_at_its_price() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, [], levels(("101", "1"), ("102", "1")), NOW)
    assert exchange.outside_trade(SYMBOL, Side.BUY, Decimal(2), NOW, price=Decimal(101)) == Decimal(1)


def test_iceberg_goes_to_the_end_of_the_queue_with_every_new_part() -> None:
    exchange = make_exchange()
    iceberg = place(exchange, "ann", Side.SELL, "1", "101", iceberg=Decimal("0.2"))
    plain = place(exchange, "ben", Side.SELL, "0.5", "101")
    assert exchange.depth(SYMBOL)[2] == levels(("101", "0.7"))
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal("0.6"), NOW)
    assert (iceberg.executed, plain.executed) == (Decimal("0.2"), Decimal("0.4"))
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal("0.2"), NOW)
    assert (iceberg.executed, plain.executed) == (Decimal("0.3"), Decimal("0.5"))
    assert exchange.audit()["ok"]


def test_fok_counts_the_hidden_part_of_icebergs() -> None:
    exchange = make_exchange()
    place(exchange, "ann", Side.SELL, "1", "101", iceberg=Decimal("0.2"))
    request = OrderRequest(SYMBOL, Side.BUY, OrderType.LIMIT, Decimal(1), Decimal(101), TimeInForce.FOK)
    assert exchange.place(exchange.account("ben"), request, NOW).order.status is BinanceOrderStatus.FILLED


def test_a_better_price_than_the_limit_gives_the_difference_back() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, [], levels(("90", "1")), NOW)
    place(exchange, "ann", Side.BUY, "2", "100")
    assert holdings(exchange.account("ann"), "USDT") == (Decimal(9810), Decimal(100))


def test_events_of_a_taker_come_in_the_exchanges_order() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, [], levels(("101", "1"), ("102", "1")), NOW)
    exchange.drain()
    place(exchange, "ann", Side.BUY, "3", None)
    events = exchange.drain()
    assert [event.execution_type for event in events if isinstance(event, OrderEvent)] == [
        "NEW",
        "TRADE",
        "TRADE",
        "EXPIRED",
    ]
    told = [index for index, event in enumerate(events) if isinstance(event, AccountEvent)]
    last_report = max(index for index, event in enumerate(events) if isinstance(event, OrderEvent))
    assert told == [last_report + 1], "the balances are told once, when the order has done all it does"
    assert isinstance(events[-1], BookEvent)
    assert [event.quantity for event in events if isinstance(event, AggTradeEvent)] == [Decimal(1), Decimal(1)]


def test_a_prevented_match_tells_what_would_have_traded_and_that_nothing_did() -> None:
    """Rules: on TRADE_PREVENTION l, L and Y are 0; pl, pL and pY are what they would have been."""
    exchange = make_exchange()
    place(exchange, "ann", Side.SELL, "1", "100")
    place(exchange, "ann", Side.BUY, "0.4", "101", stp=StpMode.DECREMENT)
    events = [event for event in exchange.drain() if isinstance(event, OrderEvent)]
    reports = [execution_report(event, NOW) for event in events if event.execution_type == "TRADE_PREVENTION"]
    assert [report["X"] for report in reports] == ["EXPIRED_IN_MATCH", "NEW"]
    for report in reports:
        assert {report[key] for key in ("l", "L", "Y")} == {"0.00000000"}
        assert [report[key] for key in ("pl", "pL", "pY")] == ["0.40000000", "100.00000000", "40.00000000"]


def test_execution_ids_and_update_ids_are_gapless() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, levels(("99", "1")), levels(("101", "1")), NOW)
    place(exchange, "ann", Side.BUY, "2", "101")
    exchange.cancel(exchange.account("ann"), SYMBOL, Ref(1), NOW)
    events = exchange.drain()
    books = [event for event in events if isinstance(event, BookEvent)]
    for earlier, later in pairwise(books):
        assert later.first_update_id == earlier.final_update_id + 1
    executions = [event.execution_id for event in events if isinstance(event, OrderEvent)]
    assert executions == list(range(1, len(executions) + 1))


def test_cancel_tells_the_id_of_the_cancel_and_the_original() -> None:
    exchange = make_exchange()
    place(exchange, "ann", Side.BUY, "1", "99", client_order_id="mine")
    exchange.drain()
    exchange.cancel(exchange.account("ann"), SYMBOL, Ref(client_id="mine"), NOW, new_client_order_id="stop")
    event = next(event for event in exchange.drain() if isinstance(event, OrderEvent))
    assert (event.client_order_id, event.original_client_order_id) == ("stop", "mine")


def test_a_trade_fires_stops_in_the_order_of_their_ids_and_each_may_fire_the_next() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, levels(("99", "1"), ("98", "1"), ("97", "1"), ("96", "9")), [], NOW)
    stops = []
    for price in ("98", "99", "97"):
        request = OrderRequest(SYMBOL, Side.SELL, OrderType.STOP_LOSS, Decimal(1), stop_price=Decimal(price))
        stops.append(exchange.place(exchange.account("ann"), request, NOW).order.order_id)
    exchange.drain()
    exchange.outside_trade(SYMBOL, Side.SELL, Decimal(1), NOW)
    fired = [
        (event.order.order_id, event.last_price)
        for event in exchange.drain()
        if isinstance(event, OrderEvent) and event.execution_type == "TRADE"
    ]
    assert fired == [(stops[1], Decimal(98)), (stops[0], Decimal(97)), (stops[2], Decimal(96))]


def test_a_stop_that_can_no_longer_pay_expires() -> None:
    exchange = make_exchange()
    request = OrderRequest(SYMBOL, Side.BUY, OrderType.STOP_LOSS, Decimal(90), stop_price=Decimal(110))
    stop = exchange.place(exchange.account("ann"), request, NOW).order
    exchange.set_liquidity(SYMBOL, [], levels(("110", "1"), ("200", "100")), NOW)
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal(1), NOW)
    order = exchange.account("ann").orders[stop.order_id]
    assert (order.status, order.expiry_reason) == (BinanceOrderStatus.EXPIRED, ExpiryReason.REJECTED)
    assert holdings(exchange.account("ann"), "USDT") == (Decimal(10_000), Decimal(0))


def test_transfer_moves_coins_between_accounts_of_a_group_without_a_trade() -> None:
    exchange = make_exchange(group=5)
    place(exchange, "ann", Side.SELL, "1", "100", stp=StpMode.TRANSFER)
    exchange.drain()
    taker = place(exchange, "ben", Side.BUY, "1", "100", stp=StpMode.TRANSFER)
    assert not any(isinstance(event, TradeEvent) for event in exchange.drain())
    assert taker.status is BinanceOrderStatus.EXPIRED_IN_MATCH
    assert holdings(exchange.account("ann"), "USDT") == (Decimal(10_100), Decimal(0))
    assert holdings(exchange.account("ben"), "BTC") == (Decimal(11), Decimal(0))
    assert exchange.audit()["ok"]


def test_decrement_takes_the_smaller_quantity_off_both() -> None:
    exchange = make_exchange()
    maker = place(exchange, "ann", Side.SELL, "3", "100")
    taker = place(exchange, "ann", Side.BUY, "1", "100", stp=StpMode.DECREMENT)
    assert (taker.status, maker.status) == (BinanceOrderStatus.EXPIRED_IN_MATCH, BinanceOrderStatus.NEW)
    assert maker.remaining == Decimal(2)
    assert exchange.depth(SYMBOL)[2] == levels(("100", "2"))


def test_an_oco_tells_its_list_before_and_after() -> None:
    exchange = make_exchange()
    exchange.set_liquidity(SYMBOL, levels(("99", "1")), levels(("101", "1")), NOW)
    legs = (
        OrderRequest(SYMBOL, Side.SELL, OrderType.LIMIT_MAKER, Decimal(1), Decimal(105)),
        OrderRequest(SYMBOL, Side.SELL, OrderType.STOP_LOSS, Decimal(1), stop_price=Decimal(95)),
    )
    exchange.place_list(exchange.account("ann"), ListRequest(ListKind.OCO, SYMBOL, legs), NOW)
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal(3), NOW)
    events = exchange.drain()
    told = [
        (event.order_list.status_type, event.order_list.order_status)
        for event in events
        if isinstance(event, ListEvent)
    ]
    assert told == [("EXEC_STARTED", "EXECUTING"), ("ALL_DONE", "ALL_DONE")]


def test_deposits_and_withdrawals_are_told_and_never_overdraw() -> None:
    exchange = make_exchange()
    ann = exchange.account("ann")
    exchange.deposit(ann, "USDT", Decimal(-9_000), NOW)
    with pytest.raises(ValueError, match="free"):
        exchange.deposit(ann, "USDT", Decimal(-1_001), NOW)
    told = [(event.asset, event.delta) for event in exchange.drain() if isinstance(event, BalanceEvent)]
    assert told == [("USDT", Decimal(-9_000))]
    assert exchange.audit()["ok"]


def test_status_and_filters_change_while_running() -> None:
    exchange = make_exchange()
    exchange.set_status(SYMBOL, "CANCEL_ONLY", NOW)
    with pytest.raises(ApiError, match="Market is closed"):
        place(exchange, "ann", Side.BUY, "1", "99")
    exchange.set_status(SYMBOL, "TRADING", NOW)
    exchange.set_filters(SYMBOL, [{"filterType": "LOT_SIZE", "minQty": "2", "maxQty": "9", "stepSize": "1"}], NOW)
    with pytest.raises(ApiError, match="LOT_SIZE"):
        place(exchange, "ann", Side.BUY, "1", "99")
    place(exchange, "ann", Side.BUY, "2", "99")
    assert sum(isinstance(event, StatusEvent) for event in exchange.drain()) == 3


@pytest.mark.parametrize(
    "entry", [{"filterType": "LOT_SIZE"}, {"filterType": "MAX_NUM_ORDERS", "x": 1}, {"filterType": "NOTIONAL"}]
)
def test_filters_without_their_numbers_are_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="bad filter"):
        MarketRules.create(SYMBOL, "BTC", "USDT", [entry])


def test_a_refused_order_changes_nothing() -> None:
    exchange = make_exchange()
    with pytest.raises(ApiError, match="insufficient balance"):
        place(exchange, "ann", Side.SELL, "11", "101")
    assert exchange.drain() == []
    assert exchange.account("ann").open_orders == {}
    assert holdings(exchange.account("ann"), "BTC") == (Decimal(10), Decimal(0))


def test_the_audit_notices_a_coin_from_nowhere() -> None:
    exchange = make_exchange()
    exchange.account("ann").balance("BTC").free += Decimal("0.00000001")
    verdict = exchange.audit()
    assert not verdict["ok"]
    assert verdict["problems"] == ["BTC: off by -0.00000001"]


def test_a_trailing_buy_amended_after_the_price_rose_holds_no_more_than_before() -> None:
    exchange = make_exchange()
    ben = exchange.account("ben")
    request = OrderRequest(SYMBOL, Side.BUY, OrderType.STOP_LOSS, Decimal(50), trailing_delta=2_000)
    order = exchange.place(ben, request, NOW).order
    assert holdings(ben, "USDT") == (Decimal(5_000), Decimal(5_000))
    place(exchange, "ben", Side.BUY, "98", "50")
    exchange.outside_trade(SYMBOL, Side.BUY, Decimal(1), NOW, price=Decimal(119), print_rest=True)
    exchange.amend_keep_priority(ben, SYMBOL, Ref(order.order_id), Decimal(49), NOW)
    assert holdings(ben, "USDT") == (Decimal(100), Decimal(9_900))
    exchange.amend_keep_priority(ben, SYMBOL, Ref(order.order_id), Decimal(10), NOW)
    assert holdings(ben, "USDT") == (Decimal(3_910), Decimal(6_090))
