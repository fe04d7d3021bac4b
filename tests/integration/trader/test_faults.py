"""A bad day at the exchange: whatever gets lost, doubled or refused, the position is whole and protected."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pytest
from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.contracts.topics import ORDER_INTENT
from shared.src.domain.errors import TransientError
from tests.integration.simulator.conftest import RunningTwin
from tests.integration.trader.conftest import PATIENCE_S, TOKEN, Running, entry, running_trader, way_out

pytestmark = pytest.mark.integration

PROTECTED = "SELECT * FROM trade_cycles WHERE protected_at IS NOT NULL AND status = 'active_buy'"
ENDED = "SELECT * FROM trade_cycles WHERE completed_at IS NOT NULL"


@pytest.fixture
def faults(twin: RunningTwin) -> Iterator[Callable[..., None]]:
    def add(name: str, **rule: Any) -> None:
        twin.do("POST", "/faults", {"fault": name, **rule})

    yield add
    twin.do("DELETE", "/faults")


async def whole(running: Running, held: str = "0.01998") -> None:
    """One position, one entry order with fills, and the exchange holds exactly that."""
    await running.until(PROTECTED)
    assert await running.exchange_holds("BTC") == Decimal(held)
    bought = await running.rows("SELECT * FROM orders WHERE side = 'BUY' AND executed_quantity > 0")
    assert len(bought) == 1
    standing = await running.trader.exchange.open_orders()
    assert {order.quantity for order in standing} == {Decimal(held)}


@pytest.mark.parametrize("fault", ["answer_lost", "http_5xx_unknown", "timeout_1007", "malformed_answer"])
async def test_an_entry_without_an_answer_is_found_and_not_sent_again(
    running: Running, faults: Callable[..., None], fault: str
) -> None:
    faults(fault, count=1)
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await whole(running)


@pytest.mark.parametrize("fault", ["answer_lost", "http_5xx_unknown"])
async def test_a_protection_without_an_answer_is_found_and_not_sent_again(
    running: Running, faults: Callable[..., None], fault: str
) -> None:
    faults(fault, count=1, match={"endpoint": "POST /api/v3/orderList/*"})
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await whole(running)
    await running.trader.bus.publish(ORDER_INTENT, way_out())
    assert (await running.until(ENDED))[0]["status"] == "completed"


async def test_a_request_that_got_lost_is_sent_again_past_the_horizon_under_a_new_id(
    trader_settings: Settings, twin: RunningTwin, redis: Redis, faults: Callable[..., None]
) -> None:
    quick = trader_settings.model_copy(update={"recv_window_ms": 1000})
    async with running_trader(quick, twin) as running:
        faults("request_lost", count=1)
        await running.trader.bus.publish(ORDER_INTENT, entry())
        await running.until("SELECT * FROM orders WHERE status = 'UNKNOWN'")
        await whole(running)
        attempts = await running.rows("SELECT attempt, status FROM orders WHERE side = 'BUY' ORDER BY attempt")
        assert attempts == [{"attempt": 1, "status": "REJECTED"}, {"attempt": 2, "status": "FILLED"}]


async def test_a_refused_pair_gives_way_to_a_stop_alone(running: Running, faults: Callable[..., None]) -> None:
    faults("reject_protection_leg", count=1)
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    standing = await running.trader.exchange.open_orders()
    assert [order.type.value for order in standing] == ["STOP_LOSS"]


async def test_doubled_events_and_a_broken_stream_change_nothing(running: Running, faults: Callable[..., None]) -> None:
    faults("stream_duplicate", probability=1.0)
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    runs = running.trader.reconciler.runs
    faults("disconnect", count=1, params={"target": "user"})
    running.liquidity("BTCUSDC", "52100.00", "52105.00")
    ended = (await running.until(ENDED))[0]
    assert (ended["status"], ended["exit_reason"]) == ("completed", "take_profit")
    assert len(await running.rows("SELECT * FROM trade_executions")) == 2
    async with asyncio.timeout(PATIENCE_S):
        while running.trader.reconciler.runs == runs:  # noqa: ASYNC110  the reconciler has no event of its own
            await asyncio.sleep(0.05)


async def test_a_lost_event_is_found_by_comparing(running: Running, faults: Callable[..., None]) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    faults("stream_drop", probability=1.0)
    running.liquidity("BTCUSDC", "52100.00", "52105.00")
    await running.trader.reconciler.run()
    assert (await running.until(ENDED))[0]["exit_reason"] == "take_profit"


async def test_an_order_from_elsewhere_is_adopted_and_labelled(running: Running) -> None:
    orders = running.trader.exchange._orders  # type: ignore[attr-defined]
    params = {"symbol": "ETHUSDC", "side": "BUY", "type": "MARKET", "quantity": "0.5", "newClientOrderId": "my-phone"}
    await orders.create_order(params)
    found = (await running.until("SELECT * FROM trade_executions WHERE purpose = 'external'"))[0]
    assert (found["quantity"], found["cycle_id"]) == (Decimal("0.5"), None)
    assert not await running.rows("SELECT * FROM trade_cycles")


async def test_missing_units_halt_new_entries_and_say_why(
    running: Running, twin: RunningTwin, faults: Callable[..., None]
) -> None:
    await running.trader.bus.publish(ORDER_INTENT, entry())
    await running.until(PROTECTED)
    account = twin.accounts[0]["name"]
    standing = (await running.trader.exchange.open_orders())[0]
    assert standing.order_list_id is not None
    # the trader must not hear of the free units before they are gone: it would protect them again
    faults("stream_drop", probability=1.0)
    async with running.trader.reconciler._lock:
        await running.trader.exchange._orders.cancel_order_list("BTCUSDC", standing.order_list_id)  # type: ignore[attr-defined]
        twin.do("POST", "/balances", {"account": account, "asset": "BTC", "delta": "-0.015"})
    for _ in range(2):
        await running.trader.reconciler.run()
        await running.trader.cycle_manager.idle()
    pause = await running.row("SELECT * FROM trading_pauses")
    assert pause["scope"] == "all"
    assert "BTC" in pause["reason"]
    with pytest.raises(TransientError, match="BTC"):
        await running.trader.difference()
    await running.trader.bus.publish(ORDER_INTENT, entry("second", symbol="ETHUSDC", reference_price=Decimal(3000)))
    refused = (await running.until("SELECT * FROM trade_intents WHERE NOT accepted"))[0]
    assert "difference" in refused["reason"]


async def test_a_trailing_stop_rests_on_the_exchange(
    make_settings: Callable[..., Settings], twin: RunningTwin, redis: Redis
) -> None:
    settings = make_settings(
        simulator_url=twin.rest,
        binance_api_key=twin.key,
        binance_secret_key=twin.secret,
        trading_symbols="BTCUSDC",
        max_exposure_percent="50",
        trailing_stop_percent="1",
        take_profit_percent="10",
        api_token=TOKEN,
    )
    async with running_trader(settings, twin) as running:
        await running.trader.bus.publish(ORDER_INTENT, entry(take_profit=None, stop_loss=None))
        await running.until(PROTECTED)
        for bid, ask in (("51000.00", "51010.00"), ("52000.00", "52010.00")):
            running.liquidity("BTCUSDC", bid, ask)
            running.trade("BTCUSDC", "BUY", "0.001")
        running.liquidity("BTCUSDC", "51400.00", "51410.00")
        running.trade("BTCUSDC", "SELL", "0.001")
        ended = (await running.until(ENDED))[0]
        assert (ended["exit_reason"], ended["exit_price"]) == ("stop_loss", Decimal(51400))
        assert ended["profit_loss"] > 0


async def test_a_pair_that_gets_lost_is_sent_again_at_once(running: Running, faults: Callable[..., None]) -> None:
    faults("request_lost", count=1, match={"endpoint": "POST /api/v3/orderList/*"})
    await running.trader.bus.publish(ORDER_INTENT, entry())
    (cycle,) = await running.until(PROTECTED)
    assert cycle["unprotected_s"] < 1.5
    assert len(await running.trader.exchange.open_orders()) == 2
    assert len(await running.rows("SELECT * FROM orders WHERE side = 'SELL'")) == 2
