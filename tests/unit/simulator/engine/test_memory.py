"""What an account remembers is bounded, however long it trades; what it has forgotten is answered as archived."""

from __future__ import annotations

import gc
import tracemalloc
from decimal import Decimal

import pytest

from shared.src.domain.orders import OrderType, Side
from simulator.engine.errors import ApiError
from simulator.engine.exchange import Engine
from simulator.engine.orders import (
    BinanceOrderStatus,
    Cancellation,
    ListKind,
    ListRequest,
    OrderRequest,
    Ref,
    TimeInForce,
)
from simulator.engine.records import everything
from simulator.engine.rules import MarketRules

SYMBOL = "BTCUSDT"
KEPT = 50
D = Decimal


def make_exchange() -> Engine:
    exchange = Engine(history=KEPT)
    exchange.add_symbol(MarketRules.create(SYMBOL, "BTC", "USDT", []), D(100))
    for name in ("ann", "ben"):
        exchange.add_account(name, {"BTC": D(10**6), "USDT": D(10**9)}, D("0.001"), D("0.001"))
    return exchange


def limit(side: Side, price: str, name: str | None = None) -> OrderRequest:
    return OrderRequest(SYMBOL, side, OrderType.LIMIT, D(1), D(price), TimeInForce.GTC, client_order_id=name)


def trade_on(exchange: Engine, rounds: int) -> None:
    """Each round: a trade, an amended and cancelled order, a pair that is cancelled, a match that is prevented."""
    ann, ben = exchange.account("ann"), exchange.account("ben")
    for _ in range(rounds):
        exchange.place(ann, limit(Side.SELL, "101"), 1)
        exchange.place(ben, limit(Side.BUY, "101"), 1)
        resting = exchange.place(ann, limit(Side.BUY, "90"), 1).order.order_id
        exchange.amend_keep_priority(ann, SYMBOL, Ref(resting), D("0.5"), 1)
        exchange.cancel(ann, SYMBOL, Ref(resting), 1)
        exchange.place(ann, limit(Side.BUY, "99"), 1)
        # the default of a symbol is EXPIRE_MAKER
        taker = exchange.place(ann, limit(Side.SELL, "99"), 1).order.order_id
        exchange.cancel(ann, SYMBOL, Ref(taker), 1)
        above = OrderRequest(SYMBOL, Side.SELL, OrderType.LIMIT_MAKER, D(1), D(150))
        below = OrderRequest(SYMBOL, Side.SELL, OrderType.STOP_LOSS, D(1), stop_price=D(50))
        pair = exchange.place_list(ben, ListRequest(ListKind.OCO, SYMBOL, (above, below)), 1)
        exchange.cancel_list(ben, SYMBOL, Ref(pair.order_list.list_id), 1)
        exchange.drain()


def test_a_long_life_does_not_need_more_memory_than_a_shorter_one() -> None:
    exchange = make_exchange()
    trade_on(exchange, 2 * KEPT)
    exchange.market(SYMBOL).tape.trades.clear()
    records = {kind: 0 for kind, _ in everything(exchange).records}
    sizes = [len(everything(exchange).records)]
    tracemalloc.start()
    try:
        for _ in range(3):
            trade_on(exchange, 4 * KEPT)
            # the tape has a bound of its own, 2,000 trades, which is reached later
            exchange.market(SYMBOL).tape.trades.clear()
            exchange.market(SYMBOL).tape.aggregates.clear()
            gc.collect()
            sizes.append(len(everything(exchange).records))
            held, _ = tracemalloc.get_traced_memory()
            # every order was replaced by a later one meanwhile: what is held is at most all of them once
            assert held < 3_000_000
    finally:
        tracemalloc.stop()
    assert len(set(sizes)) == 1
    assert {"order", "list", "fill", "amendment", "prevented"} <= set(records)
    for account in exchange.accounts.values():
        assert len(account.orders) <= 2 * KEPT
        assert len(account.last_by_client_id) <= 2 * KEPT
        assert sum(map(len, account.fills.values())) <= KEPT


def test_what_is_forgotten_is_archived_and_what_never_was_does_not_exist() -> None:
    exchange = make_exchange()
    ann = exchange.account("ann")
    first = exchange.place(ann, limit(Side.BUY, "90", "first"), 1).order.order_id
    exchange.cancel(ann, SYMBOL, Ref(first), 1)
    stays = exchange.place(ann, limit(Side.BUY, "91", "stays"), 1).order.order_id
    trade_on(exchange, 2 * KEPT)

    asked: list[tuple[int | None, str | None, int]] = [
        (first, None, -2026),
        (None, "first", -2013),
        (10**9, None, -2013),
    ]
    for order_id, client_order_id, code in asked:
        with pytest.raises(ApiError) as refused:
            exchange.order(ann, SYMBOL, Ref(order_id, client_order_id))
        assert refused.value.error_code == code
    with pytest.raises(ApiError) as refused:
        exchange.cancel(ann, SYMBOL, Ref(first), 1)
    assert refused.value.error_code == -2011
    assert exchange.order(ann, SYMBOL, Ref(stays)).status is BinanceOrderStatus.NEW
    cancelled = exchange.cancel(ann, SYMBOL, Ref(client_id="stays"), 1)
    assert isinstance(cancelled, Cancellation)
    assert cancelled.order.order_id == stays


def test_a_done_order_of_an_open_list_is_not_forgotten() -> None:
    exchange = make_exchange()
    ann = exchange.account("ann")
    working = limit(Side.BUY, "101", "working")
    pending = OrderRequest(SYMBOL, Side.SELL, OrderType.LIMIT, D(1), D(190), TimeInForce.GTC)
    exchange.place(exchange.account("ben"), limit(Side.SELL, "101"), 1)
    placed = exchange.place_list(ann, ListRequest(ListKind.OTO, SYMBOL, (working, pending)), 1)
    trade_on(exchange, 2 * KEPT)

    assert exchange.order(ann, SYMBOL, Ref(client_id="working")).status is BinanceOrderStatus.FILLED
    cancelled = exchange.cancel_list(ann, SYMBOL, Ref(placed.order_list.list_id), 1)
    assert [item.order.status for item in cancelled.cancellations] == [BinanceOrderStatus.CANCELED]
    assert exchange.audit()["ok"]
