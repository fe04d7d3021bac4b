"""What happens to messages once they were read: decoded, handled, repeated, or put among the dead letters.

The same for every bus; where messages come from and how an acknowledgement is stored is the bus's own.
"""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from shared.src.bus.ports import BATCH_MAX, BatchHandler, FencedHandler, FencedPublisher, Follower, Handler, Owns
from shared.src.contracts.topics import Topic
from shared.src.domain.errors import ContractError, LeaseLostError, TransientError
from shared.src.frame import metrics
from shared.src.retry import Backoff, until_done

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

BACKOFF = Backoff(first_s=0.05, max_s=5.0)
FINISH_S_MAX = 2.0


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a service wants of a topic: a handler is called with batches, or a follower is kept up to date."""

    topic: Topic[Any]
    group: str
    handler: FencedHandler[Any] | None = None
    follower: Follower | None = None
    batch_max: int = BATCH_MAX
    on_rebalance: Callable[[Owns], None] | None = None


def one_by_one(handler: Handler[M]) -> FencedHandler[M]:
    """A handler of single messages as one of batches of one."""

    async def handle(messages: list[M], _: FencedPublisher) -> None:
        (message,) = messages
        await handler(message)

    return handle


def without_fence(handler: BatchHandler[M]) -> FencedHandler[M]:
    """A handler that publishes nothing, or publishes whoever owns the messages."""

    async def handle(messages: list[M], _: FencedPublisher) -> None:
        await handler(messages)

    return handle


@dataclass(frozen=True, slots=True)
class StreamEntry:
    """A message as it lies in a stream."""

    stream: str
    entry_id: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Received(Generic[M]):
    """An entry that keeps its contract."""

    entry: StreamEntry
    message: M


class PutDeadLetter(Protocol):
    """``Bus.dead_letter``."""

    async def __call__(self, source: str, *, consumer: str, raw: bytes, reason: str) -> None: ...


class MessageHandling:
    """The handling of one subscription's messages."""

    def __init__(self, wanted: Subscription, put_dead_letter: PutDeadLetter) -> None:
        self._wanted = wanted
        self._topic = wanted.topic
        self._put_dead_letter = put_dead_letter

    async def decoded(
        self, entries: Sequence[StreamEntry], *, owned: Callable[[StreamEntry], bool]
    ) -> list[Received[Any]]:
        """The entries that keep the contract; of the others, those that are ``owned`` become dead letters."""
        received = []
        for entry in entries:
            try:
                received.append(Received(entry, self._topic.decode(entry.raw)))
            except ContractError as error:
                if owned(entry):
                    await self.dead_letter(entry.raw, str(error))
        return received

    async def handle(
        self, received: Sequence[Received[Any]], publisher_for: Callable[[Sequence[Received[Any]]], FencedPublisher]
    ) -> None:
        """Call the handler with batches of what was received.

        Raises:
            LeaseLostError: another process owns some of it by now.
        """
        for start in range(0, len(received), self._wanted.batch_max):
            await self._handle_batch(received[start : start + self._wanted.batch_max], publisher_for)
        metrics.MESSAGES_IN.labels(self._topic.name).inc(len(received))

    async def _handle_batch(
        self, batch: Sequence[Received[Any]], publisher_for: Callable[[Sequence[Received[Any]]], FencedPublisher]
    ) -> None:
        """Hand over the messages together; when that breaks, one by one, so that only the broken one is set aside."""
        handler = self._wanted.handler
        assert handler is not None
        publisher = publisher_for(batch)
        try:
            with metrics.HANDLING_S.labels(self._topic.name).time():
                await self.until_done(lambda: handler([each.message for each in batch], publisher))
        except LeaseLostError:
            raise
        except Exception as error:
            # The one broad except of a process: a handler that breaks must not take the stream with it,
            # and what it broke on must not be lost.
            logger.exception("handler failed", extra={"topic": self._topic.name})
            if len(batch) == 1:
                await self.dead_letter(batch[0].entry.raw, _reason(error))
                return
            for each in batch:
                await self._handle_batch([each], publisher_for)

    async def act(self, follower: Follower, publisher: FencedPublisher) -> None:
        """Let the follower act on what is due; what it breaks on becomes a dead letter.

        Raises:
            LeaseLostError: another process owns some of it by now.
        """
        while True:
            try:
                await self.until_done(lambda: follower.act(publisher))
                return
            except LeaseLostError:
                raise
            except Exception as error:
                # The other side of the one broad except: as in ``_handle_batch``.
                logger.exception("follower failed", extra={"topic": self._topic.name})
                broken = follower.give_up()
                if broken is None:
                    raise
                await self.dead_letter(self._topic.encode(broken), _reason(error))

    async def dead_letter(self, raw: bytes, reason: str) -> None:
        """Put a message among the dead letters, however long that takes: it must not be lost."""
        await self.until_done(
            lambda: self._put_dead_letter(self._topic.name, consumer=self._wanted.group, raw=raw, reason=reason)
        )

    async def until_done(self, action: Callable[[], Awaitable[None]]) -> None:
        """Run ``action``; repeat it, with backoff, while it fails in a way that may pass."""
        await until_done(action, BACKOFF, sleep=asyncio.sleep, on_failure=self._note)

    def _note(self, error: TransientError) -> None:
        metrics.RETRIES.labels(self._topic.name).inc()
        logger.warning("retrying", extra={"topic": self._topic.name, "reason": str(error)})


async def finished(work: Coroutine[Any, Any, None]) -> None:
    """Await ``work``; a cancellation lets it finish first, for a moment."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        try:
            await asyncio.wait({task}, timeout=FINISH_S_MAX)
        finally:
            task.cancel()
        raise


def _reason(error: Exception) -> str:
    return "".join(traceback.format_exception_only(error)).strip()
