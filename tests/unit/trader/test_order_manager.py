"""What is written down after each answer of the exchange, with no stream and no comparison to tell it later."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import Order, Purpose
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.errors import ConfigurationError, OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.exchange.models import ExchangeFill
from tests.unit.trader.fake_exchange import SYMBOL, FakeExchange, Fuse
from trader.src.adapters.memory_store import MemoryStore
from trader.src.order_manager import NEVER_ARRIVED, OrderManager

D = Decimal
UNKNOWN, REJECTED, NEW = OrderStatus.UNKNOWN, OrderStatus.REJECTED, OrderStatus.NEW
FILTERED = RejectedError("-1013 Filter failure: LOT_SIZE", code=-1013)
REFUSED = RejectedError("-2010 Market is closed.", code=-2010)


class WatchedExchange(FakeExchange):
    """Counts how often rules were read again; ``questions``: refusals of the next calls that ask for an order."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock, Fuse())
        self.rules_read = 0
        self.questions: list[RejectedError] = []

    async def refresh_rules(self, symbol: str) -> None:
        assert symbol == SYMBOL
        self.rules_read += 1

    async def order(self, symbol: str, client_order_id: str) -> Any:
        if self.questions:
            raise self.questions.pop(0)
        return await super().order(symbol, client_order_id)


async def _nothing(_: datetime) -> list[OrderIntent]:
    return []


class Desk:
    """An order manager on an exchange and a store; ``heard`` holds what it told of each order that was sent."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.exchange = WatchedExchange(self.clock)
        self.store = MemoryStore(self.clock, _nothing)
        self.heard: list[tuple[bool | None, float]] = []
        self.manager = OrderManager(
            self.exchange,
            self.store,
            self.exchange,
            self.clock,
            answered=lambda refused, seconds: self.heard.append((refused, seconds)),
        )

    async def written(self, name: str, purpose: Purpose = Purpose.EXTERNAL, **facts: Any) -> Order:
        """An order whose row is committed: 2 coins bought at market, unless told otherwise."""
        usual: dict[str, Any] = {"side": Side.BUY, "type": OrderType.MARKET, "quantity": D(2), "attempt": 1}
        facts = usual | facts
        order = Order(name, "in", None, purpose=purpose, symbol=SYMBOL, created_at=self.clock.now(), **facts)
        await self.store.add_orders([order])
        return order

    async def pair(self, number: int = 1) -> tuple[Order, Order]:
        """A target and a stop over the 2 coins."""
        target = await self.written(
            f"target-{number}",
            Purpose.TAKE_PROFIT,
            side=Side.SELL,
            type=OrderType.LIMIT_MAKER,
            price=D(52_000),
            attempt=number,
        )
        return target, await self.stop(number)

    async def stop(self, number: int = 1, **facts: Any) -> Order:
        usual: dict[str, Any] = {"side": Side.SELL, "type": OrderType.STOP_LOSS, "stop_price": D(49_000)}
        return await self.written(f"stop-{number}", Purpose.STOP_LOSS, attempt=number, **(usual | facts))

    async def row(self, name: str) -> Order:
        found = await self.store.order(name)
        assert found is not None
        return found

    def booked(self) -> dict[str, Decimal]:
        """Coins by order."""
        sums: dict[str, Decimal] = {}
        for event in self.store.executions():
            sums[event.client_order_id] = sums.get(event.client_order_id, D(0)) + event.quantity
        return sums


@pytest.fixture
async def desk() -> Desk:
    desk = Desk()
    desk.exchange.base = D(10)
    return desk


async def test_the_answer_to_an_order_is_booked_with_its_fills(desk: Desk) -> None:
    order = await desk.written("buy")
    assert await desk.manager.submit(order) is OrderStatus.FILLED
    row = await desk.row("buy")
    assert (row.status, row.executed_quantity) == (OrderStatus.FILLED, D(2))
    assert desk.booked() == {"buy": D(2)}


async def test_both_legs_of_a_pair_are_booked_and_the_stops_state_is_told(desk: Desk) -> None:
    target, stop = await desk.pair()
    assert await desk.manager.submit_pair(target, stop, "list") is NEW
    rows = [await desk.row(name) for name in ("target-1", "stop-1")]
    assert [row.status for row in rows] == [NEW, NEW]
    assert rows[0].order_list_id == rows[1].order_list_id is not None


async def test_what_is_replaced_and_what_replaces_it_are_booked(desk: Desk) -> None:
    target, stop = await desk.pair()
    await desk.manager.submit_pair(target, stop, "list")
    sale = await desk.written("sale", Purpose.EXIT, side=Side.SELL)
    assert await desk.manager.replace(await desk.row("stop-1"), sale) is OrderStatus.FILLED
    rows = [await desk.row(name) for name in ("target-1", "stop-1", "sale")]
    assert [row.status for row in rows] == [OrderStatus.CANCELED, OrderStatus.CANCELED, OrderStatus.FILLED]
    assert all(row.cancel_asked for row in rows[:2])
    assert desk.booked() == {"sale": D(2)}


async def test_a_leg_that_the_answer_leaves_out_is_asked_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    target, stop = await desk.pair()
    await desk.manager.submit_pair(target, stop, "list")
    full = desk.exchange.replace

    async def short(old: Order, new: Order) -> Any:
        answer = await full(old, new)
        return replace(answer, ended=answer.ended[:1])

    monkeypatch.setattr(desk.exchange, "replace", short)
    await desk.manager.replace(await desk.row("stop-1"), await desk.stop(2))
    assert [(await desk.row(name)).status for name in ("target-1", "stop-1")] == [OrderStatus.CANCELED] * 2


async def test_without_an_answer_what_stood_before_is_asked_for(desk: Desk) -> None:
    stop = await desk.stop()
    await desk.manager.submit(stop)
    desk.exchange.answers_to_lose = 1
    assert await desk.manager.replace(await desk.row("stop-1"), await desk.stop(2)) is UNKNOWN
    assert (await desk.row("stop-1")).status is OrderStatus.CANCELED
    assert (await desk.row("stop-2")).status is UNKNOWN


async def test_where_nothing_stood_that_could_be_replaced_the_new_order_was_never_sent(desk: Desk) -> None:
    stop = await desk.stop()
    await desk.manager.submit(stop)
    await desk.exchange.cancel(stop)
    assert await desk.manager.replace(await desk.row("stop-1"), await desk.stop(2)) is REJECTED
    assert ((await desk.row("stop-2")).status, (await desk.row("stop-2")).reject_code) == (REJECTED, None)
    assert (await desk.row("stop-1")).status is OrderStatus.CANCELED


@pytest.mark.parametrize(
    ("error", "status", "code", "read_again", "heard"),
    [
        (OutcomeUnknownError("no answer"), UNKNOWN, None, 0, None),
        (FILTERED, REJECTED, -1013, 1, True),
        (REFUSED, REJECTED, -2010, 0, True),
        (TransientError("banned"), REJECTED, None, 0, None),
    ],
    ids=["no answer", "by a filter", "by the engine", "not sent"],
)
async def test_a_failed_order_is_written_down_by_what_the_error_proves(
    desk: Desk, error: Exception, status: OrderStatus, code: int | None, read_again: int, heard: bool | None
) -> None:
    desk.exchange.refusals = [error]  # type: ignore[list-item]
    order = await desk.written("buy")
    assert await desk.manager.submit(order) is status
    row = await desk.row("buy")
    assert (row.status, row.reject_code, row.reason) == (status, code, str(error))
    assert desk.exchange.rules_read == read_again
    assert desk.heard == [(heard, 0.0)]


async def test_an_order_that_was_taken_is_told_with_how_long_it_took(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = desk.exchange.place

    async def slow(order: Order) -> Any:
        desk.clock.advance(3)
        return await place(order)

    monkeypatch.setattr(desk.exchange, "place", slow)
    await desk.manager.submit(await desk.written("buy"))
    assert desk.heard == [(False, 3.0)]


async def test_an_error_about_something_else_is_nobodys_verdict(desk: Desk) -> None:
    desk.exchange.refusals = [ConfigurationError("no key")]
    order = await desk.written("buy")
    with pytest.raises(ConfigurationError):
        await desk.manager.submit(order)
    assert (await desk.row("buy")).is_unresolved


async def test_an_order_without_an_answer_is_found_by_its_id(desk: Desk) -> None:
    desk.exchange.answers_to_lose = 1
    order = await desk.written("buy")
    await desk.manager.submit(order)
    assert await desk.manager.resolve(await desk.row("buy"))
    assert (await desk.row("buy")).status is OrderStatus.FILLED


async def test_an_order_is_given_up_only_when_it_can_arrive_no_more(desk: Desk) -> None:
    order = await desk.written("buy")
    assert not await desk.manager.resolve(order)
    assert (await desk.row("buy")).status is UNKNOWN
    desk.clock.advance(desk.manager.horizon_s - 0.1)
    assert not await desk.manager.resolve(await desk.row("buy"))
    desk.clock.advance(0.1)
    assert await desk.manager.resolve(await desk.row("buy"))
    row = await desk.row("buy")
    assert (row.status, row.reject_code) == (REJECTED, None)
    assert row.reason in {NEVER_ARRIVED, "no answer yet"}


async def test_the_wait_begins_when_the_request_was_surely_signed(desk: Desk) -> None:
    desk.exchange.requests_to_lose = 1
    order = await desk.written("buy")
    desk.clock.advance(60)
    await desk.manager.submit(order)
    assert not await desk.manager.resolve(await desk.row("buy"))


async def test_a_question_that_is_refused_proves_nothing(desk: Desk) -> None:
    order = await desk.written("buy")
    desk.exchange.questions = [RejectedError("-1003 Too many requests.", code=-1003)]
    with pytest.raises(TransientError, match="cannot ask for buy"):
        await desk.manager.resolve(order)
    assert (await desk.row("buy")).status is OrderStatus.INTENT


async def test_fills_are_collected_until_the_exchange_shows_all_of_them(desk: Desk) -> None:
    order = await desk.written("buy")
    desk.exchange.answers_to_lose = 1
    await desk.manager.submit(order)
    fills, desk.exchange.fills = desk.exchange.fills, []
    await desk.manager.resolve(order)
    assert not await desk.manager.collect(await desk.row("buy"))
    assert desk.booked() == {}
    desk.exchange.fills = fills
    assert await desk.manager.collect(await desk.row("buy"))
    assert desk.booked() == {"buy": D(2)}


async def test_without_the_exchanges_id_fills_are_found_by_ours(desk: Desk) -> None:
    order = await desk.written("buy")
    await desk.exchange.place(order)
    assert await desk.manager.collect(order)
    assert (await desk.row("buy")).exchange_order_id is not None


async def test_what_a_cancel_ended_is_written_down(desk: Desk) -> None:
    target, stop = await desk.pair()
    await desk.manager.submit_pair(target, stop, "list")
    assert await desk.manager.cancel(await desk.row("stop-1"))
    rows = [await desk.row(name) for name in ("target-1", "stop-1")]
    assert [(row.status, row.cancel_asked) for row in rows] == [(OrderStatus.CANCELED, True)] * 2


async def test_a_cancel_that_came_too_late_finds_out_how_it_ended(desk: Desk) -> None:
    resting = await desk.written("buy", type=OrderType.LIMIT, price=D(49_500), time_in_force="GTC")
    await desk.manager.submit(resting)
    desk.exchange.move(D(49_000))
    assert await desk.manager.cancel(await desk.row("buy"))
    assert (await desk.row("buy")).status is OrderStatus.FILLED


async def test_a_cancel_without_a_verdict_is_no_end_and_the_order_is_asked_for(desk: Desk) -> None:
    resting = await desk.written("buy", type=OrderType.LIMIT, price=D(49_500), time_in_force="GTC")
    await desk.manager.submit(resting)
    desk.exchange.answers_to_lose = 1
    assert not await desk.manager.cancel(await desk.row("buy"))
    assert (await desk.row("buy")).status is OrderStatus.CANCELED


async def test_a_cancel_that_is_refused_for_another_reason_is_tried_later(desk: Desk) -> None:
    resting = await desk.written("buy", type=OrderType.LIMIT, price=D(49_500), time_in_force="GTC")
    await desk.manager.submit(resting)
    desk.exchange.refusals = [RejectedError("-1015 Too many new orders.", code=-1015)]
    with pytest.raises(TransientError, match="cannot cancel buy"):
        await desk.manager.cancel(await desk.row("buy"))


async def test_refreshing_says_whether_anything_was_new(desk: Desk) -> None:
    resting = await desk.written("buy", type=OrderType.LIMIT, price=D(49_500), time_in_force="GTC")
    await desk.manager.submit(resting)
    assert not await desk.manager.refresh(await desk.row("buy"))
    desk.exchange.move(D(49_000))
    assert await desk.manager.refresh(await desk.row("buy"))
    assert (await desk.row("buy")).status is OrderStatus.FILLED
    nowhere = await desk.written("lost")
    assert not await desk.manager.refresh(nowhere)


async def test_a_report_of_an_order_that_is_not_ours_books_nothing(desk: Desk) -> None:
    order = await desk.written("buy")
    report = await desk.exchange.place(replace(order, client_order_id="somebody-elses"))
    assert await desk.manager.book(report) is None
    assert desk.booked() == {}


async def test_what_is_told_twice_is_booked_once_and_changes_nothing(desk: Desk) -> None:
    order = await desk.written("buy")
    report = await desk.exchange.place(order)
    first, again = await desk.manager.book(report), await desk.manager.book(report)
    assert first is not None
    assert again is not None
    assert (first.changed, len(first.fills)) == (True, 2)
    assert (again.changed, again.fills) == (False, ())
    assert desk.booked() == {"buy": D(2)}


@pytest.mark.parametrize(
    ("fee_asset", "fee", "worth"),
    [("USDC", "7", "7"), ("BTC", "0.002", "100"), ("XYZ", "3", "0"), ("", "0", "0")],
    ids=["in quote", "in coins", "in what nobody prices", "none"],
)
async def test_a_fee_is_worth_what_it_is_in_quote_units(desk: Desk, fee_asset: str, fee: str, worth: str) -> None:
    order = await desk.written("buy")
    report = await desk.exchange.place(order)
    odd: ExchangeFill = replace(report.fills[0], fee=D(fee), fee_asset=fee_asset, price=D(50_000))
    booked = await desk.manager.book(replace(report, fills=(odd,)))
    assert booked is not None
    assert [each.fee_quote for each in booked.fills] == [D(worth)]


async def test_an_order_by_hand_is_adopted_with_its_fills(desk: Desk) -> None:
    report = await desk.exchange.place(replace(await desk.written("template"), client_order_id="by-hand"))
    adopted = await desk.manager.adopt(report.order)
    assert (adopted.purpose, adopted.cycle_id) == (Purpose.EXTERNAL, None)
    assert desk.booked() == {adopted.client_order_id: D(2)}
