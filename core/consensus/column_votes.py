"""The votes of many strategies on every bar of one symbol and time frame, computed on whole columns.

A rule is written once and runs on one bar and on columns with equal results, so these are the votes that the live
engine casts. They are kept sparsely: on most bars nobody votes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analyzer.strategies.base_strategy import RuleStrategy
from core.consensus.strategy_engine import FILTER_FEATURES
from core.consensus.strategy_set import Member
from core.consensus.votes import vote_of
from core.features.history_columns import FrameColumns
from core.rules.frames import Column, ColumnFrame, Frame, align, wire_row
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES, trend_of
from shared.src.domain.candles import Timeframe
from shared.src.domain.features import FeatureValue
from shared.src.domain.money import PRICE_PLACES, score_to_decimal
from shared.src.domain.votes import BarVotes, CastVote

Indexes = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SparseVotes:
    """Votes in the order of bars and, on one bar, of the members: the place of the bar and of the member, ``side`` 1
    BUY or -1 SELL, and what was proposed.
    """

    bars: Indexes
    members: Indexes
    side: NDArray[np.int8]
    strength: Column
    confidence: Column
    stop_loss: Column
    take_profit: Column


class ColumnVotes:
    """The votes on one symbol and time frame, and what the consensus reads of its bars."""

    def __init__(self, own: FrameColumns, members: Sequence[Member], votes: SparseVotes, above: Frame) -> None:
        """``above``: the time frame over this one, aligned with its bars."""
        self.own = own
        self.members = tuple(members)
        self.votes = votes
        self._trend = trend_of(above)
        self._begins = np.searchsorted(votes.bars, np.arange(len(own) + 1)).tolist()
        self._filtered = [name for name in FILTER_FEATURES if name in own.columns]

    def at(self, bar: int) -> BarVotes:
        """All votes on the bar at this place."""
        own = self.own
        close = float(own.columns["close"][bar])
        votes = [self._vote(place, close) for place in range(self._begins[bar], self._begins[bar + 1])]
        return BarVotes(
            symbol=own.symbol,
            timeframe=own.timeframe,
            time=int(own.times[bar]),
            price=score_to_decimal(close, PRICE_PLACES),
            votes=tuple(vote for vote in votes if vote is not None),
            features=self._features(bar),
        )

    def _vote(self, place: int, close: float) -> CastVote | None:
        """A vote as the live engine has it; None for one that it would refuse."""
        votes = self.votes
        signal = {
            "side": "BUY" if votes.side[place] > 0 else "SELL",
            "strength": float(votes.strength[place]),
            "confidence": float(votes.confidence[place]),
            "stop_loss": float(votes.stop_loss[place]),
            "take_profit": float(votes.take_profit[place]),
        }
        try:
            return vote_of(self.members[votes.members[place]], signal, close)
        except ValueError:
            return None

    def _features(self, bar: int) -> dict[str, FeatureValue]:
        columns, trend = self.own.columns, float(self._trend[bar])
        above = HIGHER_TIMEFRAMES.get(self.own.timeframe.value, ())
        known: dict[str, FeatureValue] = {**wire_row({name: float(columns[name][bar]) for name in self._filtered})}
        known["timeframe"] = self.own.timeframe.value
        if not above:
            return known | {"higher_timeframe": None, "higher_trend": None}
        return known | {"higher_timeframe": above[0], "higher_trend": trend if trend == trend else None}


def is_on_columns(member: Member) -> bool:
    """Whether a strategy votes by its rule alone, which columns can be asked for."""
    strategy = member.strategy
    return isinstance(strategy, RuleStrategy) and type(strategy).generate_signal is RuleStrategy.generate_signal


def rule_votes(frame: ColumnFrame, rules: Iterable[tuple[int, RuleStrategy]], asked: NDArray[np.bool_]) -> SparseVotes:
    """The votes of rules, each with the place of its member. ``asked``: the bars on which anybody is asked."""
    parts = []
    for place, rule in rules:
        made = rule.evaluate(frame)
        bars = np.flatnonzero((made.side != 0) & asked)
        proposed = (made.side, made.strength, made.confidence, made.stop_loss, made.take_profit)
        parts.append((bars, np.full(len(bars), place, dtype=np.int64), *(column[bars] for column in proposed)))
    return joined(parts)


def joined(parts: Sequence[Sequence[NDArray[Any]]]) -> SparseVotes:
    """Votes of several origins in one order; each part has the columns of ``SparseVotes``."""
    if not parts:
        empty = np.empty(0)
        return SparseVotes(empty.astype(np.int64), empty.astype(np.int64), empty.astype(np.int8), *([empty] * 4))
    columns = [np.concatenate([part[place] for part in parts]) for place in range(7)]
    order = np.lexsort((columns[1], columns[0]))
    bars, members, side, *rest = (column[order] for column in columns)
    return SparseVotes(bars, members, side, *rest)


def frame_among(frames: Mapping[tuple[str, Timeframe], FrameColumns], symbol: str, timeframe: Timeframe) -> ColumnFrame:
    """The columns of a symbol and time frame, with those above it and of the other symbols beside it."""
    own = frames[(symbol, timeframe)]
    closes = own.close_times.astype(np.float64)

    def beside(other: FrameColumns) -> tuple[Mapping[str, Column], Column, Column]:
        return other.columns, other.close_times.astype(np.float64), closes

    above = [Timeframe(name) for name in HIGHER_TIMEFRAMES.get(timeframe.value, ())]
    return ColumnFrame(
        own.columns,
        length=len(own),
        symbol=symbol,
        timeframe=timeframe.value,
        higher={frame.value: align(*beside(frames[(symbol, frame)])) for frame in above if (symbol, frame) in frames},
        peers={
            name: align(*beside(other))
            for (name, frame), other in frames.items()
            if frame is timeframe and name != symbol
        },
    )
