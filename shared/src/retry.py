"""How the platform tries again what failed in a way that may pass: until it is done, less and less often.

tenacity and stamina were considered. Stamina takes no sleep of our own, gives up by default and adds jitter from a
global source. Tenacity can do it all, but a call that succeeds at once, as nearly all do, costs 40 microseconds instead
of less than one, on the path of every message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from shared.src.domain.errors import TransientError

T = TypeVar("T")

DOUBLINGS_MAX = 60  # beyond that a power of two says nothing but "the limit"


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after failures in a row: ``first_s`` after the first, twice as long after each, up to ``max_s``.

    Without jitter: the processes of the platform are few, and a run in simulated time must not depend on chance. Where
    many clients could come back to somebody else's server at one moment, the caller adds it.
    """

    first_s: float
    max_s: float

    def after(self, failures: int) -> float:
        """Seconds to wait after ``failures`` in a row; none without a failure."""
        if failures <= 0:
            return 0.0
        return min(self.max_s, self.first_s * 2.0 ** min(failures - 1, DOUBLINGS_MAX))


async def until_done(
    action: Callable[[], Awaitable[T]],
    backoff: Backoff,
    *,
    sleep: Callable[[float], Awaitable[None]],
    on_failure: Callable[[TransientError], None],
) -> T:
    """Run ``action`` until it raises no TransientError any more; returns what it returns.

    There is no limit to the number of times: it is for what must not be left out, and whoever waits can be cancelled.
    ``on_failure`` is told each time, before the wait: it logs and counts. Every other error ends it at once.
    """
    failures = 0
    while True:
        try:
            return await action()
        except TransientError as error:
            failures += 1
            on_failure(error)
        await sleep(backoff.after(failures))
