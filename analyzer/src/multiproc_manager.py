"""Runs every strategy on every symbol and time frame, each with an instance of its own.

A strategy that raises is reported and skipped for that bar; the others vote.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from prometheus_client import Counter as Metric
from prometheus_client import Histogram
from pydantic import ValidationError

from analyzer.src.stored_features import stored_features
from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.src.strategy_set import StrategySet
from analyzer.strategies.base_strategy import BaseStrategy, MarketData, RuleStrategy, Signal, level_of
from core.features.window import ROWS_KEPT, FeatureWindow
from shared.src.contracts.market import FeatureFrame
from shared.src.contracts.signals import StrategyVotes, Vote
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.money import score_to_decimal
from shared.src.domain.signals import StrengthLevel

logger = logging.getLogger(__name__)

PRICE_PLACES = 12
FAILURES_KEPT = 20
# a user's strategy that gives no strength is heard with this one
DEFAULT_SCORE = 0.6
SIGNAL_FIELDS = frozenset(
    {
        *("strategy", "family", "symbol", "timeframe", "timestamp", "side", "strength", "level", "confidence"),
        *("price", "stop_loss", "take_profit", "reason", "metadata"),
    }
)
FILTER_FEATURES = (
    *("close", "atr_14", "natr", "market_regime", "regime_confidence", "volume_ratio", "bb_width", "rsi_14"),
    *("stoch_rsi", "williams_r", "momentum_score", "ema_26", "ema_99", "confluence_score", "volume_quality_score"),
    *("volatility_regime", "trend_alignment", "adx_14", "directional_bias", "volume"),
)

EVALUATE_S = Histogram(
    "roottrading_strategies_seconds",
    "all strategies, one bar",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.25),
)
FAILURES = Metric("roottrading_strategy_failures", "strategies that raised on a bar", ["strategy"])
# a user's strategy may name the level instead of a number: the middle of what the level covers
STRENGTH_OF: Final[dict[str, float]] = {"WEAK": 0.2, "MODERATE": 0.5, "STRONG": 0.7, "VERY_STRONG": 0.9}


class AnalyzerManager:
    """Holds the strategies' instances and the feature window they read."""

    def __init__(self, strategies: Sequence[LoadedStrategy], clock: Clock, *, min_volume: Decimal) -> None:
        self._strategies = strategies
        self._clock = clock
        self._min_volume = min_volume
        self._window = FeatureWindow()
        self._instances: dict[tuple[str, str], StrategySet] = {}
        self._by_strategy: Counter[str] = Counter()
        self._failures: list[str] = []
        self._remembered = 0

    def statistics(self) -> dict[str, Any]:
        return {
            "strategies": [strategy.name for strategy in self._strategies],
            "rows_remembered": self._remembered,
            "votes_by_strategy": dict(self._by_strategy),
            "failures": self._failures[-FAILURES_KEPT:],
        }

    @property
    def strategies(self) -> Sequence[LoadedStrategy]:
        """What votes, with the parameters it votes by."""
        return self._strategies

    def apply(self, overrides: Mapping[str, Mapping[str, float]]) -> list[str]:
        """Let strategies decide by other parameters from the next bar on; answers whose changed.

        Raises:
            ConfigurationError: a parameter is out of bounds; nothing was changed.
        """
        changed = {
            loaded.name: replace(loaded, overrides=overrides.get(loaded.name))
            for loaded in self._strategies
            if dict(loaded.overrides or {}) != dict(overrides.get(loaded.name) or {})
        }
        for loaded in changed.values():
            loaded.create()
        self._strategies = [changed.get(loaded.name, loaded) for loaded in self._strategies]
        for key, strategy_set in self._instances.items() if changed else ():
            self._instances[key] = StrategySet(
                [
                    (changed[one.name], changed[one.name].create()) if one.name in changed else (one, strategy)
                    for one, strategy in strategy_set.members
                ]
            )
        return sorted(changed)

    async def remember(self, database: Database, *, before_ms: int | None = None) -> list[tuple[str, Timeframe, int]]:
        """Begin with what strategies look back on, from the rows stored (closed before ``before_ms``).

        Answers the bars: symbol, time frame, open time in ms; those of a series in order.
        """
        rows = await stored_features(database, count=ROWS_KEPT, before_ms=before_ms)
        self._window = FeatureWindow()
        for symbol, timeframe, time_ms, values in rows:
            self._window.push(symbol, timeframe.value, time_ms + timeframe.milliseconds - 1, values)
        self._remembered = len(rows)
        return [(symbol, timeframe, time_ms) for symbol, timeframe, time_ms, _ in rows]

    def see(self, frame: FeatureFrame) -> None:
        """Add a bar to what strategies may read, or correct one."""
        place = self._window.revise if frame.revised else self._window.push
        place(frame.symbol, frame.timeframe.value, frame.close_time, frame.values)

    def evaluate(self, frame: FeatureFrame) -> StrategyVotes:
        """Every strategy's vote on a bar that ``see`` was called for."""
        close = frame.values["close"]
        volume = frame.values.get("volume") or 0.0
        assert isinstance(close, float)
        votes: list[Vote] = []
        if isinstance(volume, float | int) and volume >= float(self._min_volume):
            with EVALUATE_S.time():
                votes = self._votes(frame)
        return StrategyVotes(
            message_id=f"votes:{frame.symbol}:{frame.timeframe}:{frame.time}",
            correlation_id=frame.correlation_id,
            occurred_at=self._clock.now(),
            symbol=frame.symbol,
            timeframe=frame.timeframe,
            time=frame.time,
            close_time=frame.close_time,
            price=score_to_decimal(close, PRICE_PLACES),
            votes=tuple(votes),
            features=self._filter_features(frame),
        )

    def _votes(self, frame: FeatureFrame) -> list[Vote]:
        data = self._window.market_data(
            frame.symbol,
            frame.timeframe.value,
            start_time=frame.time,
            peers=self._window.symbols(frame.timeframe.value),
        )
        votes = []
        for loaded, strategy in self._instances_of(frame.symbol, frame.timeframe.value).speaking(data):
            vote = self._ask(loaded, strategy, data, frame)
            if vote is not None:
                votes.append(vote)
                self._by_strategy[vote.strategy] += 1
        return votes

    def _instances_of(self, symbol: str, timeframe: str) -> StrategySet:
        key = (symbol, timeframe)
        if key not in self._instances:
            made = [(loaded, loaded.create()) for loaded in self._strategies]
            self._instances[key] = StrategySet(
                [
                    (loaded, strategy)
                    for loaded, strategy in made
                    if strategy.timeframes is None or timeframe in strategy.timeframes
                ]
            )
        return self._instances[key]

    def _ask(
        self, loaded: LoadedStrategy, strategy: BaseStrategy, data: MarketData, frame: FeatureFrame
    ) -> Vote | None:
        try:
            signal = strategy.generate_signal(data if _is_rule(strategy) else _copy_of(data))
            return None if signal is None else self._vote(loaded, signal, frame)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's raises, the others must vote
            FAILURES.labels(loaded.name).inc()
            reason = f"{loaded.name} on {frame.symbol} {frame.timeframe}: {type(error).__name__}: {error}"
            self._failures = [*self._failures[-FAILURES_KEPT:], reason]
            logger.error("strategy failed", extra={"strategy": loaded.name, "reason": reason})
            return None

    def _vote(self, loaded: LoadedStrategy, signal: Signal, frame: FeatureFrame) -> Vote:
        given = signal.get("strength", DEFAULT_SCORE)
        strength = STRENGTH_OF.get(given) if isinstance(given, str) else None
        strength = float(given) if strength is None else strength
        identity = f"{loaded.name}:{frame.symbol}:{frame.timeframe}:{frame.time}"
        try:
            return Vote(
                message_id=identity,
                occurred_at=self._clock.now(),
                correlation_id=frame.correlation_id,
                strategy=loaded.name,
                family=str(signal.get("family") or loaded.family),
                side=signal["side"],
                strength=strength,
                level=StrengthLevel(level_of(strength)),
                confidence=float(signal.get("confidence", DEFAULT_SCORE)),
                price=score_to_decimal(float(signal.get("price") or data_close(frame)), PRICE_PLACES),
                stop_loss=_level(signal.get("stop_loss")),
                take_profit=_level(signal.get("take_profit")),
                reason=str(signal.get("reason", "")),
                numbers=_numbers(signal),
            )
        except ValidationError as error:
            raise ValueError(
                f"the signal is not usable: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
            ) from error

    def _filter_features(self, frame: FeatureFrame) -> dict[str, Any]:
        known = {name: frame.values.get(name) for name in FILTER_FEATURES if name in frame.values}
        known["timeframe"] = frame.timeframe.value
        return known | self._window.higher_trend(frame.symbol, frame.timeframe.value)


def _is_rule(strategy: BaseStrategy) -> bool:
    """Whether it reads the frame alone, which it cannot change."""
    return isinstance(strategy, RuleStrategy) and type(strategy).generate_signal is RuleStrategy.generate_signal


def _copy_of(data: MarketData) -> MarketData:
    """What a stranger's strategy may change: neither the others nor the critical filters read it."""
    return data | {"features": dict(data["features"]), "history": [dict(row) for row in data["history"]]}


def data_close(frame: FeatureFrame) -> float:
    close = frame.values["close"]
    assert isinstance(close, float | int)
    return float(close)


def _level(value: Any) -> Decimal | None:
    return None if value is None or value != value else score_to_decimal(float(value), PRICE_PLACES)


def _numbers(signal: Signal) -> dict[str, Any]:
    """What the decision was made by: ``metadata``, and whatever else a user's strategy put beside the known fields."""
    found = dict(signal.get("metadata") or {}) | {
        key: value for key, value in signal.items() if key not in SIGNAL_FIELDS
    }
    return {key: float(value) if isinstance(value, int | float) else str(value) for key, value in found.items()}
