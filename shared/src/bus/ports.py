"""What services need of a bus: durable topics with acknowledgement, and notices that may be lost.

A service module asks for the narrowest of these: ``Publisher`` when it only sends, ``Notices`` for screens, ``Bus``
when it subscribes. ``RedisBus`` and ``shared.memory.bus.InMemoryBus`` are buses.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from shared.src.bus.dead_letters import DeadLetter
from shared.src.contracts.topics import Topic

M = TypeVar("M", bound=BaseModel)

BATCH_MAX = 64  # messages that a batch handler gets at once, unless it says otherwise


class Publisher(Protocol):
    """Appends to durable topics."""

    async def publish(self, topic: Topic[M], message: M) -> None:
        """Append to a durable topic. Returns when the bus has stored it.

        Raises:
            TransientError: the bus is away; nothing is known to be stored.
        """
        ...

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        """Append several messages in one round trip, in order.

        Raises:
            TransientError: the bus is away; nothing is known to be stored.
        """
        ...


class FencedPublisher(Publisher, Protocol):
    """Publishes for a handler, as long as this process still owns the messages that the handler was given.

    Both methods of ``Publisher`` raise ``LeaseLostError`` too, when another process has one of the messages' partitions
    by now; then nothing was stored. The handler lets the error pass: the other process does the work.
    """

    async def confirm(self) -> None:
        """Ask whether the messages are still this process's to handle: before rows are committed.

        Raises:
            LeaseLostError: another process has one of their partitions.
            TransientError: the bus is away.
        """
        ...


Handler = Callable[[M], Awaitable[None]]
BatchHandler = Callable[[list[M]], Awaitable[None]]
FencedHandler = Callable[[list[M], FencedPublisher], Awaitable[None]]
Owns = Callable[[str], bool]  # whether the messages of a key are this process's


class Notices(Protocol):
    """Messages for whoever listens at the moment; nothing keeps them."""

    async def notify(self, channel: str, payload: bytes) -> None:
        """Publish a notice that may be lost.

        Raises:
            TransientError: the bus is away.
        """
        ...

    async def notify_many(self, notices: Iterable[tuple[str, bytes]]) -> None:
        """Publish several notices, each a channel and its payload, in one round trip.

        Raises:
            TransientError: the bus is away; some of them may have been published.
        """
        ...

    def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        """Notices on the channels that match the glob patterns, from the first ``anext`` on: (channel, payload).

        Goes on by itself after the bus was away; what was sent meanwhile is lost.
        """
        ...


@dataclass(frozen=True, slots=True)
class LastValue:
    """What is known of something now; with ``keep_s``, for that many wall seconds unless someone renews it."""

    name: str
    value: bytes
    keep_s: int | None = None


class LastValues(Protocol):
    """The newest of what changes all the time, by name: for those who look now and then, where notices are for those
    who listen.

    Everything raises TransientError when the store is away.
    """

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        """What is known under each of the names, in one round trip."""
        ...

    async def matching(self, pattern: str) -> dict[str, bytes]:
        """Everything whose name matches the glob pattern, sorted by name."""
        ...

    async def put(self, values: Iterable[LastValue]) -> None:
        """Replace what was known, in one round trip, and all at once for those who look."""
        ...


class Ownership(Protocol):
    """The right to act on the messages of a partition; it can end at any time."""

    @property
    def held(self) -> bool: ...


@dataclass(eq=False, slots=True)
class Delivery(Generic[M]):
    """A message for a follower. ``done`` is set by the follower when its effects are out.

    ``lease`` is None when the message is another process's, or was acted on before.
    """

    message: M
    entry_id: bytes
    lease: Ownership | None
    done: bool = False

    @property
    def mine(self) -> bool:
        """Whether its effects are this process's to make."""
        return self.lease is not None and self.lease.held


class Follower(Protocol):
    """A consumer that must see the messages of every partition, and acts on those of its own."""

    async def restart(self, waiting: Sequence[Any]) -> None:
        """Begin anew: partitions came. ``waiting`` has the messages of this process that are not acted on.

        Afterwards the messages are delivered again, oldest first: all that the topic holds, or, when nothing waits,
        the newest ones only.
        """
        ...

    def take(self, deliveries: Sequence[Delivery[Any]]) -> None:
        """Messages, once, in the order of their arrival; those of one key are in order."""
        ...

    async def act(self, publisher: FencedPublisher) -> None:
        """Act on what is due, and mark it as done; called after ``take`` and when time has passed.

        A TransientError is tried again. What is not done is kept, and comes again only after ``restart``.
        """
        ...

    def give_up(self) -> Any | None:
        """Drop the message that ``act`` broke on, and return it; None when it was none of them."""
        ...


class Subscriptions(Protocol):
    """What a service consumes. Subscribing is done before ``run``.

    Messages come at least once, in order per key; handlers are idempotent by message id. A message is acknowledged
    after its handler returned. The processes that subscribe in one group share the work: each message is handled by one
    of them. A TransientError of the handler is retried, in order, with backoff. A message that breaks its contract, or
    whose handler fails otherwise, becomes a dead letter with the reason.
    """

    def subscribe(self, topic: Topic[M], handler: Handler[M], *, group: str) -> None:
        """Call ``handler`` for each message of ``topic``."""
        ...

    def subscribe_batch(
        self,
        topic: Topic[M],
        handler: BatchHandler[M],
        *,
        group: str,
        batch_max: int = BATCH_MAX,
        on_rebalance: Callable[[Owns], None] | None = None,
    ) -> None:
        """Call ``handler`` with up to ``batch_max`` messages that are waiting, in order.

        When it breaks on a batch, it gets the messages one by one, so that only the broken one becomes a dead letter.

        Args:
            on_rebalance: called with a function that says which keys are this process's now.
        """
        ...

    def subscribe_fenced(
        self,
        topic: Topic[M],
        handler: FencedHandler[M],
        *,
        group: str,
        batch_max: int = BATCH_MAX,
        on_rebalance: Callable[[Owns], None] | None = None,
    ) -> None:
        """Like ``subscribe_batch``; what the handler publishes through its second argument appears only if this
        process still owns the messages.

        For handlers whose effects are messages; where a row decides, the row is the fence.
        """
        ...

    def follow(self, topic: Topic[M], follower: Follower, *, group: str) -> None:
        """See the messages of every partition, act on those of this process's own; publishing is fenced."""
        ...


class Bus(Publisher, Notices, Subscriptions, Protocol):
    """The whole bus, as a composition root hands it to a service."""

    def tap(self, *topics: Topic[Any]) -> AsyncIterator[tuple[Topic[Any], BaseModel]]:
        """Durable messages from the first ``anext`` on, without a group and without acknowledgement: for screens.

        Messages that break their contract are passed over: the consumer of the topic makes the dead letter.
        """
        ...

    async def publish_raw(self, topic_name: str, raw: bytes) -> None:
        """Append a message as it is, a dead letter that is replayed for instance, to the topic of that name.

        Raises:
            TransientError: the bus is away.
        """
        ...

    async def dead_letter(self, source: str, *, consumer: str, raw: bytes, reason: str) -> None:
        """Put a message that nobody can handle among the dead letters.

        Raises:
            TransientError: the bus is away.
        """
        ...

    def dead_letters(self) -> AsyncIterator[DeadLetter]:
        """Every dead letter that is kept, oldest first, then the new ones as they come; waits while the bus is away."""
        ...

    def shares(self) -> dict[str, Any]:
        """Who is in the groups of this process, and which streams are its own: for /diagnostic."""
        ...

    async def run(self) -> None:
        """Consume until cancelled; the messages in hand are finished first."""
        ...
