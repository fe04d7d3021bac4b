"""What every store of the trader keeps to, in memory and in PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from core.execution.arrival import Arrival
from core.execution.plan import EntryPlan
from core.positions.model import Cycle, Fill, HandSale, Order, Purpose
from core.positions.trade_cursors import TradeCursor
from core.risk.halts import Cause, Pause
from core.risk.loss import LossMark
from core.risk.protections import EndedTrade
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import OrderFailed, OrderIntent
from shared.src.contracts.topics import CYCLE_UPDATED, EXECUTION, ORDER_FAILED
from shared.src.domain.errors import InvariantError
from shared.src.domain.execution import ExecutionMethod
from shared.src.domain.orders import CycleStatus, IntentKind, OrderStatus, OrderType, Side
from shared.src.exchange.models import ExchangeOrder, OddRow
from trader.src.ports import Store

D = Decimal
SYMBOL = "BTCUSDC"
DAY = timedelta(days=1)


@dataclass
class StoreWorld:
    """A store, its clock, and a way to be the coordinator that approves a decision."""

    store: Store
    clock: ManualClock
    approve: Callable[[OrderIntent], Awaitable[None]]

    def cycle(self, number: int = 1, **facts: Any) -> Cycle:
        cycle = Cycle(f"cy-{number}", f"in-{number}", SYMBOL, "EMA_Cross", CycleStatus.INITIATING, self.clock.now())
        return replace(cycle, **facts)

    def order(self, name: str = "entry-1", *, cycle: Cycle | None = None, side: Side = Side.BUY, **facts: Any) -> Order:
        order = Order(
            client_order_id=name,
            intent_id="in-1" if cycle is None else cycle.intent_id,
            cycle_id=None if cycle is None else cycle.id,
            attempt=1,
            purpose=Purpose.ENTRY if side is Side.BUY else Purpose.EXIT,
            symbol=SYMBOL,
            side=side,
            type=OrderType.MARKET,
            quantity=D(2),
            created_at=self.clock.now(),
            correlation_id="c-1",
        )
        return replace(order, **facts)

    def fill(self, order: Order, trade_id: int, quantity: str = "1") -> Fill:
        amount = D(quantity)
        return Fill(
            symbol=order.symbol,
            trade_id=trade_id,
            client_order_id=order.client_order_id,
            side=order.side,
            price=D(100),
            quantity=amount,
            quote_quantity=amount * 100,
            fee=D("0.001"),
            fee_asset="BTC",
            fee_quote=D("0.1"),
            is_maker=False,
            at=self.clock.now(),
        )

    async def opened(self, number: int = 1, **facts: Any) -> tuple[Cycle, Order]:
        """A cycle with its entry order, both written down."""
        cycle = self.cycle(number, **facts)
        entry = self.order(f"entry-{number}", cycle=cycle)
        assert await self.store.open_cycle(cycle, entry)
        return cycle, entry

    async def told(self) -> list[str]:
        """The topics of what waits in the outbox."""
        return [message.topic for message in await self.store.outbox(100)]

    def failed(self, number: int = 1) -> OrderFailed:
        return OrderFailed(
            message_id=f"of-in-{number}",
            occurred_at=self.clock.now(),
            intent_id=f"in-{number}",
            symbol=SYMBOL,
            side=Side.BUY,
            reason="no funds",
        )

    def intent(self, number: int = 1) -> OrderIntent:
        return OrderIntent(
            message_id=f"in-{number}",
            occurred_at=self.clock.now(),
            symbol=SYMBOL,
            kind=IntentKind.ENTRY,
            side=Side.BUY,
            quantity=D(2),
            reference_price=D(100),
            reserved=D(200),
            strategy="EMA_Cross",
            decided_on=self.clock.now_ms(),
        )


def report(order: Order, status: OrderStatus, executed: str = "0", number: int = 77) -> ExchangeOrder:
    """What the exchange says of an order."""
    return ExchangeOrder(
        symbol=order.symbol,
        order_id=number,
        client_order_id=order.client_order_id,
        side=order.side,
        type=order.type,
        status=status,
        quantity=order.quantity,
        executed_quantity=D(executed),
        executed_quote=D(executed) * 100,
        price=None,
        stop_price=None,
        time_in_force="",
        order_list_id=None,
        time_ms=0,
    )


async def _refuse(world: StoreWorld) -> bool:
    return await world.store.refuse(world.failed())


async def _open(world: StoreWorld) -> bool:
    cycle = world.cycle()
    return await world.store.open_cycle(cycle, world.order(cycle=cycle))


async def _accept(world: StoreWorld) -> bool:
    return await world.store.accept("in-1", [world.order("sale", side=Side.SELL)], reason="by hand")


async def _accept_exit(world: StoreWorld) -> bool:
    return await world.store.accept_exit("in-1", [])


WAYS = [_refuse, _open, _accept, _accept_exit]


class StoreBehaviour:
    """On every store."""

    # Intents

    @pytest.mark.parametrize("first", WAYS)
    async def test_an_intent_is_handled_once_in_whatever_way(
        self, world: StoreWorld, first: Callable[[StoreWorld], Awaitable[bool]]
    ) -> None:
        assert await first(world)
        cycles, told = await world.store.open_cycles(), await world.told()
        orders = [await world.store.order(name) for name in ("entry-1", "sale")]
        for again in WAYS:
            assert not await again(world)
        assert await world.store.open_cycles() == cycles
        assert [await world.store.order(name) for name in ("entry-1", "sale")] == orders
        assert await world.told() == told

    async def test_a_refusal_is_told(self, world: StoreWorld) -> None:
        await world.store.refuse(world.failed())
        assert await world.told() == [ORDER_FAILED.name]

    async def test_a_cycle_and_its_entry_are_there_together_with_all_their_facts(self, world: StoreWorld) -> None:
        cycle = world.cycle(
            stop_price=D("98.5"),
            take_profit_price=D(104),
            trailing_delta=50,
            correlation_id="c-1",
            consensus_id="cs-1",
            pocket="active",
            reference_price=D("100.25"),
            reserved=D("200.5"),
            resting=True,
            decided_at=world.clock.now(),
        )
        arrival = Arrival(D("100.1"), D("100.2"))
        entry = world.order(cycle=cycle, type=OrderType.LIMIT, price=D("99.9"), time_in_force="GTC", arrival=arrival)
        assert await world.store.open_cycle(cycle, entry)
        view = await world.store.view(cycle.id)
        assert (view.cycle, view.orders, view.fills) == (cycle, (entry,), ())
        assert await world.store.order(entry.client_order_id) == entry
        assert await world.told() == [CYCLE_UPDATED.name]

    async def test_a_cycle_whose_entry_follows_from_a_plan_is_there_without_an_order(self, world: StoreWorld) -> None:
        arrival = Arrival(D("100.1"), D("100.2"))
        plan = EntryPlan(ExecutionMethod.TWAP, D("1.5"), D(101), arrival, seconds=300, slices=5, share=D("0.1"))
        cycle = world.cycle(plan=plan, entering=True)
        assert await world.store.cycle(cycle.id) is None
        assert await world.store.open_cycle(cycle, None)
        assert not await world.store.open_cycle(cycle, None)
        view = await world.store.view(cycle.id)
        assert (view.cycle, view.orders) == (cycle, ())
        assert await world.store.cycle(cycle.id) == cycle

    async def test_an_entry_that_is_over_stays_over_whoever_saves_the_cycle(self, world: StoreWorld) -> None:
        cycle = world.cycle(plan=None, entering=True)
        await world.store.open_cycle(cycle, None)
        await world.store.save_cycle(replace(cycle, fees=D(1)))
        assert (await world.store.view(cycle.id)).cycle.entering
        await world.store.save_cycle(replace(cycle, entering=False))
        await world.store.save_cycle(replace(cycle, fees=D(2)))
        assert not (await world.store.view(cycle.id)).cycle.entering

    async def test_an_exit_asks_all_its_positions_to_leave_at_once(self, world: StoreWorld) -> None:
        for number in (1, 2, 3):
            await world.opened(number)
        await world.store.request_exit("cy-2", "time")
        assert await world.store.accept_exit("exit-1", ["cy-1", "cy-2"])
        cycles = [(await world.store.view(f"cy-{number}")).cycle for number in (1, 2, 3)]
        assert [cycle.exit_reason for cycle in cycles] == ["signal", "time", ""]
        assert [cycle.exit_intent_id for cycle in cycles] == ["exit-1", "", ""]

    async def test_an_approved_decision_that_nobody_handled_is_found(self, world: StoreWorld) -> None:
        since = world.clock.now()
        for number in (1, 2, 3):
            world.clock.advance(1)
            await world.approve(world.intent(number))
        await world.store.refuse(world.failed(2))
        assert [intent.message_id for intent in await world.store.pending_intents(since)] == ["in-1", "in-3"]
        later = since + timedelta(seconds=1)
        assert [intent.message_id for intent in await world.store.pending_intents(later)] == ["in-3"]

    async def test_an_approved_exit_may_be_older_than_an_entry_to_be_found(self, world: StoreWorld) -> None:
        since = world.clock.now()
        for number, kind in ((1, IntentKind.ENTRY), (2, IntentKind.EXIT)):
            world.clock.advance(1)
            side = Side.BUY if kind is IntentKind.ENTRY else Side.SELL
            await world.approve(world.intent(number).model_copy(update={"kind": kind, "side": side}))
        world.clock.advance(10)
        recent = world.clock.now()
        pending = await world.store.pending_intents(recent, exits_since=since)
        assert [intent.message_id for intent in pending] == ["in-2"]

    async def test_settled_levels_are_moved_by_nothing_but_a_move(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened()
        settled = replace(
            cycle, stop_price=D(98), take_profit_price=D(104), levels_at=D(100), status=CycleStatus.ACTIVE_BUY
        )
        await world.store.save_cycle(settled)
        await world.store.move_levels(cycle.id, stop_price=D(99))
        await world.store.save_cycle(settled)
        await world.store.move_levels(cycle.id, take_profit_price=D(105))
        moved = (await world.store.view(cycle.id)).cycle
        assert (moved.stop_price, moved.take_profit_price, moved.levels_at) == (D(99), D(105), D(100))

    # Orders and fills

    async def test_a_report_is_merged_into_its_order_and_never_goes_back(self, world: StoreWorld) -> None:
        _, entry = await world.opened()
        booked = await world.store.book(report(entry, OrderStatus.FILLED, "2"), [])
        assert booked is not None
        assert (booked.order.status, booked.order.exchange_order_id, booked.changed) == (OrderStatus.FILLED, 77, True)
        late = await world.store.book(report(entry, OrderStatus.NEW), [])
        assert late is not None
        assert (late.order, late.changed) == (booked.order, False)
        assert await world.store.order(entry.client_order_id) == booked.order

    async def test_a_report_of_an_order_that_is_not_ours_is_not_booked(self, world: StoreWorld) -> None:
        assert await world.store.book(report(world.order("unknown"), OrderStatus.NEW), []) is None
        assert await world.store.reported(report(world.order("unknown"), OrderStatus.NEW)) is None

    async def test_an_order_is_found_by_the_exchanges_id_before_ours(self, world: StoreWorld) -> None:
        await world.store.add_orders([world.order("a"), world.order("b")])
        for name, number in (("a", 1), ("b", 2)):
            await world.store.book(report(world.order(name), OrderStatus.NEW, number=number), [])
        renamed = report(world.order("b"), OrderStatus.NEW, number=1)
        found = await world.store.reported(renamed)
        assert found is not None
        assert found.client_order_id == "a"
        assert await world.store.order_by_exchange_id(SYMBOL, 2) == await world.store.order("b")
        assert await world.store.order_by_exchange_id("ETHUSDC", 2) is None

    async def test_a_second_order_of_the_exchange_under_an_id_of_ours_is_not_ours(self, world: StoreWorld) -> None:
        await world.store.add_orders([world.order("a")])
        await world.store.book(report(world.order("a"), OrderStatus.FILLED, "2", number=1), [])
        second = report(world.order("a"), OrderStatus.FILLED, "2", number=2)
        assert await world.store.reported(second) is None
        assert await world.store.book(second, [world.fill(world.order("a"), 9, "2")]) is None

    async def test_an_order_that_is_known_is_not_added_again(self, world: StoreWorld) -> None:
        await world.store.add_orders([world.order("a")])
        await world.store.add_orders([world.order("a", quantity=D(9)), world.order("b")])
        known = await world.store.order("a")
        assert known is not None
        assert known.quantity == 2
        assert await world.store.order("b") is not None

    async def test_a_fill_is_booked_and_told_once(self, world: StoreWorld) -> None:
        cycle, entry = await world.opened()
        one, two = world.fill(entry, 5), world.fill(entry, 6)
        first = await world.store.book(report(entry, OrderStatus.PARTIALLY_FILLED, "1"), [one, one])
        assert first is not None
        assert first.fills == (one,)
        second = await world.store.book(report(entry, OrderStatus.FILLED, "2"), [one, two])
        assert second is not None
        assert second.fills == (two,)
        assert (await world.store.view(cycle.id)).fills == (one, two)
        assert (await world.told()).count(EXECUTION.name) == 2

    async def test_a_fill_says_whose_it_is(self, world: StoreWorld) -> None:
        cycle, entry = await world.opened()
        stray = world.order("by-hand", purpose=Purpose.MANUAL)
        await world.store.add_orders([stray])
        for order, number in ((entry, 5), (stray, 6)):
            await world.store.book(report(order, OrderStatus.FILLED, "2", number), [world.fill(order, number)])
        messages = [item for item in await world.store.outbox(100) if item.topic == EXECUTION.name]
        events = [EXECUTION.decode(item.payload) for item in messages]
        assert [(event.cycle_id, event.strategy, event.purpose) for event in events] == [
            (cycle.id, "EMA_Cross", "entry"),
            ("", "MANUAL", "manual"),
        ]

    async def test_a_sale_of_others_becomes_a_positions_with_what_was_booked_of_it(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened()
        sales = [world.order(f"ext-{n}", purpose=Purpose.EXTERNAL, side=Side.SELL) for n in (1, 2)]
        bought = world.order("ext-3", purpose=Purpose.EXTERNAL)
        await world.store.add_orders([*sales, bought])
        await world.store.book(report(sales[0], OrderStatus.FILLED, "2"), [world.fill(sales[0], 5)])
        since = sales[0].created_at
        found = await world.store.sales_by_hand(SYMBOL, since)
        assert [order.client_order_id for order in found] == ["ext-1", "ext-2"]
        assert await world.store.sales_by_hand("ETHUSDC", since) == []
        assert await world.store.sales_by_hand(SYMBOL, since + timedelta(seconds=1)) == []
        await world.store.attribute(replace(found[0], cycle_id=cycle.id, intent_id=cycle.intent_id), {})
        view = await world.store.view(cycle.id)
        assert [order.client_order_id for order in view.orders if order.side is Side.SELL] == ["ext-1"]
        assert [fill.trade_id for fill in view.fills] == [5]
        assert [order.client_order_id for order in await world.store.sales_by_hand(SYMBOL, since)] == ["ext-2"]

    async def test_an_order_of_a_position_becomes_nobody_elses(self, world: StoreWorld) -> None:
        first, entry = await world.opened()
        second, _ = await world.opened(2)
        await world.store.attribute(replace(entry, cycle_id=second.id, intent_id=second.intent_id), {})
        assert entry.client_order_id in {order.client_order_id for order in (await world.store.view(first.id)).orders}
        assert len((await world.store.view(second.id)).orders) == 1

    async def test_more_fills_than_were_ordered_break_the_store_and_change_nothing(self, world: StoreWorld) -> None:
        cycle, entry = await world.opened()
        fills = [world.fill(entry, 5, "1.5"), world.fill(entry, 6, "1.5")]
        told = await world.told()
        with pytest.raises(InvariantError):
            await world.store.book(report(entry, OrderStatus.FILLED, "2"), fills)
        view = await world.store.view(cycle.id)
        assert (view.orders, view.fills) == ((entry,), ())
        assert await world.told() == told

    async def test_our_own_conclusion_yields_to_an_answer(self, world: StoreWorld) -> None:
        _, entry = await world.opened()
        await world.store.settle(replace(entry, status=OrderStatus.UNKNOWN, reason="no answer"))
        unknown = await world.store.order(entry.client_order_id)
        assert unknown is not None
        assert (unknown.status, unknown.reason) == (OrderStatus.UNKNOWN, "no answer")
        await world.store.book(report(entry, OrderStatus.NEW), [])
        await world.store.settle(replace(entry, status=OrderStatus.REJECTED, reject_code=-1, reason="lost"))
        answered = await world.store.order(entry.client_order_id)
        assert answered is not None
        assert (answered.status, answered.reject_code) == (OrderStatus.NEW, None)

    async def test_what_we_cancel_is_marked_with_its_pair_and_no_other(self, world: StoreWorld) -> None:
        await world.store.add_orders([world.order(name) for name in ("a", "b", "c")])
        for name, pair in (("a", 5), ("b", 5), ("c", 6)):
            told = report(world.order(name), OrderStatus.NEW, number=ord(name))
            await world.store.book(replace(told, order_list_id=pair), [])
        first = await world.store.order("a")
        assert first is not None
        await world.store.mark_cancel(first)
        marked = [await world.store.order(name) for name in ("a", "b", "c")]
        assert [order.cancel_asked for order in marked if order is not None] == [True, True, False]
        await world.store.book(report(world.order("a"), OrderStatus.CANCELED, number=ord("a")), [])
        ended = await world.store.order("a")
        assert ended is not None
        assert ended.cancel_asked

    async def test_live_orders_are_those_not_done_or_not_booked(self, world: StoreWorld) -> None:
        names = ["open", "unknown", "unbooked", "booked", "canceled"]
        orders = {name: world.order(name) for name in names}
        await world.store.add_orders(list(orders.values()))
        for number, name in enumerate(names):
            status = {"open": OrderStatus.NEW, "canceled": OrderStatus.CANCELED}.get(name, OrderStatus.FILLED)
            if name != "unknown":
                fills = [world.fill(orders[name], number, "2")] if name == "booked" else []
                executed = "2" if status is OrderStatus.FILLED else "0"
                await world.store.book(report(orders[name], status, executed, number + 1), fills)
        live = {order.client_order_id for order in await world.store.live_orders()}
        assert live == {"open", "unknown", "unbooked"}

    async def test_touched_symbols_are_of_the_last_days_and_booked_trades_are_known(self, world: StoreWorld) -> None:
        await world.store.add_orders([world.order("old", symbol="ADAUSDC")])
        old = world.order("old", symbol="ADAUSDC")
        await world.store.book(report(old, OrderStatus.FILLED, "2", 1), [world.fill(old, 3, "2")])
        world.clock.advance(8 * DAY.total_seconds())
        _, entry = await world.opened()
        await world.store.add_orders([world.order("other", symbol="ETHUSDC")])
        await world.store.book(report(entry, OrderStatus.FILLED, "2", 2), [world.fill(entry, 9), world.fill(entry, 7)])
        assert sorted(await world.store.touched_symbols()) == sorted([SYMBOL, "ETHUSDC"])
        assert await world.store.booked_trades(SYMBOL, [6, 7, 8, 9]) == {7, 9}
        assert await world.store.booked_trades("ETHUSDC", [7]) == await world.store.booked_trades(SYMBOL, []) == set()

    async def test_a_sale_by_hand_is_shared_among_cycles_once(self, world: StoreWorld) -> None:
        cycles = [(await world.opened(number))[0] for number in (1, 2)]
        sale = world.order("sale", cycle=cycles[0], side=Side.SELL, purpose=Purpose.EXTERNAL, quantity=D(5))
        parts = [HandSale("sale", D(0), D("3.5")), HandSale("sale", D("3.5"), D("1.5"), D("1.25"))]
        shares = {cycle.id: part for cycle, part in zip(cycles, parts, strict=True)}
        assert await world.store.adopt(sale, shares)
        assert not await world.store.adopt(sale, shares)
        fills = [world.fill(sale, 8, "4"), world.fill(sale, 9, "1")]
        await world.store.book(report(sale, OrderStatus.FILLED, "5", 3), fills)
        await world.store.save_cycle(replace(cycles[1], exit_reason="operator"))
        views = [await world.store.view(cycle.id) for cycle in cycles]
        assert [view.cycle.hand_sales for view in views] == [(part,) for part in parts]
        sold = [[fill.quantity for fill in view.fills if fill.side is Side.SELL] for view in views]
        assert sold == [[D("3.5")], [D("0.5"), D(1)]]
        assert [order.executed_quantity for view in views for order in view.of(Side.SELL)] == [
            part.quantity for part in parts
        ]

    async def test_orders_of_the_exchange_are_known_by_symbol_and_number(self, world: StoreWorld) -> None:
        await world.store.add_orders([world.order("a")])
        await world.store.book(report(world.order("a"), OrderStatus.NEW, number=5), [])
        assert await world.store.known_orders(SYMBOL, [4, 5, 5, 6]) == {5}
        assert await world.store.known_orders("ETHUSDC", [5]) == await world.store.known_orders(SYMBOL, []) == set()

    async def test_a_trade_cursor_begins_once_and_never_goes_back(self, world: StoreWorld) -> None:
        assert await world.store.trade_cursors() == {}
        for begins_after in (4, 40):
            await world.store.begin_trade_cursor(SYMBOL, begins_after)
        await world.store.begin_trade_cursor("ETHUSDC", -1)
        for compared_to in (7, 5):
            await world.store.move_trade_cursor(SYMBOL, compared_to)
        assert await world.store.trade_cursors() == {SYMBOL: TradeCursor(4, 7), "ETHUSDC": TradeCursor(-1, -1)}

    async def test_a_view_has_orders_by_creation_and_fills_by_trade(self, world: StoreWorld) -> None:
        cycle, entry = await world.opened()
        world.clock.advance(1)
        legs = [world.order(name, cycle=cycle, side=Side.SELL) for name in ("stop", "goal")]
        await world.store.add_orders(legs)
        await world.store.book(report(entry, OrderStatus.FILLED, "2"), [world.fill(entry, 9), world.fill(entry, 8)])
        view = await world.store.view(cycle.id)
        assert [order.client_order_id for order in view.orders] == ["entry-1", "goal", "stop"]
        assert [fill.trade_id for fill in view.fills] == [8, 9]

    # Cycles

    async def test_of_two_reasons_to_leave_the_first_stays(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened()
        await world.store.request_exit(cycle.id, "time")
        await world.store.request_exit(cycle.id, "stop_gap")
        assert (await world.store.view(cycle.id)).cycle.exit_reason == "time"

    async def test_an_ended_cycle_is_not_asked_to_leave(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened()
        await world.store.save_cycle(replace(cycle, status=CycleStatus.CANCELED, exit_reason=""))
        await world.store.request_exit(cycle.id, "time")
        assert (await world.store.view(cycle.id)).cycle.exit_reason == ""
        assert await world.store.open_cycles() == []

    async def test_a_saved_cycle_keeps_what_others_wrote_meanwhile(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened(opened_at=world.clock.now())
        await world.store.note_prices(SYMBOL, D(90))
        await world.store.accept_exit("exit-1", [cycle.id])
        progress = replace(cycle, status=CycleStatus.ACTIVE_BUY, levels_at=D(100), sell_at_most=D("1.5"), fees=D("0.1"))
        measured: dict[str, Any] = {
            "entry_benchmark": D(100),
            "entry_slippage_bips": D("2.5"),
            "exit_benchmark": D(101),
        }
        progress = replace(progress, exit_slippage_bips=D(-1), **measured)
        await world.store.save_cycle(progress)
        saved = (await world.store.view(cycle.id)).cycle
        assert saved == replace(
            progress, exit_reason="signal", exit_intent_id="exit-1", min_price=D(90), max_price=D(90)
        )

    async def test_an_entry_stays_taken_back_whoever_saves_the_cycle(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened()
        await world.store.cancel_entry(cycle.id)
        await world.store.save_cycle(cycle)
        assert (await world.store.view(cycle.id)).cycle.entry_canceled

    async def test_a_saved_cycle_is_told_and_a_failed_one_as_failed(self, world: StoreWorld) -> None:
        cycle, _ = await world.opened()
        await world.store.save_cycle(replace(cycle, status=CycleStatus.ACTIVE_BUY))
        await world.store.save_cycle(replace(cycle, status=CycleStatus.FAILED), world.failed())
        assert await world.told() == [*[CYCLE_UPDATED.name] * 3, ORDER_FAILED.name]

    async def test_prices_widen_what_open_positions_of_the_symbol_have_seen(self, world: StoreWorld) -> None:
        await world.opened(1, opened_at=world.clock.now())
        await world.opened(2)
        await world.opened(3, symbol="ETHUSDC", opened_at=world.clock.now())
        for price in (100, 102, 99, 101):
            await world.store.note_prices(SYMBOL, D(price))
        seen = [(await world.store.view(f"cy-{number}")).cycle for number in (1, 2, 3)]
        assert [(cycle.min_price, cycle.max_price) for cycle in seen] == [(99, 102), (None, None), (None, None)]

    async def test_open_cycles_come_oldest_first(self, world: StoreWorld) -> None:
        for number in (2, 1):
            await world.opened(number)
            world.clock.advance(1)
        assert [cycle.id for cycle in await world.store.open_cycles()] == ["cy-2", "cy-1"]

    # Limits and pauses

    async def test_the_result_of_the_day_is_that_of_the_cycles_that_ended_in_it(self, world: StoreWorld) -> None:
        for number, result in ((1, "-5"), (2, "3"), (3, "-1")):
            cycle, _ = await world.opened(number)
            if number > 1:
                world.clock.advance(DAY.total_seconds() / 2)
            done = {"status": CycleStatus.COMPLETED, "profit_loss": D(result), "completed_at": world.clock.now()}
            await world.store.save_cycle(replace(cycle, **done))  # type: ignore[arg-type]
        await world.opened(4)
        facts = await world.store.risk_facts(world.clock.now() - DAY / 2, approved_since=world.clock.now())
        assert facts.results == {SYMBOL: D(2)}
        assert [cycle.id for cycle in facts.cycles] == ["cy-4"]

    async def test_entries_count_until_they_are_done_or_their_cycle_has_ended(self, world: StoreWorld) -> None:
        entries = [(await world.opened(number))[1] for number in (1, 2, 3)]
        await world.store.settle(replace(entries[1], status=OrderStatus.REJECTED))
        ended = replace(world.cycle(3), status=CycleStatus.CANCELED, completed_at=world.clock.now())
        await world.store.save_cycle(ended)
        protection = world.order("stop-1", cycle=world.cycle(1), side=Side.SELL, purpose=Purpose.STOP_LOSS)
        await world.store.add_orders([protection])
        facts = await world.store.risk_facts(world.clock.now() - DAY, approved_since=world.clock.now())
        assert [order.client_order_id for order in facts.entries] == [entries[0].client_order_id]

    async def test_what_an_entry_bought_counts_as_long_as_its_cycle_is_open(self, world: StoreWorld) -> None:
        _, entry = await world.opened(1)
        await world.store.book(report(entry, OrderStatus.FILLED, "2"), [])
        now = world.clock.now()
        (known,) = (await world.store.risk_facts(now, approved_since=now)).entries
        assert known.executed_quantity == 2
        ended = replace(world.cycle(1), status=CycleStatus.CANCELED, completed_at=now)
        await world.store.save_cycle(ended)
        assert (await world.store.risk_facts(now, approved_since=now)).entries == ()

    async def test_a_purchase_of_no_cycle_counts_while_it_rests(self, world: StoreWorld) -> None:
        elsewhere = replace(world.order("phone-1"), cycle_id=None, purpose=Purpose.EXTERNAL)
        await world.store.add_orders([elsewhere, replace(elsewhere, client_order_id="phone-2", side=Side.SELL)])
        now = world.clock.now()
        facts = await world.store.risk_facts(now, approved_since=now)
        assert [order.client_order_id for order in facts.entries] == ["phone-1"]

    async def test_a_pause_holds_until_it_is_lifted_and_has_its_last_reason(self, world: StoreWorld) -> None:
        start = world.clock.now()
        await world.store.pause("all", "lunch", start)
        await world.store.pause(SYMBOL, "news", start + timedelta(seconds=1))
        await world.store.pause("all", "dinner", start + timedelta(seconds=2))
        known = [
            Pause("all", "dinner", start),
            Pause(SYMBOL, "news", start + timedelta(seconds=1)),
        ]
        assert await world.store.pauses() == known
        assert (await world.store.risk_facts(start, approved_since=start)).pauses == tuple(known)
        assert await world.store.resume(SYMBOL)
        assert not await world.store.resume(SYMBOL)
        assert await world.store.pauses() == known[:1]

    async def test_trades_that_ended_come_oldest_first_with_their_profit_as_a_ratio(self, world: StoreWorld) -> None:
        start = world.clock.now()
        for number, percent in ((1, "-1.5"), (2, "2")):
            cycle, _ = await world.opened(number)
            world.clock.advance(60)
            done = {"status": CycleStatus.COMPLETED, "profit_loss": D(1), "completed_at": world.clock.now()}
            lost = replace(cycle, **done, profit_loss_percent=D(percent), exit_reason="stop_loss")  # type: ignore[arg-type]
            await world.store.save_cycle(lost)
        minute = timedelta(minutes=1)
        first = EndedTrade(SYMBOL, start + minute, D("-0.015"), "stop_loss")
        second = EndedTrade(SYMBOL, start + 2 * minute, D("0.02"), "stop_loss")
        assert await world.store.ended_trades(start) == [first, second]
        assert await world.store.ended_trades(second.ended_at) == [second]

    async def test_what_is_remembered_of_losses_is_kept(self, world: StoreWorld) -> None:
        assert await world.store.loss_mark() is None
        first = LossMark(world.clock.now())
        for mark in (first, replace(first, result=D(-5), open_before=D(1), index=D("0.9"), peak_index=D("1.1"))):
            await world.store.save_loss_mark(mark)
            assert await world.store.loss_mark() == mark

    async def test_a_halt_stands_beside_a_pause_of_the_same_scope(self, world: StoreWorld) -> None:
        start = world.clock.now()
        await world.store.pause("all", "lunch", start)
        await world.store.pause("all", "difference: 1 BTC", start, cause=Cause.DIFFERENCE)
        assert {pause.cause for pause in await world.store.pauses()} == {Cause.HAND, Cause.DIFFERENCE}
        assert await world.store.resume("all")
        assert await world.store.pauses() == []

    async def test_a_halt_with_an_end_holds_until_then_and_begins_anew_after_it(self, world: StoreWorld) -> None:
        start = world.clock.now()
        for seconds, since in ((0, 0), (9, 0), (21, 21)):
            now = start + timedelta(seconds=seconds)
            world.clock.advance((now - world.clock.now()).total_seconds())
            until = now + timedelta(seconds=10)
            await world.store.pause("all", "loss", now, cause=Cause.DAILY_LOSS, until=until)
            (held,) = await world.store.pauses()
            assert (held.since, held.until) == (start + timedelta(seconds=since), until)
        world.clock.advance(10)
        assert await world.store.pauses() == []
        assert not await world.store.resume("all")

    # Messages

    # What cannot be handled

    async def test_what_is_set_aside_is_shown_until_it_is_released_and_after_it(self, world: StoreWorld) -> None:
        row = OddRow("order", "BTCUSDC/7", "no quantity", SYMBOL, "\x00{}")
        at = world.clock.now()
        await world.store.set_aside(row, at)
        world.clock.advance(5)
        await world.store.set_aside(replace(row, reason="no type"), world.clock.now())
        (shown,) = await world.store.quarantined()
        assert (shown.row.reason, shown.since, shown.released_at) == ("no type", at, None)
        await world.store.release("order", "BTCUSDC/7", world.clock.now())
        await world.store.release("order", "BTCUSDC/8", world.clock.now())
        (shown,) = await world.store.quarantined()
        assert shown.released_at == world.clock.now()

    async def test_what_comes_back_is_set_aside_anew(self, world: StoreWorld) -> None:
        row = OddRow("order", "BTCUSDC/7", "no quantity")
        await world.store.set_aside(row, world.clock.now())
        await world.store.release("order", "BTCUSDC/7", world.clock.now())
        world.clock.advance(5)
        await world.store.set_aside(row, world.clock.now())
        await world.store.set_aside(OddRow("trade", "x", "?"), world.clock.now() + timedelta(seconds=1))
        await world.store.release("trade", "x", world.clock.now())
        first, second = await world.store.quarantined()
        assert (first.row, first.since, first.released_at) == (row, world.clock.now(), None)
        assert second.row.source == "trade"

    async def test_the_outbox_is_emptied_in_the_order_in_which_it_was_filled(self, world: StoreWorld) -> None:
        for number in (1, 2, 3):
            await world.store.refuse(world.failed(number))
        first = await world.store.outbox(2)
        assert [message.message_id for message in first] == ["of-in-1", "of-in-2"]
        assert [ORDER_FAILED.decode(message.payload) for message in first] == [world.failed(1), world.failed(2)]
        await world.store.sent(first)
        assert [message.message_id for message in await world.store.outbox(2)] == ["of-in-3"]

    async def test_who_waits_for_the_outbox_is_woken_by_a_message(self, world: StoreWorld) -> None:
        async with asyncio.timeout(10):
            waiting = asyncio.create_task(world.store.wait_for_outbox(60))
            await asyncio.sleep(0)
            await world.store.refuse(world.failed())
            await waiting
            await world.store.wait_for_outbox(0.01)

    async def test_a_message_that_came_before_the_wait_ends_it(self, world: StoreWorld) -> None:
        await world.store.refuse(world.failed())
        async with asyncio.timeout(10):
            await world.store.wait_for_outbox(60)
