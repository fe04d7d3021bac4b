"""What fails in a way that may pass is tried again, less and less often; nothing else is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.retry import Backoff, until_done

BACKOFF = Backoff(first_s=0.1, max_s=1.0)


class Away:
    """Fails a number of times, then answers; notes when it was asked."""

    def __init__(self, clock: ManualClock, failures: int, error: BaseException | None = None) -> None:
        self.asked_s: list[float] = []
        self.told: list[str] = []
        self._clock = clock
        self._failures = failures
        self._error = error or TransientError("away")

    async def answer(self) -> str:
        self.asked_s.append(round(self._clock.monotonic(), 9))
        if len(self.asked_s) <= self._failures:
            raise self._error
        return "here"

    async def asked_until_done(self) -> str:
        return await until_done(
            self.answer, BACKOFF, sleep=self._clock.sleep, on_failure=lambda error: self.told.append(str(error))
        )


async def test_it_is_asked_again_less_and_less_often_until_it_answers() -> None:
    away = Away(ManualClock(), failures=6)
    assert await away.asked_until_done() == "here"
    assert away.asked_s == [0.0, 0.1, 0.3, 0.7, 1.5, 2.5, 3.5]
    assert away.told == ["away"] * 6


async def test_what_answers_at_once_is_asked_once() -> None:
    away = Away(ManualClock(), failures=0)
    assert await away.asked_until_done() == "here"
    assert (away.asked_s, away.told) == ([0.0], [])


@pytest.mark.parametrize("error", [RejectedError("no"), ValueError("a bug"), asyncio.CancelledError()])
async def test_an_error_that_will_not_pass_ends_it(error: BaseException) -> None:
    away = Away(ManualClock(), failures=3, error=error)
    with pytest.raises(type(error)):
        await away.asked_until_done()
    assert (away.asked_s, away.told) == ([0.0], [])


@given(st.integers(-5, 10_000))
def test_a_wait_is_never_longer_than_its_limit_and_never_shorter_than_the_one_before(failures: int) -> None:
    assert 0.0 <= BACKOFF.after(failures) <= BACKOFF.after(failures + 1) <= BACKOFF.max_s
