"""The one consumer loop: leased streams of a topic in, handler calls and committed positions out.

Reading takes nothing away from a stream. What a replica has handled is its group's last delivered id of the stream, set
only under the lease; whoever owns the stream next goes on exactly there, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel
from redis.asyncio import Redis
from redis.exceptions import RedisError

from shared.src.bus.leases import START, Fence, GroupMember, Lease
from shared.src.contracts.topics import Topic
from shared.src.domain.errors import ContractError, LeaseLostError, TransientError
from shared.src.frame import metrics

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

BATCH_MAX = 64
BLOCK_MS = 2_000
HELD_BLOCK_MS = 100
BACKOFF_S_MAX = 5.0
FINISH_S_MAX = 2.0
# more than a publisher may have sent without having stored it
TAIL = 2 * BATCH_MAX

# set while a fenced handler runs: what it publishes appears only if its leases still hold
FENCE: ContextVar[Fence | None] = ContextVar("fence", default=None)

Bury = Callable[[str, str, bytes, str], Awaitable[None]]
Entry = tuple[str, bytes, bytes]  # stream, id, payload


@dataclass(eq=False, slots=True)
class Delivery(Generic[M]):
    """A message for a follower. ``done`` is set by the follower when its effects are out."""

    message: M
    entry_id: bytes
    lease: Lease | None
    done: bool = False

    @property
    def mine(self) -> bool:
        """Whether its effects are this replica's to make."""
        return self.lease is not None and self.lease.held


class Follower(Protocol):
    """A consumer that must see the messages of every partition, and acts on those of its own."""

    async def restart(self, waiting: Sequence[Any]) -> None:
        """Begin anew: partitions came. ``waiting`` has the messages of this replica that are not acted on.

        Afterwards the streams are delivered again, oldest first: all that they hold, or, when nothing waits, the last
        ``TAIL`` messages of each.
        """
        ...

    def take(self, deliveries: Sequence[Delivery[Any]]) -> None:
        """Messages, once, in the order of their arrival; those of one key are in order."""
        ...

    async def act(self) -> None:
        """Act on what is due, and mark it as done; called after ``take`` and when time has passed.

        A TransientError is tried again. What is not done is kept, and comes again only after ``restart``.
        """
        ...

    def give_up(self) -> Any | None:
        """Drop the message that ``act`` broke on, and answer it; None when it was none of them."""
        ...


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service wants of a topic."""

    topic: Topic[Any]
    group: str
    handler: Callable[[list[Any]], Awaitable[None]] | None = None
    follower: Follower | None = None
    batch_max: int = BATCH_MAX
    fenced: bool = False
    on_rebalance: Callable[[Callable[[str], bool]], None] | None = None


@dataclass(slots=True)
class _Place:
    """How far one stream was read."""

    lease: Lease | None
    cursor: bytes
    acted: deque[Delivery[Any]] = field(default_factory=deque)


class StreamConsumer:
    """Runs one subscription."""

    def __init__(
        self, redis: Redis, subscription: Subscription, member: GroupMember, *, partitions: int, bury: Bury
    ) -> None:
        self._redis = redis
        self._wanted = subscription
        self._member = member
        self._partitions = partitions
        self._streams = subscription.topic.streams(partitions)
        self._bury = bury
        self._places: dict[str, _Place] = {}
        self._wake = START

    async def run(self) -> None:
        """Consume until cancelled; what is in hand then is finished first."""
        while not _cancelled():
            try:
                await self._sync()
                entries = await self._read()
                await _finished(self._handle(entries))
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
        if not came:  # less to act on: what was read stays read
            for name, place in self._places.items():
                place.lease = leases.get(name)
                if place.lease is None:
                    place.acted.clear()
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
        answer: Any = await self._redis.xrevrange(name, count=TAIL)
        return answer[-1][0] if len(answer) == TAIL else START

    # Reading

    async def _read(self) -> list[Entry]:
        """What is new in all streams at once, in the order of arrival; empty after a while without anything."""
        held = any(place.acted for place in self._places.values())
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
        found.sort(key=lambda entry: order_of(entry[1]))
        return found

    def _collect(self, answer: Any) -> tuple[list[Entry], bool]:
        found: list[Entry] = []
        woken = False
        for raw_name, entries in stream_entries(answer):
            name = raw_name.decode()
            if name == self._member.wake_key:
                self._wake = entries[-1][0]
                woken = True
                continue
            for entry_id, fields in entries:
                self._places[name].cursor = entry_id
                found.append((name, entry_id, fields.get(b"d", b"")))
        return found, woken

    # Handling

    async def _handle(self, entries: list[Entry]) -> None:
        if self._wanted.follower is not None:
            await self._pass_on(self._wanted.follower, entries)
        elif entries:
            decoded = await self._decoded(entries)
            for start in range(0, len(decoded), self._wanted.batch_max):
                await self._handle_chunk(decoded[start : start + self._wanted.batch_max])
            metrics.MESSAGES_IN.labels(self._wanted.topic.name).inc(len(decoded))
            last = {name: entry_id for name, entry_id, _ in entries}
            await self._until_done(lambda: self._commit(last))

    async def _pass_on(self, follower: Follower, entries: list[Entry]) -> None:
        deliveries: list[Delivery[Any]] = []
        for (name, entry_id, _), message in await self._decoded(entries):
            place = self._places[name]
            new = place.lease is not None and order_of(entry_id) > order_of(place.lease.position)
            delivery: Delivery[Any] = Delivery(message, entry_id, place.lease if new else None)
            deliveries.append(delivery)
            if new:
                place.acted.append(delivery)
        follower.take(deliveries)
        with self._fenced(list(self._places)):
            await self._act(follower)
        metrics.MESSAGES_IN.labels(self._wanted.topic.name).inc(len(deliveries))
        done: dict[str, bytes] = {}
        for name, place in self._places.items():
            while place.acted and place.acted[0].done:
                done[name] = place.acted.popleft().entry_id
        if done:
            await self._until_done(lambda: self._commit(done))

    async def _act(self, follower: Follower) -> None:
        while True:
            try:
                await self._until_done(follower.act)
                return
            except LeaseLostError:
                raise
            except Exception as error:
                # The other side of the one broad except: as in ``_handle_chunk``.
                logger.exception("follower failed", extra={"topic": self._wanted.topic.name})
                broken = follower.give_up()
                if broken is None:
                    raise
                reason = "".join(traceback.format_exception_only(error)).strip()
                await self._bury_surely(self._wanted.topic.encode(broken), reason)

    async def _decoded(self, entries: list[Entry]) -> list[tuple[Entry, Any]]:
        decoded = []
        for entry in entries:
            try:
                decoded.append((entry, self._wanted.topic.decode(entry[2])))
            except ContractError as error:
                place = self._places[entry[0]]
                if place.lease is not None and order_of(entry[1]) > order_of(place.lease.position):
                    await self._bury_surely(entry[2], str(error))
        return decoded

    async def _handle_chunk(self, chunk: list[tuple[Entry, Any]]) -> None:
        """Hand over the messages together; when that breaks, one by one, so that only the broken one is buried."""
        handler = self._wanted.handler
        assert handler is not None
        try:
            with (
                metrics.HANDLING_S.labels(self._wanted.topic.name).time(),
                self._fenced({entry[0] for entry, _ in chunk}),
            ):
                await self._until_done(lambda: handler([message for _, message in chunk]))
        except LeaseLostError:
            raise
        except Exception as error:
            # The one broad except of a process: a handler that breaks must not take the stream with it,
            # and what it broke on must not be lost.
            logger.exception("handler failed", extra={"topic": self._wanted.topic.name})
            if len(chunk) == 1:
                reason = "".join(traceback.format_exception_only(error)).strip()
                await self._bury_surely(chunk[0][0][2], reason)
                return
            for item in chunk:
                await self._handle_chunk([item])

    @contextlib.contextmanager
    def _fenced(self, streams: Any) -> Any:
        if not self._wanted.fenced:
            yield
            return
        owned = tuple(place.lease for name in streams if (place := self._places[name]).lease is not None)
        token = FENCE.set(Fence(self._member.leases_key, owned))
        try:
            yield
        finally:
            FENCE.reset(token)

    async def _commit(self, positions: dict[str, bytes]) -> None:
        try:
            await self._member.commit(positions)
        except RedisError as error:
            raise TransientError(f"redis: {error}") from error

    async def _bury_surely(self, raw: bytes, reason: str) -> None:
        await self._until_done(lambda: self._bury(self._wanted.topic.name, self._wanted.group, raw, reason))

    async def _until_done(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run ``action``; repeat it, with backoff, while it fails in a way that may pass."""
        delay = 0.05
        while True:
            try:
                await action()
                return
            except TransientError as error:
                metrics.RETRIES.labels(self._wanted.topic.name).inc()
                logger.warning("retrying", extra={"topic": self._wanted.topic.name, "reason": str(error)})
            await asyncio.sleep(delay)
            delay = min(delay * 2, BACKOFF_S_MAX)


async def _finished(work: Coroutine[Any, Any, None]) -> None:
    """Await ``work``; a cancellation lets it finish first, a second one ends it."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task}, timeout=FINISH_S_MAX)
        finally:
            task.cancel()
        raise


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
