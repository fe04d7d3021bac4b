"""The exchange has no room for a protection: nothing is bought, and a symbol that refused one once is paused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.src.contracts.topics import ORDER_INTENT
from tests.integration.trader.conftest import Running, entry

pytestmark = pytest.mark.integration

ENDED = "SELECT * FROM trade_cycles WHERE completed_at IS NOT NULL"


def allow_stops(running: Running, count: int) -> None:
    limit: dict[str, Any] = {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": count}
    running.twin.do("POST", "/symbols", {"symbol": "BTCUSDC", "filters": [limit]})


async def test_after_a_refused_protection_the_symbol_is_paused_until_somebody_lifts_it(running: Running) -> None:
    allow_stops(running, 1)
    await running.trader.bus.publish(ORDER_INTENT, entry("first"))
    await running.until("SELECT 1 FROM trade_cycles WHERE protected_at IS NOT NULL")
    # the rules that the trader holds do not tell of the new limit
    await running.trader.bus.publish(ORDER_INTENT, entry("second"))
    await running.until(ENDED)
    (pause,) = await running.trader.store.pauses()
    assert (pause.scope, "MAX_NUM_ALGO_ORDERS" in pause.reason) == ("BTCUSDC", True)
    third = await running.trader.intents.take(entry("third"))
    assert "BTCUSDC is paused" in third.refused
    assert await running.trader.store.resume("BTCUSDC")
    await asyncio.sleep(2.1)  # until rules may be read again
    fourth = await running.trader.intents.take(entry("fourth"))
    assert "MAX_NUM_ALGO_ORDERS" in fourth.refused
