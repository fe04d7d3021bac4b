"""The strategies as a service runs them: feature frames in, messages of votes out.

What is voted is decided in ``core.consensus.strategy_engine``. Here it gets what a service has: parameters that change
while it runs, rows from the database to begin with, metrics, a log, and the form of the wire.
"""

from __future__ import annotations

import logging
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from prometheus_client import Counter as Metric
from prometheus_client import Histogram

from analyzer.src.ports import END_OF_TIME_MS, StoredFeatures
from analyzer.src.strategy_loader import LoadedStrategy
from core.consensus.strategy_engine import Evaluation, StrategyEngine
from core.features.window import ROWS_KEPT
from shared.src.contracts.market import FeatureFrame
from shared.src.contracts.signals import StrategyVotes
from shared.src.domain.clock import Clock
from shared.src.domain.features import BarFeatures

logger = logging.getLogger(__name__)

FAILURES_KEPT: Final = 20

EVALUATE_S = Histogram(
    "roottrading_strategies_seconds",
    "all strategies, one bar",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.25),
)
FAILURES = Metric("roottrading_strategy_failures", "strategies that raised on a bar", ["strategy"])


class StrategyRunner:
    """Lets every strategy vote, and keeps what /strategies and /diagnostic show."""

    def __init__(self, strategies: Sequence[LoadedStrategy], clock: Clock, *, min_volume: Decimal) -> None:
        self._strategies = tuple(strategies)
        self._clock = clock
        self._engine = StrategyEngine(self._strategies, min_volume=float(min_volume))
        self._by_strategy: Counter[str] = Counter()
        self._failures: deque[str] = deque(maxlen=FAILURES_KEPT)
        self._remembered = 0

    def statistics(self) -> dict[str, Any]:
        return {
            "strategies": [strategy.name for strategy in self._strategies],
            "rows_remembered": self._remembered,
            "votes_by_strategy": dict(self._by_strategy),
            "failures": list(self._failures),
        }

    @property
    def strategies(self) -> Sequence[LoadedStrategy]:
        """What votes, with the parameters it votes by."""
        return self._strategies

    def apply(self, overrides: Mapping[str, Mapping[str, float]]) -> list[str]:
        """Let strategies decide by other parameters from the next bar on; returns the names whose changed.

        Raises:
            ConfigurationError: a parameter is out of bounds; nothing was changed.
        """
        changed = {
            loaded.name: replace(loaded, overrides=overrides.get(loaded.name))
            for loaded in self._strategies
            if dict(loaded.overrides or {}) != dict(overrides.get(loaded.name) or {})
        }
        self._engine.replace(tuple(changed.values()))
        self._strategies = tuple(changed.get(loaded.name, loaded) for loaded in self._strategies)
        return sorted(changed)

    async def remember(self, stored: StoredFeatures, *, before_ms: int = END_OF_TIME_MS) -> Sequence[BarFeatures]:
        """Begin with what strategies look back on, from the rows stored (closed before ``before_ms``).

        Returns the bars; those of a series in order.
        """
        bars = await stored.tail(count=ROWS_KEPT, before_ms=before_ms)
        self._engine.remember(bars)
        self._remembered = len(bars)
        return bars

    def see(self, frame: FeatureFrame) -> None:
        """Add a bar to what strategies may read, or correct one."""
        self._engine.see(frame.features(), revised=frame.revised)

    def evaluate(self, frame: FeatureFrame) -> StrategyVotes:
        """Every strategy's vote on a bar that ``see`` was called for."""
        with EVALUATE_S.time():
            evaluation = self._engine.evaluate(frame.features())
        self._note(evaluation)
        return StrategyVotes.of(evaluation.votes, correlation_id=frame.correlation_id, occurred_at=self._clock.now())

    def _note(self, evaluation: Evaluation) -> None:
        self._by_strategy.update(vote.strategy for vote in evaluation.votes.votes)
        for failure in evaluation.failures:
            FAILURES.labels(failure.strategy).inc()
            self._failures.append(failure.reason)
            logger.error("strategy failed", extra={"strategy": failure.strategy, "reason": failure.reason})
