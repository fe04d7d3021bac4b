"""From an intent to a completed cycle, on real PostgreSQL, Redis and the twin."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from shared.src.contracts.orders import ExecutionEvent
from shared.src.contracts.portfolio import CycleUpdated
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED, ORDER_INTENT, Topic
from shared.src.sql import text
from tests.integration.trader.conftest import Running, entry, way_out

pytestmark = pytest.mark.integration

PROTECTED = "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL"
ENDED = "SELECT * FROM trade_cycles WHERE completed_at IS NOT NULL"


async def published(running: Running, topic: Topic[ExecutionEvent] | Topic[CycleUpdated]) -> list[object]:
    await running.trader.publisher.flush()
    entries: Any = await running.redis.xrange(topic.name)
    return [topic.decode(fields[b"d"]) for _, fields in entries]


async def test_an_entry_is_bought_protected_and_told(running: Running) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    cycle = (await running.until(PROTECTED))[0]
    assert cycle["status"] == "active_buy"
    assert (cycle["stop_price"], cycle["take_profit_price"]) == (Decimal(49000), Decimal(52000))
    legs = await running.rows("SELECT * FROM orders WHERE side = 'SELL' ORDER BY purpose")
    assert [(leg["purpose"], leg["status"], leg["type"]) for leg in legs] == [
        ("stop_loss", "NEW", "STOP_LOSS"),
        ("take_profit", "NEW", "LIMIT_MAKER"),
    ]
    # 0.02 less the fee of 0.1 %, floored to the step
    assert {leg["quantity"] for leg in legs} == {Decimal("0.01998")}
    events = await published(running, EXECUTION)
    assert len(events) == 1
    assert isinstance(events[0], ExecutionEvent)
    assert (events[0].purpose, events[0].intent_id, events[0].cycle_id) == ("entry", "intent-1", cycle["id"])
    assert not await running.rows("SELECT * FROM trade_executions WHERE NOT published")


async def test_a_sell_consensus_takes_the_protection_off_and_sells_the_position(running: Running) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    running.liquidity("BTCUSDC", "50500.00", "50505.00")
    await running.trader.bus.publish(ORDER_INTENT, way_out())
    cycle = (await running.until(ENDED))[0]
    assert cycle["status"] == "completed"
    assert cycle["exit_reason"] == "signal"
    assert cycle["exit_quantity"] == Decimal("0.01998")
    bought, sold = Decimal("0.02") * 50000, Decimal("0.01998") * 50500
    fees = Decimal("0.00002") * 50000 + sold / 1000
    assert cycle["profit_loss"] == Decimal("0.01998") * 500 - fees
    assert cycle["profit_loss"] == sold - bought - sold / 1000
    assert cycle["fees"] == fees
    assert cycle["dust"] == 0
    assert await running.exchange_holds("BTC") == 0
    assert not await running.trader.exchange.open_orders()
    states = [event.status.value for event in await published(running, CYCLE_UPDATED)]  # type: ignore[attr-defined]
    assert states[0] == "initiating"
    assert states[-1] == "completed"


async def test_a_take_profit_on_the_exchange_completes_the_cycle(running: Running) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    running.liquidity("BTCUSDC", "52100.00", "52105.00")
    cycle = (await running.until(ENDED))[0]
    assert (cycle["status"], cycle["exit_reason"]) == ("completed", "take_profit")
    assert cycle["profit_loss"] > 0


async def test_a_stop_on_the_exchange_completes_the_cycle(running: Running) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    running.liquidity("BTCUSDC", "48950.00", "48990.00")
    running.trade("BTCUSDC", "SELL", "0.01")
    cycle = (await running.until(ENDED))[0]
    assert (cycle["status"], cycle["exit_reason"]) == ("completed", "stop_loss")
    assert cycle["profit_loss"] < 0


async def test_a_stop_that_the_price_jumped_over_is_sold_by_the_exchange_at_what_can_be_had(running: Running) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    running.liquidity("BTCUSDC", "47000.00", "47010.00")
    running.trade("BTCUSDC", "SELL", "0.01")
    cycle = (await running.until(ENDED))[0]
    assert (cycle["status"], cycle["exit_reason"]) == ("completed", "stop_loss")
    assert cycle["exit_price"] == 47000


async def test_the_same_intent_twice_buys_once(running: Running) -> None:
    for _ in range(3):
        await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    await running.trader.intents.take(entry())
    assert len(await running.rows("SELECT * FROM orders WHERE side = 'BUY'")) == 1
    assert await running.exchange_holds("BTC") == Decimal("0.01998")


async def test_a_refused_intent_is_told_with_its_reason(running: Running) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry(quantity=Decimal(1), reserved=Decimal(50000)))
    refused = (await running.until("SELECT * FROM trade_intents WHERE NOT accepted"))[0]
    assert "MAX_POSITION_SIZE" in refused["reason"]
    await running.trader.publisher.flush()
    entries: Any = await running.redis.xrange(ORDER_FAILED.name)
    told = [ORDER_FAILED.decode(fields[b"d"]) for _, fields in entries]
    assert [message.intent_id for message in told] == ["intent-1"]


async def test_an_approved_decision_without_a_message_is_found(running: Running) -> None:
    intent = entry("lost")
    async with running.database.begin() as connection:
        await connection.execute(
            text(
                "INSERT INTO decisions (intent_id, consensus_id, symbol, side, kind, approved, reason, intent, "
                "decided_at) VALUES ('lost', 'c', 'BTCUSDC', 'BUY', 'entry', TRUE, 'ok', CAST(:intent AS jsonb), :now)"
            ),
            {"intent": intent.model_dump_json(), "now": running.trader.clock.now()},
        )
    assert (await running.until(PROTECTED))[0]["intent_id"] == "lost"
