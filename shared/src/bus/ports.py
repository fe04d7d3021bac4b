"""What services need of a bus: durable topics with acknowledgement, and notices that may be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import Protocol, TypeVar

from pydantic import BaseModel

from shared.src.contracts.topics import Topic

M = TypeVar("M", bound=BaseModel)
Handler = Callable[[M], Awaitable[None]]


class Bus(Protocol):
    """Durable topics are delivered at least once, in order per key; handlers are idempotent by message id.

    The processes that subscribe in one group share the work: each message is handled by one of them.
    """

    async def publish(self, topic: Topic[M], message: M) -> None:
        """Append to a durable topic. Returns when the bus has stored it.

        Raises:
            TransientError: the bus is away; nothing is known to be stored.
        """
        ...

    async def publish_many(self, topic: Topic[M], messages: Iterable[M]) -> None:
        """Append several messages in one round trip, in order."""
        ...

    def subscribe(self, topic: Topic[M], handler: Handler[M], *, group: str) -> None:
        """Call ``handler`` for each message of ``topic``; it is acknowledged after the handler returned.

        A TransientError of the handler is retried, in order, with backoff. A message that breaks its contract,
        or whose handler fails otherwise, becomes a dead letter with the reason.
        """
        ...

    async def run(self) -> None:
        """Consume until cancelled."""
        ...

    async def notify(self, channel: str, payload: bytes) -> None:
        """Publish a notice that may be lost."""
        ...

    def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]:
        """Notices on the channels that match the glob patterns: (channel, payload)."""
        ...
