"""The exchange changes a symbol's rules while the trader holds the old ones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.contracts.topics import ORDER_INTENT
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import Running, entry, running_trader

pytestmark = pytest.mark.integration

PROTECTED = "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL AND status = 'active_buy'"
BUYS = "SELECT quantity, status, reject_code FROM orders WHERE side = 'BUY' ORDER BY attempt"


def change(running: Running, kind: str, **limits: str) -> None:
    body: dict[str, Any] = {"symbol": "BTCUSDC", "filters": [{"filterType": kind, **limits}]}
    running.twin.do("POST", "/symbols", body)


def coarser_quantities(running: Running, step: str) -> None:
    change(running, "LOT_SIZE", minQty=step, maxQty="9000", stepSize=step)


def coarser_prices(running: Running, tick: str) -> None:
    change(running, "PRICE_FILTER", minPrice=tick, maxPrice="1000000", tickSize=tick)


async def test_an_entry_that_breaks_the_new_step_is_rounded_and_sent_again(running: Running) -> None:
    coarser_quantities(running, "0.003")
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    rows = await running.rows(BUYS)
    assert [(row["quantity"], row["status"], row["reject_code"]) for row in rows] == [
        (Decimal("0.02"), "REJECTED", -1013),
        (Decimal("0.018"), "FILLED", None),
    ]


async def test_a_protection_that_breaks_the_new_tick_is_rounded_and_the_position_kept(running: Running) -> None:
    coarser_prices(running, "7")
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    stops = [order for order in await running.trader.exchange.open_orders() if order.stop_price]
    assert [order.stop_price for order in stops] == [Decimal(49_000)]
    assert not await running.rows("SELECT * FROM orders WHERE purpose = 'exit'")


@pytest.fixture
async def with_a_lost_symbol(trader_settings: Settings, twin: RunningTwin, redis: Redis) -> AsyncIterator[Running]:
    changed = trader_settings.model_copy(update={"trading_symbols": ("BTCUSDC", "MATICUSDC")})
    async with running_trader(changed, twin) as at_work:
        yield at_work


async def test_a_symbol_that_the_exchange_does_not_have_stops_no_other(with_a_lost_symbol: Running) -> None:
    await with_a_lost_symbol.trader.bus.publish(ORDER_INTENT, entry())
    await with_a_lost_symbol.until(PROTECTED)
    refused = await with_a_lost_symbol.trader.intents.take(entry("other", symbol="MATICUSDC"))
    assert refused.refused == "MATICUSDC is not listed on the exchange"
