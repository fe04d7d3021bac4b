"""Executions against their benchmark: which price that is, and what was lost on it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.execution.arrival import Arrival
from core.execution.slippage import benchmark_of, execution_of, slippage_bips
from core.positions.model import Order, Purpose
from shared.src.domain.orders import OrderType, Side
from tests.unit.core.positions.cycles import NOW

D = Decimal
MARKET = Arrival(D(100), D("100.1"))


def order(side: Side = Side.BUY, quantity: str = "1", quote: str = "101", **changes: Any) -> Order:
    facts: dict[str, Any] = {
        "client_order_id": "o",
        "intent_id": "i",
        "cycle_id": "c",
        "attempt": 1,
        "purpose": Purpose.ENTRY,
        "symbol": "BTCUSDC",
        "side": side,
        "type": OrderType.MARKET,
        "quantity": D(10),
        "created_at": NOW,
        "executed_quantity": D(quantity),
        "executed_quote": D(quote),
        "arrival": MARKET,
    }
    return Order(**(facts | changes))


@pytest.mark.parametrize(
    ("changes", "benchmark"),
    [
        ({}, D(100)),
        ({"price": D(102)}, D(100)),
        ({"arrival": None}, None),
        ({"arrival": None, "purpose": Purpose.STOP_LOSS, "stop_price": D(95), "price": D(90)}, D(95)),
        ({"arrival": None, "purpose": Purpose.STOP_LOSS}, None),
        ({"arrival": None, "purpose": Purpose.TAKE_PROFIT, "price": D(110)}, D(110)),
        ({"arrival": MARKET, "stop_price": D(105)}, D(105)),
    ],
    ids=["market", "limit", "external", "stop", "trailing stop", "target", "entry with a trigger"],
)
def test_an_order_is_measured_against_the_market_of_its_decision_or_the_price_it_waited_for(
    changes: dict[str, Any], benchmark: Decimal | None
) -> None:
    assert benchmark_of(order(**changes)) == benchmark


@pytest.mark.parametrize(
    ("side", "quote", "bips"),
    [(Side.BUY, "101", 100), (Side.BUY, "99.5", -50), (Side.SELL, "99", 100), (Side.SELL, "100.2", -20)],
)
def test_paying_more_and_getting_less_are_costs(side: Side, quote: str, bips: int) -> None:
    execution = execution_of([order(side, quote=quote)], side)
    assert execution is not None
    assert execution.slippage_bips == bips


def test_several_orders_weigh_by_what_was_executed_and_those_without_a_benchmark_are_left_out() -> None:
    orders = [
        order(quantity="1", quote="100"),
        order(quantity="3", quote="303"),
        order(quantity="5", quote="900", arrival=None),
        order(quantity="0", quote="0"),
        order(Side.SELL, quantity="2", quote="100"),
    ]
    execution = execution_of(orders, Side.BUY)
    assert execution is not None
    assert (execution.quantity, execution.quote, execution.slippage_bips) == (D(4), D(403), D(75))


def test_nothing_is_said_before_anything_was_executed() -> None:
    assert execution_of([order(quantity="0", quote="0")], Side.BUY) is None
    assert slippage_bips(D(0), D(0)) is None
    assert slippage_bips(D("0.5"), D(1000)) == 5
