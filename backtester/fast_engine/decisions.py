"""The consensus of all symbols on a whole history, in the order of the market.

Votes are computed on columns; a consensus is made of them where it can come about and only when somebody asks: most of
them would close what is not open, or open what is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.strategies.base_strategy import RuleStrategy, features_needed
from core.consensus.bar_decision import BarDecision, decided
from core.consensus.column_tally import tally
from core.consensus.column_votes import (
    ColumnVotes,
    SparseVotes,
    frame_among,
    is_on_columns,
    joined,
    rule_votes,
)
from core.consensus.decision import ConsensusRules
from core.consensus.strategy_engine import FILTER_FEATURES, StrategyEngine
from core.consensus.strategy_set import Member, StrategySource, set_of
from core.features.history_columns import FrameColumns, frame_columns
from core.features.indicators.base import IndicatorParameters
from core.features.replay import features_of, in_order, watched
from core.market.series import CandleSeries
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES
from shared.src.domain.candles import Timeframe
from shared.src.domain.orders import Side
from shared.src.market.recorded_history import RecordedHistory

Key = tuple[str, Timeframe]
MONITOR = "monitor"


@dataclass(frozen=True, slots=True)
class VotedBarPlace:
    """A bar whose votes may make a consensus: where it is, and the side they speak for."""

    close_ms: int
    symbol: str
    timeframe: Timeframe
    bar: int
    side: Side


@dataclass(frozen=True, slots=True)
class DecisionInputs:
    """What decides: the strategies, the user's windows and consensus rules, the time frames that are decided on."""

    strategies: Sequence[StrategySource]
    parameters: IndicatorParameters
    rules: ConsensusRules
    market_mode: str
    min_volume: float
    decided: Collection[Timeframe]


class HistoryDecisions:
    """The consensus on the bars of several symbols. ``votes`` of each strategy; ``refused``: bars by what refused them,
    as far as their votes do. ``frames``: the features, which another run on the same histories need not compute again.
    """

    def __init__(
        self,
        histories: Sequence[RecordedHistory],
        inputs: DecisionInputs,
        *,
        frames: Mapping[Key, FrameColumns] | None = None,
    ) -> None:
        self._inputs = inputs
        self.votes: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        frames = _frames(histories, inputs) if frames is None else frames
        self.frames = frames
        slow = _votes_on_bars(histories, inputs, frames)
        self._columns = {
            key: self._voted(frames, key, slow.get(key)) for key in sorted(frames) if key[1] in inputs.decided
        }
        frame_order = list(Timeframe)
        self._ordered = sorted(
            self._candidates(), key=lambda item: (item.close_ms, item.symbol, frame_order.index(item.timeframe))
        )

    def _voted(self, frames: Mapping[Key, FrameColumns], key: Key, slow: SparseVotes | None) -> ColumnVotes:
        symbol, timeframe = key
        own, frame = frames[key], frame_among(frames, symbol, timeframe)
        members = _members(self._inputs.strategies, timeframe)
        rules = [
            (place, member.strategy)
            for place, member in enumerate(members)
            if isinstance(member.strategy, RuleStrategy) and is_on_columns(member)
        ]
        cast = rule_votes(frame, rules, own.columns["volume"] >= self._inputs.min_volume)
        if slow is not None:
            cast = joined([_columns_of(cast), _columns_of(slow)])
        for place, count in enumerate(np.bincount(cast.members, minlength=len(members)).tolist()):
            self.votes[members[place].name] += count
        above = HIGHER_TIMEFRAMES.get(timeframe.value, ())
        return ColumnVotes(own, members, cast, frame.higher(above[0]) if above else frame)

    def _candidates(self) -> Iterator[VotedBarPlace]:
        for (symbol, timeframe), votes in self._columns.items():
            tallied = tally(votes, self._inputs.rules, self._inputs.market_mode)
            self.refused.update({reason: count for reason, count in tallied.refused.items() if count})
            bars = np.flatnonzero(tallied.side)
            closes = votes.own.close_times[bars].tolist()
            sides = tallied.side[bars].tolist()
            for bar, close_ms, side in zip(bars.tolist(), closes, sides, strict=True):
                yield VotedBarPlace(close_ms, symbol, timeframe, bar, Side.BUY if side > 0 else Side.SELL)

    def moments(self) -> Iterator[tuple[int, Sequence[VotedBarPlace]]]:
        """The moments (ms UTC, a bar's close) at which a consensus may come about, in order, and where."""
        for close_ms, group in groupby(self._ordered, key=lambda item: item.close_ms):
            yield close_ms, list(group)

    def decision(self, candidate: VotedBarPlace) -> BarDecision:
        """What is decided on a candidate: exit levels and critical filters may refuse it."""
        bar = self._columns[(candidate.symbol, candidate.timeframe)].at(candidate.bar)
        decision = decided(bar, self._inputs.rules, self._inputs.market_mode)
        assert decision is not None, "a candidate has votes"
        return decision


def _members(strategies: Sequence[StrategySource], timeframe: Timeframe) -> list[Member]:
    return [member for member in set_of(strategies, timeframe.value).members if member.family != MONITOR]


def _frames(histories: Sequence[RecordedHistory], inputs: DecisionInputs) -> dict[Key, FrameColumns]:
    needed = features_needed([source.create() for source in inputs.strategies])
    features = None if needed is None else needed | frozenset(FILTER_FEATURES)
    return {
        (history.symbol, timeframe): columns
        for history in histories
        for timeframe, columns in frame_columns(
            history.symbol,
            history.timeframe,
            history.candles,
            inputs.parameters,
            timeframes=watched(inputs.decided),
            features=features,
        ).items()
    }


def vote_only(strategies: Sequence[StrategySource]) -> list[StrategySource]:
    """The strategies that can only be asked bar by bar, which takes longer."""
    made = [(source, source.create()) for source in strategies]
    return [
        source
        for source, strategy in made
        if strategy.family != MONITOR and not is_on_columns(Member(source.name, source.family, strategy))
    ]


def _votes_on_bars(
    histories: Sequence[RecordedHistory], inputs: DecisionInputs, frames: Mapping[Key, FrameColumns]
) -> dict[Key, SparseVotes]:
    """The votes of those strategies, asked as live."""
    asked = vote_only(inputs.strategies)
    if not asked:
        return {}
    engine = StrategyEngine(asked, min_volume=inputs.min_volume)
    streams = [
        features_of(
            CandleSeries(history.symbol, history.timeframe),
            history.candles,
            inputs.parameters,
            watched(inputs.decided),
        )
        for history in histories
    ]
    rows: dict[Key, list[tuple[float, ...]]] = {}
    for bar in in_order(streams):
        engine.see(bar)
        if bar.timeframe in inputs.decided:
            key = (bar.symbol, bar.timeframe)
            names = [member.name for member in _members(inputs.strategies, bar.timeframe)]
            for vote in engine.evaluate(bar).votes.votes:
                row = (bar.time, names.index(vote.strategy), 1 if vote.side is Side.BUY else -1)
                levels = (_number(vote.stop_loss), _number(vote.take_profit))
                rows.setdefault(key, []).append((*row, vote.strength, vote.confidence, *levels))
    return {key: _sparse(found, frames[key]) for key, found in rows.items()}


def _number(level: object) -> float:
    return float("nan") if level is None else float(str(level))


def _sparse(rows: Sequence[tuple[float, ...]], own: FrameColumns) -> SparseVotes:
    table = np.array(rows, dtype=np.float64)
    bars = np.searchsorted(own.times, table[:, 0].astype(np.int64))
    members, side = table[:, 1].astype(np.int64), table[:, 2].astype(np.int8)
    return SparseVotes(bars, members, side, *(table[:, place].copy() for place in range(3, 7)))


def _columns_of(votes: SparseVotes) -> tuple[NDArray[Any], ...]:
    return (
        votes.bars,
        votes.members,
        votes.side,
        votes.strength,
        votes.confidence,
        votes.stop_loss,
        votes.take_profit,
    )
