"""Entries at market on books that are thin or empty: never dearer than their bound, never more than was reserved."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.src.contracts.topics import ORDER_INTENT
from tests.integration.trader.conftest import Running, entry

pytestmark = pytest.mark.integration

PROTECTED = "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL AND status = 'active_buy'"
SPENT = "SELECT coalesce(sum(quote_quantity), 0) AS spent FROM trade_executions WHERE side = 'BUY'"


def offers(running: Running, *asks: tuple[str, str]) -> None:
    running.twin.do("POST", "/liquidity", {"symbol": "BTCUSDC", "bids": [["49995.00", "5"]], "asks": list(asks)})


async def test_a_book_with_a_crumb_at_the_best_price_is_not_bought_from(running: Running) -> None:
    offers(running, ("50000.00", "0.0001"), ("60000.00", "5"))
    taken = await running.trader.intents.take(entry())
    assert "too little for a position" in taken.refused
    assert (await running.row(SPENT))["spent"] == 0


async def test_what_a_thin_book_offers_within_the_bound_is_a_protected_position(running: Running) -> None:
    offers(running, ("50000.00", "0.005"), ("50400.00", "0.003"), ("60000.00", "5"))
    await running.trader.bus.publish(ORDER_INTENT, entry(reserved=Decimal(1010)))
    cycle = (await running.until(PROTECTED))[0]
    assert cycle["quantity"] == Decimal("0.008")
    assert (await running.row(SPENT))["spent"] == Decimal("0.005") * 50_000 + Decimal("0.003") * 50_400
    stops = [order for order in await running.trader.exchange.open_orders() if order.stop_price]
    assert [order.quantity for order in stops] == [Decimal("0.00799")]


async def test_a_price_that_rose_buys_less_and_never_more_than_was_reserved(running: Running) -> None:
    running.liquidity("BTCUSDC", "50190.00", "50200.00")
    await running.trader.bus.publish(ORDER_INTENT, entry(reserved=Decimal(1000)))
    cycle = (await running.until(PROTECTED))[0]
    assert cycle["quantity"] == Decimal("0.0198")
    assert (await running.row(SPENT))["spent"] <= 1000
