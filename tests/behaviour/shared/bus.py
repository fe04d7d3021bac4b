"""What every bus does, written once: the one in memory (tests/unit/shared), a real Redis (tests/integration/shared).

A test class takes ``BusBehaviour`` as its base and supplies ``open_bus``: each call is one more process's bus on the
same store.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from shared.src.bus.dead_letters import DeadLetter
from shared.src.bus.ports import Bus, Delivery, FencedPublisher
from shared.src.contracts.orders import OrderFailed
from shared.src.contracts.topics import CANDLE_CLOSED, ORDER_FAILED, Topic
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import Side

WORK = Topic("test:work", OrderFailed, partitioned=True)
EFFECTS = Topic("test:effects", OrderFailed, partitioned=True)
KEYS = [f"COIN{number}USDC" for number in range(12)]

OpenBus = Callable[[], Bus]


def failed(number: int, *, symbol: str = "BTCUSDC") -> OrderFailed:
    return OrderFailed(
        message_id=str(number),
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        intent_id=f"int-{number}",
        symbol=symbol,
        side=Side.BUY,
        reason="no funds",
    )


def several(count: int) -> list[OrderFailed]:
    return [failed(number) for number in range(count)]


def ids(messages: Sequence[OrderFailed]) -> list[int]:
    return [int(message.message_id) for message in messages]


@asynccontextmanager
async def running(*buses: Bus) -> AsyncIterator[None]:
    """The buses consume in the background; afterwards they have stopped."""
    tasks = [asyncio.create_task(bus.run()) for bus in buses]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def until(done: Callable[[], Any], timeout_s: float = 60) -> None:
    async with asyncio.timeout(timeout_s):
        while not done():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def first_letters(bus: Bus, count: int) -> list[DeadLetter]:
    found: list[DeadLetter] = []
    async with asyncio.timeout(60), aclosing(bus.dead_letters()) as letters:  # type: ignore[type-var]
        async for letter in letters:
            found.append(letter)
            if len(found) == count:
                break
    return found


class Collector:
    """A handler that keeps what it gets, and breaks where it is told to."""

    def __init__(self, *, breaks_on: int | None = None, away_times: int = 0) -> None:
        self.seen: list[OrderFailed] = []
        self.batches: list[list[int]] = []
        self._breaks_on = breaks_on
        self._away_times = away_times

    async def one(self, message: OrderFailed) -> None:
        await self.batch([message])

    async def batch(self, messages: list[OrderFailed]) -> None:
        self.batches.append(ids(messages))
        if self._breaks_on in ids(messages):
            raise ZeroDivisionError("a bug")
        if self._away_times > 0:
            self._away_times -= 1
            raise TransientError("database away")
        self.seen += messages

    async def pass_on(self, messages: list[OrderFailed], publisher: FencedPublisher) -> None:
        await publisher.confirm()
        await publisher.publish_many(EFFECTS, messages)
        await self.batch(messages)


class Watcher:
    """A follower that acts on everything up to the number it is told, and keeps the rest."""

    def __init__(self, *, acts_up_to: int = 1_000, breaks_on: int | None = None) -> None:
        self.acts_up_to = acts_up_to
        self.waiting: list[int] = []
        self.taken: list[int] = []
        self.acted: list[int] = []
        self._breaks_on = breaks_on
        self._due: list[Delivery[OrderFailed]] = []

    async def restart(self, waiting: Sequence[OrderFailed]) -> None:
        self.waiting = ids(waiting)
        self._due.clear()

    def take(self, deliveries: Sequence[Delivery[OrderFailed]]) -> None:
        self.taken += ids([delivery.message for delivery in deliveries])
        self._due += deliveries

    async def act(self, publisher: FencedPublisher) -> None:
        while self._due and int(self._due[0].message.message_id) <= self.acts_up_to:
            number = int(self._due[0].message.message_id)
            if number == self._breaks_on:
                raise ZeroDivisionError("a bug")
            if self._due[0].mine:
                await publisher.publish(EFFECTS, self._due[0].message)
                self.acted.append(number)
            self._due.pop(0).done = True

    def give_up(self) -> OrderFailed:
        self._due[0].done = True
        return self._due.pop(0).message


class BusBehaviour:
    async def test_messages_arrive_in_order_and_once(self, open_bus: OpenBus) -> None:
        bus, collector = open_bus(), Collector()
        bus.subscribe(ORDER_FAILED, collector.one, group="g")
        await bus.publish_many(ORDER_FAILED, several(100))
        async with running(bus):
            await until(lambda: len(collector.seen) >= 100)
        assert collector.seen == several(100)

    async def test_messages_of_one_key_arrive_in_order(self, open_bus: OpenBus) -> None:
        bus, collector = open_bus(), Collector()
        bus.subscribe_batch(WORK, collector.batch, group="g")
        async with running(bus):
            for number in range(10):
                await bus.publish_many(WORK, [failed(number, symbol=key) for key in KEYS])
            await until(lambda: len(collector.seen) >= 10 * len(KEYS))
        by_key: dict[str, list[int]] = defaultdict(list)
        for message in collector.seen:
            by_key[message.symbol].append(int(message.message_id))
        assert by_key == {key: list(range(10)) for key in KEYS}

    async def test_every_group_gets_every_message(self, open_bus: OpenBus) -> None:
        bus, one, other = open_bus(), Collector(), Collector()
        bus.subscribe(ORDER_FAILED, one.one, group="one")
        bus.subscribe_batch(ORDER_FAILED, other.batch, group="other")
        await bus.publish_many(ORDER_FAILED, several(20))
        async with running(bus):
            await until(lambda: len(one.seen) + len(other.seen) >= 40)
        assert one.seen == other.seen == several(20)

    async def test_what_was_not_acknowledged_comes_again_after_a_restart(self, open_bus: OpenBus) -> None:
        first, second, crashed, collector = open_bus(), open_bus(), asyncio.Event(), Collector()

        async def hang(_: OrderFailed) -> None:
            crashed.set()
            await asyncio.sleep(60)

        first.subscribe(ORDER_FAILED, hang, group="g")
        second.subscribe(ORDER_FAILED, collector.one, group="g")
        await first.publish(ORDER_FAILED, failed(1))
        async with running(first):
            await crashed.wait()
        async with running(second):
            await until(lambda: collector.seen)
        assert collector.seen == [failed(1)]

    async def test_the_next_process_goes_on_where_the_one_before_was(self, open_bus: OpenBus) -> None:
        before, after = Collector(), Collector()
        first, second = open_bus(), open_bus()
        first.subscribe_batch(WORK, before.batch, group="g")
        second.subscribe_batch(WORK, after.batch, group="g")
        await first.publish_many(WORK, several(10))
        async with running(first):
            await until(lambda: len(before.seen) == 10)
            await asyncio.sleep(0.05)  # until that is acknowledged
        await second.publish_many(WORK, [failed(number) for number in range(10, 20)])
        async with running(second):
            await until(lambda: len(after.seen) >= 10)
        assert ids(after.seen) == list(range(10, 20))

    async def test_what_is_in_hand_when_a_process_stops_is_finished_and_acknowledged(self, open_bus: OpenBus) -> None:
        first, second, begun, finished, after = open_bus(), open_bus(), asyncio.Event(), asyncio.Event(), Collector()

        async def take_a_moment(_: OrderFailed) -> None:
            begun.set()
            await asyncio.sleep(0.1)
            finished.set()

        first.subscribe(ORDER_FAILED, take_a_moment, group="g")
        second.subscribe(ORDER_FAILED, after.one, group="g")
        await first.publish(ORDER_FAILED, failed(1))
        async with running(first):
            await begun.wait()
        assert finished.is_set()
        await second.publish(ORDER_FAILED, failed(2))
        async with running(second):
            await until(lambda: after.seen)
        assert after.seen == [failed(2)]

    async def test_a_transient_failure_is_retried_in_order(self, open_bus: OpenBus) -> None:
        bus, collector = open_bus(), Collector(away_times=2)
        bus.subscribe(ORDER_FAILED, collector.one, group="g")
        await bus.publish_many(ORDER_FAILED, several(2))
        async with running(bus):
            await until(lambda: len(collector.seen) == 2)
        assert collector.batches == [[0], [0], [0], [1]]

    async def test_a_message_that_breaks_its_contract_becomes_a_dead_letter_with_the_reason(
        self, open_bus: OpenBus
    ) -> None:
        bus, collector = open_bus(), Collector()
        bus.subscribe(ORDER_FAILED, collector.one, group="g")
        await bus.publish_raw(ORDER_FAILED.name, b'{"intent_id": 7}')
        await bus.publish(ORDER_FAILED, failed(1))
        async with running(bus):
            await until(lambda: collector.seen)
        (letter,) = await first_letters(bus, 1)
        assert (letter.source, letter.consumer, letter.payload) == (ORDER_FAILED.name, "g", '{"intent_id": 7}')
        assert "message_id: Field required" in letter.reason

    async def test_a_handler_that_breaks_does_not_stop_the_stream(self, open_bus: OpenBus) -> None:
        bus, collector = open_bus(), Collector(breaks_on=0)
        bus.subscribe(ORDER_FAILED, collector.one, group="g")
        await bus.publish_many(ORDER_FAILED, several(2))
        async with running(bus):
            await until(lambda: collector.seen)
        (letter,) = await first_letters(bus, 1)
        assert letter.reason == "ZeroDivisionError: a bug"
        assert ids(collector.seen) == [1]

    async def test_dead_letters_come_oldest_first_and_then_as_they_are_made(self, open_bus: OpenBus) -> None:
        bus = open_bus()
        await bus.dead_letter("a", consumer="g", raw=b"1", reason="old")
        reading = asyncio.create_task(first_letters(bus, 2))
        await asyncio.sleep(0.05)
        await bus.dead_letter("a", consumer="g", raw=b"2", reason="new")
        assert [letter.reason for letter in await reading] == ["old", "new"]

    async def test_a_dead_letter_that_is_replayed_is_handled(self, open_bus: OpenBus) -> None:
        bus, collector = open_bus(), Collector()
        bus.subscribe(ORDER_FAILED, collector.one, group="g")
        async with running(bus):
            await bus.publish_raw(ORDER_FAILED.name, ORDER_FAILED.encode(failed(7)))
            await until(lambda: collector.seen)
        assert collector.seen == [failed(7)]

    async def test_a_batch_has_what_waits_up_to_its_limit(self, open_bus: OpenBus) -> None:
        bus, collector = open_bus(), Collector()
        bus.subscribe_batch(ORDER_FAILED, collector.batch, group="g", batch_max=4)
        await bus.publish_many(ORDER_FAILED, several(10))
        async with running(bus):
            await until(lambda: len(collector.seen) >= 10)
        assert collector.batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]

    async def test_of_a_batch_that_breaks_only_the_broken_message_becomes_a_dead_letter(
        self, open_bus: OpenBus
    ) -> None:
        bus, collector = open_bus(), Collector(breaks_on=2)
        bus.subscribe_batch(ORDER_FAILED, collector.batch, group="g")
        await bus.publish_many(ORDER_FAILED, several(5))
        async with running(bus):
            await until(lambda: len(collector.seen) >= 4)
        (letter,) = await first_letters(bus, 1)
        assert ORDER_FAILED.decode(letter.payload) == failed(2)
        assert ids(collector.seen) == [0, 1, 3, 4]

    async def test_a_fenced_handler_publishes_what_is_its_own(self, open_bus: OpenBus) -> None:
        bus, passing_on, collector = open_bus(), Collector(), Collector()
        bus.subscribe_fenced(WORK, passing_on.pass_on, group="g")
        bus.subscribe_batch(EFFECTS, collector.batch, group="g")
        await bus.publish_many(WORK, several(10))
        async with running(bus):
            await until(lambda: len(collector.seen) >= 10)
        assert ids(collector.seen) == list(range(10))

    async def test_a_process_alone_in_its_group_is_told_that_every_key_is_its_own(self, open_bus: OpenBus) -> None:
        bus, owned = open_bus(), asyncio.Event()

        def rebalanced(owns: Callable[[str], bool]) -> None:
            if all(owns(key) for key in KEYS):
                owned.set()

        bus.subscribe_batch(WORK, Collector().batch, group="g", on_rebalance=rebalanced)
        async with running(bus), asyncio.timeout(60):
            await owned.wait()
            shares = bus.shares()["g"]
        assert shares["members"] == 1
        assert WORK.name in shares["streams"]

    async def test_a_follower_sees_and_acts_on_everything_that_waits(self, open_bus: OpenBus) -> None:
        bus, watcher, effects = open_bus(), Watcher(), Collector()
        bus.follow(WORK, watcher, group="f")
        bus.subscribe_batch(EFFECTS, effects.batch, group="g")
        await bus.publish_many(WORK, several(10))
        async with running(bus):
            await until(lambda: len(effects.seen) >= 10)
        assert [watcher.waiting, watcher.taken, watcher.acted] == [list(range(10))] * 3

    async def test_what_a_follower_keeps_is_acted_on_when_its_time_comes(self, open_bus: OpenBus) -> None:
        bus, watcher = open_bus(), Watcher(acts_up_to=4)
        bus.follow(WORK, watcher, group="f")
        await bus.publish_many(WORK, several(10))
        async with running(bus):
            await until(lambda: watcher.acted == list(range(5)))
            watcher.acts_up_to = 9  # no message comes: the bus asks again by itself
            await until(lambda: watcher.acted == list(range(10)))

    async def test_what_a_follower_did_not_act_on_waits_for_the_next_one(self, open_bus: OpenBus) -> None:
        first, second, before, after = open_bus(), open_bus(), Watcher(acts_up_to=4), Watcher()
        first.follow(WORK, before, group="f")
        second.follow(WORK, after, group="f")
        await first.publish_many(WORK, several(10))
        async with running(first):
            await until(lambda: len(before.acted) == 5)
            await asyncio.sleep(0.05)  # until that is acknowledged
        async with running(second):
            await until(lambda: len(after.acted) >= 5)
        assert after.waiting == after.acted == [5, 6, 7, 8, 9]
        assert after.taken == list(range(10)), "older messages are seen again, for what the follower remembers"

    async def test_what_breaks_a_follower_becomes_a_dead_letter(self, open_bus: OpenBus) -> None:
        bus, watcher = open_bus(), Watcher(breaks_on=2)
        bus.follow(WORK, watcher, group="f")
        await bus.publish_many(WORK, several(5))
        async with running(bus):
            await until(lambda: watcher.acted == [0, 1, 3, 4])
        (letter,) = await first_letters(bus, 1)
        assert letter.reason == "ZeroDivisionError: a bug"

    async def test_a_tap_sees_what_is_published_from_then_on(self, open_bus: OpenBus) -> None:
        bus = open_bus()
        await bus.publish(ORDER_FAILED, failed(1))
        seen: list[Any] = []

        async def read() -> None:
            async for topic, message in bus.tap(ORDER_FAILED, CANDLE_CLOSED):
                seen.append((topic, message))

        async with in_background(read):
            await asyncio.sleep(0.05)  # until it reads
            await bus.publish_raw(ORDER_FAILED.name, b"{}")
            await bus.publish_many(ORDER_FAILED, [failed(2), failed(3)])
            await until(lambda: len(seen) >= 2)
        assert seen == [(ORDER_FAILED, failed(2)), (ORDER_FAILED, failed(3))]

    async def test_notices_reach_who_listens_to_their_channel(self, open_bus: OpenBus) -> None:
        bus = open_bus()
        seen: list[tuple[str, bytes]] = []

        async def listen() -> None:
            async for notice in bus.listen("market:*", "balance"):
                seen.append(notice)  # noqa: PERF401 - it does not end

        async with in_background(listen):
            await asyncio.sleep(0.05)  # until it listens
            for channel in ("market:BTC", "marketing", "balance", "balances"):
                await bus.notify(channel, channel.encode())
            await until(lambda: len(seen) >= 2)
        assert seen == [("market:BTC", b"market:BTC"), ("balance", b"balance")]


@asynccontextmanager
async def in_background(work: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
