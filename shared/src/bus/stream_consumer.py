"""The one consumer loop: leased streams of a topic in, handler calls and committed positions out.

Reading takes nothing away from a stream. What a replica has handled is its group's last delivered id of the stream, set
only under the lease; whoever owns the stream next goes on exactly there, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.src.bus.handling import MessageHandling, PutDeadLetter, Received, StreamEntry, Subscription, finished
from shared.src.bus.leases import START, Fence, GroupMember, Lease
from shared.src.bus.ports import BATCH_MAX, Delivery, FencedPublisher, Follower
from shared.src.domain.errors import ContractError, LeaseLostError, TransientError
from shared.src.frame import metrics

logger = logging.getLogger(__name__)

BLOCK_MS = 2_000  # how long a read waits for something new
# The same while a follower keeps messages: they may have become due by time alone.
HELD_BLOCK_MS = 100
# Messages that a follower without a backlog sees again: more than a publisher may have sent without having stored them.
TAIL = 2 * BATCH_MAX


@dataclass(slots=True)
class _Place:
    """How far one stream was read.

    ``cursor`` is the id of the last entry that was read, which is ahead of the committed one. A follower reads streams
    of other replicas too; those have no lease. ``unfinished`` are the messages of this replica that the follower has,
    in order; the ones that are done at its beginning are committed.
    """

    lease: Lease | None
    cursor: bytes
    unfinished: deque[Delivery[Any]] = field(default_factory=deque)


class StreamConsumer:
    """Runs one subscription: again and again, look which streams are this replica's, read what is new in all of them at
    once, hand it over, commit how far that went.

    The heartbeat (``RedisBus``) gets and loses leases meanwhile; this loop only takes them up and gives them away
    between two batches, so that a batch is handled under the leases with which it began. docs/leases.md shows a
    takeover.
    """

    def __init__(
        self,
        redis: Redis,
        subscription: Subscription,
        member: GroupMember,
        *,
        partitions: int,
        publisher_under: Callable[[Fence], FencedPublisher],
        put_dead_letter: PutDeadLetter,
    ) -> None:
        self._redis = redis
        self._wanted = subscription
        self._member = member
        self._partitions = partitions
        self._streams = subscription.topic.streams(partitions)
        self._publisher_under = publisher_under
        self._handling = MessageHandling(subscription, put_dead_letter)
        self._places: dict[str, _Place] = {}
        self._wake = START

    async def run(self) -> None:
        """Consume until cancelled; what is in hand then is finished first."""
        while not _cancelled():
            try:
                await self._sync()
                entries = await self._read()
                await finished(self._handle(entries))
            except LeaseLostError as error:
                logger.warning("work dropped, another replica does it", extra={"reason": str(error)})
                self._places.clear()
                await asyncio.sleep(0.05)
                with contextlib.suppress(RedisError):
                    await self._member.beat()
            except (RedisError, TransientError) as error:
                logger.warning("bus away", extra={"topic": self._wanted.topic.name, "reason": str(error)})
                await asyncio.sleep(1)

        raise asyncio.CancelledError

    # Who reads what

    async def _sync(self) -> None:
        """Between two batches: give up what others should have, begin with what is new."""
        surplus = [name for name in self._streams if name in self._member.surplus]
        if surplus:
            await self._member.give_up(surplus)
        leases = {name: self._member.leases[name] for name in self._streams if name in self._member.leases}
        before = {name: place.lease for name, place in self._places.items() if place.lease is not None}
        came = [name for name, lease in leases.items() if before.get(name) is not lease]
        gone = [name for name in before if name not in leases]
        if not came and not gone:
            return
        if self._wanted.follower is not None:
            await self._follow_anew(self._wanted.follower, leases, came)
        else:
            for name in gone:
                del self._places[name]
            for name in came:
                self._places[name] = _Place(leases[name], leases[name].position)
        if self._wanted.on_rebalance is not None:
            topic, partitions = self._wanted.topic, self._partitions
            self._wanted.on_rebalance(lambda key: topic.stream_of(key, partitions) in leases)

    async def _follow_anew(self, follower: Follower, leases: dict[str, Lease], came: list[str]) -> None:
        """Take up the leases of a follower, which begins anew when some of them are new to it."""
        if not came:  # less to act on: what was read stays read
            for name, place in self._places.items():
                place.lease = leases.get(name)
                if place.lease is None:
                    place.unfinished.clear()
            return
        waiting = []
        for name, lease in leases.items():
            answer: Any = await self._redis.xrange(name, min=b"(" + lease.position)
            for _, fields in answer:
                with contextlib.suppress(ContractError):
                    waiting.append(self._wanted.topic.decode(fields.get(b"d", b"")))
        await follower.restart(waiting)
        self._places = {
            name: _Place(leases.get(name), START if waiting else await self._tail(name)) for name in self._streams
        }

    async def _tail(self, name: str) -> bytes:
        """Where to begin so that a follower sees the newest ``TAIL`` messages of a stream again."""
        answer: Any = await self._redis.xrevrange(name, count=TAIL)
        return answer[-1][0] if len(answer) == TAIL else START

    # Reading

    async def _read(self) -> list[StreamEntry]:
        """What is new in all streams at once, in the order of arrival; empty after a while without anything."""
        held = any(place.unfinished for place in self._places.values())
        positions: dict[Any, Any] = {name: place.cursor for name, place in self._places.items()}
        positions[self._member.wake_key] = self._wake
        answer = await self._redis.xread(positions, count=BATCH_MAX, block=HELD_BLOCK_MS if held else BLOCK_MS)
        found, woken = self._collect(answer)
        if found and len(positions) > 2:
            # Servers before 7.2 wake a reader for one stream: what came with it is there already.
            positions = {name: place.cursor for name, place in self._places.items()}
            # What was found is in hand and its place is behind us: a failure from here on must not drop it.
            with contextlib.suppress(RedisError):
                found += self._collect(await self._redis.xread(positions, count=BATCH_MAX))[0]
        if woken:
            with contextlib.suppress(RedisError):  # the next heartbeat comes within a second
                await self._member.beat()
        found.sort(key=lambda entry: order_of(entry.entry_id))
        return found

    def _collect(self, answer: Any) -> tuple[list[StreamEntry], bool]:
        found: list[StreamEntry] = []
        woken = False
        for raw_name, entries in stream_entries(answer):
            name = raw_name.decode()
            if name == self._member.wake_key:
                self._wake = entries[-1][0]
                woken = True
                continue
            for entry_id, fields in entries:
                self._places[name].cursor = entry_id
                found.append(StreamEntry(name, entry_id, fields.get(b"d", b"")))
        return found, woken

    # Handling

    async def _handle(self, entries: list[StreamEntry]) -> None:
        if self._wanted.follower is not None:
            await self._pass_on(self._wanted.follower, entries)
        elif entries:
            received = await self._handling.decoded(entries, owned=self._is_new)
            await self._handling.handle(received, self._publisher_for)
            await self._commit({entry.stream: entry.entry_id for entry in entries})

    async def _pass_on(self, follower: Follower, entries: list[StreamEntry]) -> None:
        """Give a follower what is new, let it act, commit what it has done without a gap."""
        deliveries: list[Delivery[Any]] = []
        for each in await self._handling.decoded(entries, owned=self._is_new):
            place = self._places[each.entry.stream]
            new = self._is_new(each.entry)
            delivery: Delivery[Any] = Delivery(each.message, each.entry.entry_id, place.lease if new else None)
            deliveries.append(delivery)
            if new:
                place.unfinished.append(delivery)
        follower.take(deliveries)
        await self._handling.act(follower, self._publisher_under(self._fence(self._places)))
        metrics.MESSAGES_IN.labels(self._wanted.topic.name).inc(len(deliveries))
        done: dict[str, bytes] = {}
        for name, place in self._places.items():
            while place.unfinished and place.unfinished[0].done:
                done[name] = place.unfinished.popleft().entry_id
        if done:
            await self._commit(done)

    def _is_new(self, entry: StreamEntry) -> bool:
        """Whether the entry is this replica's, and not committed yet."""
        lease = self._places[entry.stream].lease
        return lease is not None and order_of(entry.entry_id) > order_of(lease.position)

    def _publisher_for(self, batch: Sequence[Received[Any]]) -> FencedPublisher:
        return self._publisher_under(self._fence(dict.fromkeys(each.entry.stream for each in batch)))

    def _fence(self, streams: Iterable[str]) -> Fence:
        leases = (self._places[name].lease for name in streams)
        return Fence(self._member.leases_key, tuple(lease for lease in leases if lease is not None))

    async def _commit(self, positions: dict[str, bytes]) -> None:
        await self._handling.until_done(lambda: self._commit_once(positions))

    async def _commit_once(self, positions: dict[str, bytes]) -> None:
        try:
            await self._member.commit(positions)
        except RedisError as error:
            raise TransientError(f"redis: {error}") from error


def _cancelled() -> bool:
    """Whether this task was told to end: a library may have swallowed the exception."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def order_of(entry_id: bytes) -> tuple[int, int]:
    """A stream entry's id as something that sorts."""
    time_ms, _, sequence = entry_id.partition(b"-")
    return int(time_ms), int(sequence or 0)


def stream_entries(answer: Any) -> list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]]:
    """XREAD's answer as (stream, entries) pairs, in either protocol version's shape."""
    if not answer:
        return []
    if isinstance(answer, dict):
        return [(name, chunk) for name, chunks in answer.items() for chunk in chunks]
    return [(name, entries) for name, entries in answer]
