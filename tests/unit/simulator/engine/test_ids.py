"""A ledger that outlives the twin books a trade once by its id: two runs must not use the same one."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

from shared.src.domain.orders import Side
from simulator.fixture import parse_fixture
from simulator.world import World

SYMBOL = "BTCUSDT"


def world(**changes: Any) -> World:
    symbol = {"symbol": SYMBOL, "base": "BTC", "quote": "USDT", "last_price": "50000", "asks": [["50001", "9"]]}
    return World(parse_fixture({"market": {"kind": "still"}, "symbols": [symbol], **changes}))


def ids_of(run: World, trades: int = 20) -> set[int]:
    for _ in range(trades):
        run.exchange.outside_trade(SYMBOL, Side.BUY, Decimal("0.1"), 1)
    return {trade.trade_id for trade in run.exchange.market(SYMBOL).tape.trades}


def test_a_run_uses_no_id_of_the_run_before() -> None:
    for clock in ({"mode": "real"}, {"mode": "accelerated", "speed": 60}):
        before = world(clock=clock)
        used = ids_of(before)
        time.sleep(0.03)
        after = world(clock=clock)
        assert not used & ids_of(after)
        assert after.exchange.core.next_order_id > before.exchange.core.next_order_id
        assert after.exchange.core.next_list_id > before.exchange.core.next_list_id
        assert max(ids_of(after)) < 2**53


def test_a_stepped_run_is_the_same_every_time() -> None:
    stepped = {"clock": {"mode": "stepped"}}
    assert ids_of(world(**stepped)) == ids_of(world(**stepped)) == set(range(1, 21))


def test_a_fixture_may_say_where_ids_start() -> None:
    assert min(ids_of(world(first_id=500))) == 500
