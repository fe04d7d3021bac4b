"""The breaker opens after failures, not after refusals, and lets one call try again."""

from __future__ import annotations

import asyncio

import pytest

from coordinator.src.circuit_breaker import BreakerState, CircuitBreaker
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import RejectedError, TransientError


class Target:
    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def ask(self) -> str:
        self.calls += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "yes"


async def fail(breaker: CircuitBreaker, target: Target, times: int) -> None:
    target.error = TransientError("away")
    for _ in range(times):
        with pytest.raises(TransientError):
            await breaker.call(target.ask)


async def test_it_opens_after_five_failures_and_then_does_not_ask() -> None:
    breaker, target = CircuitBreaker("portfolio", ManualClock()), Target()
    await fail(breaker, target, 7)
    assert breaker.state is BreakerState.OPEN
    assert target.calls == 5


async def test_a_success_between_failures_keeps_it_closed() -> None:
    breaker, target = CircuitBreaker("portfolio", ManualClock()), Target()
    await fail(breaker, target, 4)
    target.error = None
    assert await breaker.call(target.ask) == "yes"
    await fail(breaker, target, 4)
    assert breaker.state is BreakerState.CLOSED


async def test_refusals_are_answers() -> None:
    breaker, target = CircuitBreaker("portfolio", ManualClock()), Target()
    target.error = RejectedError("no", code=409)
    for _ in range(20):
        with pytest.raises(RejectedError):
            await breaker.call(target.ask)
    assert breaker.state is BreakerState.CLOSED


async def test_after_a_while_one_call_tries_and_closes_it() -> None:
    clock = ManualClock()
    breaker, target = CircuitBreaker("portfolio", clock), Target()
    await fail(breaker, target, 5)
    clock.advance(10)
    target.error, target.gate = None, asyncio.Event()
    probe = asyncio.ensure_future(breaker.call(target.ask))
    await asyncio.sleep(0)
    with pytest.raises(TransientError):
        await breaker.call(target.ask)
    target.gate.set()
    assert await probe == "yes"
    assert breaker.state is BreakerState.CLOSED


async def test_a_failed_try_opens_it_again() -> None:
    clock = ManualClock()
    breaker, target = CircuitBreaker("portfolio", clock), Target()
    await fail(breaker, target, 5)
    clock.advance(10)
    await fail(breaker, target, 1)
    assert breaker.state is BreakerState.OPEN
