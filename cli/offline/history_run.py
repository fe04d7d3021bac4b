"""What the live platform would have computed on candles of a file: the same core, fed in the order of the market.

Candles go through the series that builds the higher time frames, the indicator engine, the strategy engine and the
consensus. Nothing looks ahead: a row depends on the bars up to its own, so a file cut anywhere gives the same rows up
to the cut. As in live operation, an engine starts over where a bar is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

from core.consensus.bar_decision import decided
from core.consensus.decision import ConsensusRules
from core.consensus.strategy_engine import StrategyEngine
from core.consensus.strategy_set import StrategySource
from core.features.indicators.base import IndicatorParameters
from core.features.replay import features_of, in_order, watched
from core.market.series import CandleSeries
from shared.src.config import Settings
from shared.src.contracts.signals import StrategyVotes
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.features import BarFeatures
from shared.src.domain.votes import BarVotes, CastVote
from shared.src.market.recorded_history import RecordedHistory

FAILURES_KEPT = 20
Tick = Callable[[], None]


def features_of_history(
    history: RecordedHistory,
    parameters: IndicatorParameters,
    timeframes: Collection[Timeframe],
    tick: Tick = lambda: None,
) -> Iterator[BarFeatures]:
    """The features of every bar as they close, of the file's time frame first. ``tick`` is called for each candle."""
    series = CandleSeries(history.symbol, history.timeframe)
    return features_of(series, _ticked(history.candles, tick), parameters, timeframes)


def _ticked(candles: Iterable[Candle], tick: Tick) -> Iterator[Candle]:
    for candle in candles:
        yield candle
        tick()


class Strategist:
    """The strategies over several histories: bars in the order in which they close, every strategy's votes on each."""

    def __init__(self, strategies: Sequence[StrategySource], settings: Settings, decided: Iterable[Timeframe]) -> None:
        self._engine = StrategyEngine(strategies, min_volume=float(settings.min_volume))
        self._parameters = IndicatorParameters.of(settings)
        self._decided = frozenset(decided)
        # the last strategies that raised, with the reason
        self.failures: deque[str] = deque(maxlen=FAILURES_KEPT)

    def votes(self, histories: Sequence[RecordedHistory], tick: Tick = lambda: None) -> Iterator[BarVotes]:
        """Those of each bar that is decided on, also when nobody votes."""
        wanted = watched(self._decided)
        streams = [features_of_history(history, self._parameters, wanted, tick) for history in histories]
        for bar in in_order(streams):
            self._engine.see(bar)
            if bar.timeframe in self._decided:
                evaluation = self._engine.evaluate(bar)
                self.failures.extend(failure.reason for failure in evaluation.failures)
                yield evaluation.votes


def feature_row(bar: BarFeatures) -> dict[str, Any]:
    """One row of ``features``: the bar, then every indicator, None while unknown."""
    values = {name: value for name, value in bar.values.items() if name != "time"}
    return {"time": from_ms(bar.time), "symbol": bar.symbol, "timeframe": bar.timeframe.value, **values}


def signal_row(bar: BarVotes, vote: CastVote) -> dict[str, Any]:
    """One row of ``signals``: one strategy's vote on one bar. ``time`` is the start of the bar, which has closed."""
    return {
        "time": from_ms(bar.time),
        "symbol": bar.symbol,
        "timeframe": bar.timeframe.value,
        "strategy": vote.strategy,
        "family": vote.family,
        "side": vote.side.value,
        "strength": vote.strength,
        "level": vote.level.value,
        "confidence": vote.confidence,
        "price": vote.price,
        "stop_loss": vote.stop_loss,
        "take_profit": vote.take_profit,
        "reason": vote.reason,
    }


def decision_row(bar: BarVotes, rules: ConsensusRules, mode: str) -> dict[str, Any] | None:
    """One row of ``decisions``: the consensus on one bar, the refused ones too; None when nobody voted."""
    decision = decided(bar, rules, mode)
    if decision is None:
        return None
    correlation = f"{bar.symbol}:{bar.timeframe}:{bar.time}"
    message = StrategyVotes.of(bar, correlation_id=correlation, occurred_at=from_ms(bar.close_time))
    return {
        "time": from_ms(bar.time),
        "symbol": bar.symbol,
        "timeframe": bar.timeframe.value,
        "side": decision.verdict.side,
        "accepted": decision.accepted,
        "reason": decision.verdict.reason,
        "strategy": decision.strategy,
        "strength": decision.strength,
        "level": decision.level.value,
        "confidence": decision.confidence,
        "filter": decision.filter,
        "price": bar.price,
        "stop_loss": decision.stop_loss,
        "take_profit": decision.take_profit,
        "votes_count": len(bar.votes),
        "votes": [vote.model_dump(mode="json") for vote in message.votes],
        "id": decision.id,
    }
