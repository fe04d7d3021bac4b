"""Stops asking a service that keeps failing, and asks again carefully. One breaker for each target."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TypeVar

from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError

T = TypeVar("T")

FAILURES_MAX = 5
OPEN_S = 10.0


class BreakerState(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class CircuitBreaker:
    """Closed until ``failures_max`` calls in a row failed, then open for ``open_s`` wall seconds, then one may try.

    Only a TransientError counts as failure: an answer that refuses is an answer. State changes happen between awaits
    of one event loop, so callers need no lock.
    """

    def __init__(self, target: str, clock: Clock, *, failures_max: int = FAILURES_MAX, open_s: float = OPEN_S) -> None:
        self.target = target
        self._clock = clock
        self._failures_max = failures_max
        self._open_s = open_s
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> BreakerState:
        if self._opened_at is None:
            return BreakerState.CLOSED
        waited = self._clock.monotonic() - self._opened_at >= self._open_s
        return BreakerState.HALF_OPEN if waited else BreakerState.OPEN

    async def call(self, action: Callable[[], Awaitable[T]]) -> T:
        """Run ``action`` unless the circuit is open.

        Raises:
            TransientError: the circuit is open, another call is probing, or the action failed.
        """
        state = self.state
        if state is BreakerState.OPEN or (state is BreakerState.HALF_OPEN and self._probing):
            raise TransientError(f"{self.target} failed {self._failures} times in a row; waiting before asking again")
        probe = state is BreakerState.HALF_OPEN
        self._probing = self._probing or probe
        try:
            result = await action()
        except TransientError:
            self._failures += 1
            if probe or self._failures >= self._failures_max:
                self._opened_at = self._clock.monotonic()
            raise
        except RejectedError:
            self._failures, self._opened_at = 0, None
            raise
        finally:
            if probe:
                self._probing = False
        self._failures, self._opened_at = 0, None
        return result
