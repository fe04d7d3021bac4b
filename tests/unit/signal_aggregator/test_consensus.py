"""The signal aggregator without its neighbours: what is stored, and what is published, when, and how often."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import pytest

from shared.memory.bus import InMemoryBus
from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes
from shared.src.domain.candles import MINUTE_MS, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from shared.src.domain.votes import BarVotes, CastVote
from signal_aggregator.src.adapters.memory_signals import MemorySignalStore
from signal_aggregator.src.composition import compose
from signal_aggregator.src.consensus import SignalAggregatorService


def votes(minute: int, *, count: int = 2, side: Side = Side.SELL) -> StrategyVotes:
    price = Decimal(100)
    cast = tuple(
        CastVote(f"S{number}", "breakout", side, 0.9, StrengthLevel.STRONG, 0.9, price, None, None, "", {})
        for number in range(count)
    )
    bar = BarVotes("BTCUSDC", Timeframe.M1, minute * MINUTE_MS, price, cast, {"close": 100.0, "atr_14": 1.0})
    return StrategyVotes.of(bar, correlation_id=f"c{minute}", occurred_at=from_ms(0))


class Outbox:
    """Takes what a handler publishes; the first ``failures`` times it is away."""

    def __init__(self, failures: int = 0) -> None:
        self.signals: list[ConsensusSignal] = []
        self._failures = failures

    async def publish(self, topic: Any, message: Any) -> None:
        await self.publish_many(topic, [message])

    async def publish_many(self, topic: Any, messages: Iterable[Any]) -> None:
        if self._failures:
            self._failures -= 1
            raise TransientError("the bus is away")
        self.signals += messages

    async def confirm(self) -> None:
        """Nobody else has the votes."""


def aggregator() -> tuple[SignalAggregatorService, MemorySignalStore]:
    clock = ManualClock()
    store = MemorySignalStore(clock)
    settings = load_settings(min_votes=2)
    return compose(settings=settings, bus=InMemoryBus(), clock=clock, store=store), store


async def accepted(store: MemorySignalStore) -> list[bool]:
    rows = await store.recent(symbol=None, accepted=None, limit=100)
    return [row["accepted"] for row in reversed(rows)]


async def test_every_bar_with_votes_is_stored_and_only_what_is_accepted_goes_on() -> None:
    service, store = aggregator()
    outbox = Outbox()
    await service.on_votes([votes(1), votes(2, count=1), votes(3, count=0)], outbox)
    assert await accepted(store) == [True, False]
    assert [(signal.time, signal.side, signal.correlation_id) for signal in outbox.signals] == [
        (MINUTE_MS, Side.SELL, "c1")
    ]
    assert service.statistics()["outcomes"] == {"accepted": 1, "refused": 1}


async def test_what_a_critical_filter_refuses_is_counted_by_its_name() -> None:
    service, _ = aggregator()
    outbox = Outbox()
    await service.on_votes([votes(1, count=3, side=Side.BUY)], outbox)
    assert outbox.signals == []
    assert service.statistics()["outcomes"] == {"volatility": 1}, "natr is not known"


async def test_votes_that_come_twice_are_decided_on_once() -> None:
    service, store = aggregator()
    outbox = Outbox()
    for _ in range(2):
        await service.on_votes([votes(1)], outbox)
    assert (len(outbox.signals), await accepted(store)) == (1, [True])


async def test_a_decision_that_was_stored_but_not_published_goes_out_when_the_votes_come_again() -> None:
    service, _ = aggregator()
    outbox = Outbox(failures=1)
    with pytest.raises(TransientError):
        await service.on_votes([votes(1)], outbox)
    await service.on_votes([votes(1)], outbox)
    assert len(outbox.signals) == 1
