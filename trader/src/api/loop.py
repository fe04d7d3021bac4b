"""The trader's loop as the threads of its API reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, TypeVar

from shared.src.domain.errors import TransientError
from shared.src.frame.idempotency import AnswerBook
from trader.src.api.control import TraderControl

T = TypeVar("T")
Report = Callable[[], Coroutine[Any, Any, dict[str, Any]]]

ANSWER_S_MAX = 20.0


@dataclass(frozen=True, slots=True)
class TraderLoop:
    """Every command and question runs on ``loop``; the threads that ask hold no state of the trader."""

    loop: asyncio.AbstractEventLoop
    control: TraderControl
    answers: AnswerBook
    health: Report
    diagnostic: Report
    reads_need_token: bool = False

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do it on the trader's loop, and wait for the result.

        Raises:
            TransientError: it took too long; it is given up.
        """
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        try:
            return future.result(ANSWER_S_MAX)
        except FutureTimeoutError as error:
            future.cancel()
            raise TransientError(f"no answer within {ANSWER_S_MAX:.0f} s") from error
