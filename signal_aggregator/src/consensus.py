"""Votes in, one decision per symbol, time frame and bar out; everything with its reason in ``trading_signals``.

What is decided is core's (``core.consensus``). This adds what a service has: the message, the row that is committed
before the decision is published, and decisions that a crash kept from being published.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

from core.consensus.bar_decision import BarDecision, decided
from core.consensus.decision import Consensus, ConsensusRules
from shared.src.bus.ports import Bus, FencedPublisher
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes
from shared.src.contracts.topics import CONSENSUS
from shared.src.domain.clock import Clock
from shared.src.domain.orders import Side
from signal_aggregator.src.critical_filters import count_outcome
from signal_aggregator.src.ports import DecidedBar, SignalStore

PENDING_S: Final = 5.0


class SignalAggregatorService:
    """Decides on every bar that has votes."""

    def __init__(self, *, store: SignalStore, bus: Bus, clock: Clock, rules: ConsensusRules, market_mode: str) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._rules = rules
        self._market_mode = market_mode
        self._outcomes: Counter[str] = Counter()

    def statistics(self) -> dict[str, Any]:
        return {"outcomes": dict(self._outcomes)}

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on as long as the service."""
        return {"votes": self._bus.run, "pending": self.publish_pending}

    async def on_votes(self, messages: list[StrategyVotes], publisher: FencedPublisher) -> None:
        """Decide on each bar that has votes. The row is committed before the decision is published."""
        bars = [bar for message in messages if (bar := self._decided(message)) is not None]
        if not bars:
            return
        published = await self._store.add(bars)
        signals = [bar.signal for bar in bars if bar.signal is not None and bar.decision.id not in published]
        if signals:
            await publisher.publish_many(CONSENSUS, signals)
            await self._store.mark_published([signal.message_id for signal in signals])

    def _decided(self, message: StrategyVotes) -> DecidedBar | None:
        decision = decided(message, self._rules, self._market_mode)
        if decision is None:
            return None
        self._outcomes[count_outcome(decision)] += 1
        signal = signal_of(decision, correlation_id=message.correlation_id, occurred_at=self._clock.now())
        return DecidedBar(decision, message, signal)

    async def publish_pending(self) -> None:
        """Publish decisions that a crash kept from being published."""
        while True:
            await self._store.publish_forgotten(
                lambda signals: self._bus.publish_many(CONSENSUS, signals), older_than_s=PENDING_S
            )
            await self._clock.sleep(PENDING_S)


def signal_of(decision: BarDecision, *, correlation_id: str, occurred_at: datetime) -> ConsensusSignal | None:
    """The message that carries an accepted decision; None for a refused one."""
    verdict, bar = decision.verdict, decision.bar
    if not isinstance(verdict, Consensus):
        return None
    return ConsensusSignal(
        message_id=decision.id,
        correlation_id=correlation_id,
        occurred_at=occurred_at,
        symbol=bar.symbol,
        timeframe=bar.timeframe,
        time=bar.time,
        close_time=bar.close_time,
        side=Side(verdict.side),
        strength=verdict.strength,
        level=decision.level,
        confidence=verdict.confidence,
        price=bar.price,
        stop_loss=decision.stop_loss,
        take_profit=decision.take_profit,
        strategy=verdict.strategy,
        strategies=verdict.strategies,
        families=verdict.families,
        regime=verdict.regime,
        atr=verdict.atr,
        reason=verdict.reason,
    )
