"""One odd row is set aside, shown and told; everything else goes on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import Cycle, Purpose
from shared.src.contracts.topics import ALERT, CYCLE_UPDATED, EXECUTION
from shared.src.domain.errors import ContractError
from shared.src.domain.orders import CycleStatus, IntentKind, OrderStatus, Side
from shared.src.exchange.calls import Params, SignedCalls, Urgency
from shared.src.exchange.models import OddRow, OrderReport
from tests.unit.trader.engine_world import World, one_process
from tests.unit.trader.fake_exchange import SYMBOL
from tests.unit.trader.rig import Rig, intent

D = Decimal
GONE = "MATICUSDC"
# Of two orders: the second waits for what the first one will buy.
OPO = {
    "workingType": "LIMIT",
    "workingSide": "BUY",
    "workingPrice": "40000",
    "workingQuantity": "0.01",
    "workingTimeInForce": "GTC",
    "pendingType": "LIMIT_MAKER",
    "pendingSide": "SELL",
    "pendingPrice": "90000",
}


class Distorted:
    """Answers of an exchange, one of them made odd."""

    def __init__(self, calls: SignedCalls, path: str, change: Any) -> None:
        self._calls = calls
        self._path = path
        self._change = change

    async def ask(self, path: str, params: Params, *, weight: int, urgency: Urgency) -> Any:
        answer = await self._calls.ask(path, params, weight=weight, urgency=urgency)
        return self._change(answer) if path == self._path else answer

    async def change(self, method: str, path: str, params: Params) -> Any:
        return await self._calls.change(method, path, params)


def distort(world: World, path: str, change: Any) -> None:
    world.exchange._account._calls = Distorted(world.exchange._account._calls, path, change)


def by_hand(world: World, path: str, **params: str) -> Any:
    return world.exchange._orders._calls.change("post", path, {"symbol": SYMBOL} | params)


async def aside(world: World | Rig) -> dict[str, str]:
    """What is set aside now, and why."""
    return {
        f"{item.row.source} {item.row.key}": item.row.reason
        for item in await world.store.quarantined()
        if item.released_at is None
    }


ODD_ORDERS: dict[str, Any] = {
    "a type nobody knows": {"type": "TAKE_A_WALK"},
    "a status nobody knows": {"status": "PENDING_MOON"},
    "a side nobody knows": {"side": "HOLD"},
    "an amount that is none": {"origQty": "many"},
    "an amount without end": {"executedQty": "NaN"},
    "no symbol": {"symbol": None, "orderId": None},
}


@pytest.mark.parametrize("odd", ODD_ORDERS)
async def test_an_open_order_that_cannot_be_read_hides_no_other(odd: str) -> None:
    async with one_process() as world:
        await world.take()

        def with_an_odd_one(rows: list[dict[str, Any]]) -> list[Any]:
            return [rows[0] | {"orderId": 4711, "clientOrderId": "web"} | ODD_ORDERS[odd], *rows]

        distort(world, "openOrders", with_an_odd_one)
        runs = world.trader.reconciler.runs
        await world.trader.reconciler.run()
        assert world.trader.reconciler.runs == runs + 1
        assert [order.status for order in await world.store.live_orders()] == [OrderStatus.NEW] * 2
        (name,) = await aside(world)
        assert name.startswith("order ")
        assert ALERT.name in [channel for channel, _ in world.bus.notices]
        assert "1 set aside" in await world.trader.quarantine.summary()


async def test_an_order_is_no_longer_set_aside_once_it_is_gone() -> None:
    async with one_process() as world:
        odd = [{"symbol": SYMBOL, "orderId": 7, "type": "?"}]
        distort(world, "openOrders", lambda rows: rows + odd)
        await world.trader.reconciler.run()
        await world.trader.reconciler.run()
        told = [channel for channel, _ in world.bus.notices if channel == ALERT.name]
        assert (len(told), list(await aside(world))) == (1, [f"order {SYMBOL}/7"])
        odd.clear()
        await world.trader.reconciler.run()
        assert not await aside(world)


@pytest.mark.parametrize("answer", [None, {}, "<html>", {"balances": None}, [None], {"balances": [None]}])
async def test_an_answer_of_another_kind_ends_no_task(answer: Any) -> None:
    async with one_process() as world:
        await world.take()
        for path in ("account", "openOrders", "myTrades"):
            distort(world, path, lambda _: answer)
        runs = world.trader.reconciler.runs
        trying = asyncio.create_task(world.trader._tried("compare", world.trader.reconciler.run))
        await asyncio.sleep(0.01)
        world.clock.advance(2)
        await trying
        assert world.trader.reconciler.runs == runs
        assert not world.trader.cycle_manager.failure.done()


async def test_an_order_of_another_program_that_waits_for_another_ones_units_is_adopted_when_it_has_some() -> None:
    async with one_process() as world:
        listed = await by_hand(world, "orderList/opo", **OPO)
        pending = max(row["orderId"] for row in listed["orders"])
        await world.quiet()
        await world.trader.reconciler.run()
        assert await aside(world) == {f"order {SYMBOL}/{pending}": f"order {pending} in {SYMBOL} has no quantity yet"}
        await world.take()
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        await world.trader.on_intent(intent(2, world.clock, kind=IntentKind.EXIT))
        await world.quiet()
        await world.offer("39999", "40000")
        await world.trader.reconciler.run()
        assert not await aside(world)
        adopted = await world.store.order_by_exchange_id(SYMBOL, pending)
        assert adopted is not None
        assert adopted.quantity > 0


async def test_an_order_that_has_no_quantity_yet_is_in_nobodys_way_where_few_orders_may_stand() -> None:
    async with one_process() as world:
        limit = {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 1}
        world.engine.set_filters(SYMBOL, [limit], world.clock.now_ms())
        await world.exchange.refresh_rules(SYMBOL)
        await by_hand(world, "orderList/opo", **OPO)
        await world.take()
        assert world.cycle.status is CycleStatus.ACTIVE_BUY


async def test_a_position_in_a_symbol_that_is_gone_leaves_the_others_alone() -> None:
    rig = Rig()
    entry = intent(1, rig.clock)
    await rig.receive(entry)
    known = rig.memory.all_orders()[0]
    lost = Cycle("lost", "in-lost", GONE, "EMA_Cross", CycleStatus.ACTIVE_BUY, rig.clock.now())
    order = replace(known, client_order_id="e-lost", intent_id="in-lost", cycle_id="lost", symbol=GONE)
    await rig.memory.open_cycle(lost, replace(order, status=OrderStatus.FILLED, exchange_order_id=999))
    await rig.deliver()
    await rig.tick()
    await rig.tick()
    assert rig.trader.reconciler.runs == 2
    set_aside = await aside(rig)
    assert {f"symbol {GONE}", "cycle lost"} <= set(set_aside)
    assert "-1121" in set_aside["cycle lost"]
    await rig.receive(intent(2, rig.clock, kind=IntentKind.EXIT))
    await rig.settle()
    assert rig.memory.all_cycles()[0].status is CycleStatus.COMPLETED


async def test_a_fill_in_a_symbol_without_rules_does_not_end_the_stream() -> None:
    rig = Rig()
    await rig.receive(intent(1, rig.clock))
    report = next(event for event in rig.exchange.events if event.fills)
    stranger = replace(report.order, symbol=GONE, order_id=77, client_order_id="web")
    fills = tuple(replace(fill, symbol=GONE, order_id=77) for fill in report.fills)
    rig.exchange.fills += fills
    await rig.trader.on_report(OrderReport(stranger, fills))
    await rig.deliver()
    await rig.tick()
    assert any(GONE in name for name in await aside(rig))
    await rig.settle()
    assert rig.memory.all_cycles()[0].status is CycleStatus.ACTIVE_BUY


async def test_a_second_order_under_an_id_of_ours_is_adopted_and_breaks_nothing() -> None:
    """Another trader sold the same position again, of the owner's coins: Binance takes an id again once it is done."""
    rig = Rig()
    await rig.receive(intent(1, rig.clock))
    await rig.receive(intent(1, rig.clock, kind=IntentKind.EXIT))
    await rig.deliver()
    sale = next(order for order in rig.orders if order.purpose is Purpose.EXIT)
    rig.exchange.base += D(1)
    await rig.exchange.place(sale)
    await rig.deliver()
    await rig.tick()
    await rig._restart()
    await rig.tick()
    external = [order for order in rig.orders if order.purpose is Purpose.EXTERNAL]
    assert [order.executed_quantity for order in external] == [sale.quantity]
    assert not await aside(rig)
    assert rig.memory.all_cycles()[0].exit_quantity == sale.quantity
    assert sum(fill.side is Side.SELL for fill in rig.memory.executions()) == 4


async def test_an_event_that_cannot_be_read_is_set_aside_and_the_stream_goes_on() -> None:
    async with one_process() as world:
        world.exchange._news.put_nowait({"e": "executionReport", "s": SYMBOL, "i": 12, "o": "TAKE_A_WALK"})
        world.exchange._news.put_nowait({"e": "outboundAccountPosition", "u": 1})
        world.exchange._news.put_nowait({"e": "outboundAccountPosition", "B": [{"a": "BTC", "f": "x", "l": "0"}]})
        await world.take()
        assert f"order {SYMBOL}/12" in await aside(world)
        assert world.cycle.status is CycleStatus.ACTIVE_BUY


async def test_a_message_that_breaks_its_contract_does_not_hold_up_the_outbox() -> None:
    async with one_process() as world:
        await world.take()
        first = next(iter(world.store._outbox))
        world.store._outbox[first] = replace(world.store._outbox[first], payload=b'{"odd": true}')
        await world.trader.publisher.flush()
        assert not world.store._outbox
        assert world.bus.messages[EXECUTION.name]
        assert [source for source, _ in world.bus.dead_letters] == [CYCLE_UPDATED.name]


async def test_an_intent_that_cannot_be_handled_does_not_keep_the_others_waiting() -> None:
    rig = Rig()
    rig.decisions = [intent(1, rig.clock), intent(2, rig.clock)]
    take = rig.trader.intents.take

    async def odd_first(found: Any, **rest: Any) -> Any:
        if found.message_id == "entry-1":
            raise ContractError("an odd decision")
        return await take(found, **rest)

    rig.trader.intents.take = odd_first  # type: ignore[method-assign, assignment]
    await rig.tick()
    assert "intent entry-1" in await aside(rig)
    assert [cycle.intent_id for cycle in rig.cycles] == ["entry-2"]


async def test_what_is_set_aside_is_known_after_a_restart_and_told_once() -> None:
    rig = Rig()
    await rig.trader.quarantine.put(OddRow("order", "x/1", "odd"))
    await rig._restart()
    await rig.trader.quarantine.put(OddRow("order", "x/1", "odd"))
    assert len(rig.bus.notices) == 1
    await rig.trader.quarantine.release("order", "x/1")
    assert not await aside(rig)
