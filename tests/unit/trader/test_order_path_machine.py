"""The order path under every order of events hypothesis can think of: lost answers, late requests, duplicated and
reordered events, moving prices, manual exits, orders from elsewhere, and crashes between any two steps.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from shared.src.domain.errors import OutcomeUnknownError, RejectedError, TransientError
from shared.src.domain.orders import IntentKind, OrderType
from tests.unit.trader.rig import Rig, intent

PRICES = st.sampled_from(["44000", "48500", "49400", "50000", "50600", "51900", "52500", "56000"]).map(Decimal)


class OrderPath(RuleBasedStateMachine):
    """Faults come while things happen; at the end everything settles and every rule about money must hold."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.count = 0

    @initialize()
    def begin(self) -> None:
        async def make() -> Rig:
            return Rig(signal_max_age_s=3600, max_price_drift_percent="50", max_holding_minutes=60)

        self.rig = self.loop.run_until_complete(make())

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        # the caller is told of a failure; nothing else may have happened
        with suppress(TransientError, OutcomeUnknownError, RejectedError):
            self.loop.run_until_complete(work)

    @rule(kind=st.sampled_from([OrderType.MARKET, OrderType.MARKET, OrderType.LIMIT]), price=PRICES)
    def enter(self, kind: OrderType, price: Decimal) -> None:
        self.count += 1
        limit = price if kind is OrderType.LIMIT else None
        self.do(self.rig.receive(intent(self.count, self.rig.clock, type=kind, price=limit)))

    @rule()
    def hear_the_last_intent_again(self) -> None:
        if self.count:
            self.do(self.rig.receive(intent(self.count, self.rig.clock)))

    @rule()
    def leave(self) -> None:
        self.count += 1
        self.do(self.rig.receive(intent(self.count, self.rig.clock, kind=IntentKind.EXIT)))

    @rule(price=PRICES)
    def move_the_price(self, price: Decimal) -> None:
        self.rig.exchange.move(price)

    @rule(steps=st.integers(1, 40))
    def crash_soon(self, steps: int) -> None:
        self.rig.fuse.left = steps

    @rule(steps=st.integers(1, 40), seconds=st.integers(1, 60))
    def stand_still_soon(self, steps: int, seconds: int) -> None:
        self.rig.stand_still(steps, seconds)

    @rule()
    def lose_an_answer(self) -> None:
        self.rig.exchange.answers_to_lose = 1

    @rule()
    def lose_a_request(self) -> None:
        self.rig.exchange.requests_to_lose = 1

    @rule()
    def delay_a_request(self) -> None:
        self.rig.exchange.requests_to_delay = 1

    @rule(code=st.sampled_from([-2010, -1013, -1015]))
    def refuse_a_request(self, code: int) -> None:
        error = RejectedError(f"{code} refused for the test", code=code) if code != -1015 else TransientError("wait")
        self.rig.exchange.refusals.append(error)

    @rule(count=st.integers(1, 4), keep=st.booleans())
    def bring_events(self, count: int, keep: bool) -> None:
        self.do(self.rig.deliver(count, keep=keep))

    @rule()
    def lose_all_events(self) -> None:
        self.rig.exchange.events.clear()

    @rule()
    def reverse_the_events(self) -> None:
        self.rig.exchange.events.reverse()

    @rule(seconds=st.integers(1, 30))
    def let_time_pass(self, seconds: int) -> None:
        self.rig.exchange.elapse(seconds)
        self.do(self.rig.tick())

    @invariant()
    def nothing_is_sold_that_is_not_held(self) -> None:
        if hasattr(self, "rig"):
            assert self.rig.exchange.base >= 0

    def teardown(self) -> None:
        if hasattr(self, "rig"):
            self.rig.exchange.refusals.clear()
            self.rig.fuse.stalls = None
            self.rig.exchange.requests_to_lose = self.rig.exchange.answers_to_lose = 0
            self.loop.run_until_complete(self.rig.settle(180))
            self.rig.check()
            self.loop.run_until_complete(self.rig.trader.cycle_manager.stop())
        self.loop.close()


OrderPath.TestCase.settings = settings(max_examples=60, stateful_step_count=25, suppress_health_check=list(HealthCheck))
TestOrderPath = OrderPath.TestCase
