"""On which bars a consensus may come about: the votes of every bar weighed on whole columns.

The arithmetic and its order are those of ``decision.decide``, so a bar that is refused here for its votes is refused
there, and one that is let through is let through by its votes. Exit levels and critical filters are asked there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.consensus.column_votes import ColumnVotes
from core.consensus.decision import LEADERS, OTHER_FAMILY, ConsensusRules, market_mode
from core.rules.frames import Column
from core.rules.labels import LABELS

UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class Tally:
    """For each bar the side that its votes speak for, 1 BUY or -1 SELL, 0 none; and how many bars with votes were
    refused for them, by the reason.
    """

    side: NDArray[np.int8]
    refused: Mapping[str, int]


def tally(votes: ColumnVotes, rules: ConsensusRules, mode: str) -> Tally:
    """Weigh the votes on every bar; ``mode`` is the market mode: ride, react or auto."""
    length, cast = len(votes.own), votes.votes
    regimes = _regimes(votes)
    leads = [LEADERS[market_mode(name, mode)] for name in (*LABELS["market_regime"], UNKNOWN)]
    heard = cast.confidence >= rules.vote_confidence_min
    weight = np.clip(cast.strength, 0.0, 1.0) * np.clip(cast.confidence, 0.0, 1.0)
    families = [member.family for member in votes.members]
    scores: dict[int, Column] = {}
    counts: dict[int, NDArray[np.int64]] = {}
    kinds: dict[int, NDArray[np.int64]] = {}
    for side in (1, -1):
        doubt, counts[side], kinds[side] = np.ones(length), np.zeros(length, np.int64), np.zeros(length, np.int64)
        for family in sorted(set(families)):
            members = np.array([found == family for found in families])
            chosen = heard & (cast.side == side) & members[cast.members]
            bars = cast.bars[chosen]
            heaviest = np.zeros(length)
            np.maximum.at(heaviest, bars, weight[chosen])
            lead = np.array([lead.get(family, OTHER_FAMILY) for lead in leads])
            doubt *= 1.0 - lead[regimes] * heaviest
            cast_here = np.bincount(bars, minlength=length)
            counts[side] += cast_here
            kinds[side] += cast_here > 0
        scores[side] = 1.0 - doubt
    return _judged(votes, rules, regimes, scores, counts, kinds)


def _regimes(votes: ColumnVotes) -> NDArray[np.int64]:
    """The place of each bar's regime among the labels, one further for an unknown one."""
    column = votes.own.columns["market_regime"]
    known = ~np.isnan(column)
    return np.where(known, np.where(known, column, 0.0), len(LABELS["market_regime"])).astype(np.int64)


def _judged(
    votes: ColumnVotes,
    rules: ConsensusRules,
    regimes: NDArray[np.int64],
    scores: Mapping[int, Column],
    counts: Mapping[int, NDArray[np.int64]],
    kinds: Mapping[int, NDArray[np.int64]],
) -> Tally:
    names = (*LABELS["market_regime"], UNKNOWN)
    more = np.array([rules.more_by_regime.get(name, 0) for name in names])
    buying = scores[1] > scores[-1]
    score, other = np.where(buying, scores[1], scores[-1]), np.where(buying, scores[-1], scores[1])
    count, families = np.where(buying, counts[1], counts[-1]), np.where(buying, kinds[1], kinds[-1])
    voted = np.zeros(len(votes.own), dtype=bool)
    voted[votes.votes.bars] = True
    refusals = {
        "no confident vote": counts[1] + counts[-1] == 0,
        "votes contradict": np.abs(scores[1] - scores[-1]) < rules.tie_margin,
        "too few strategies agree": count < rules.min_votes + np.where(buying, more[regimes], 0),
        "too few families agree": families < rules.min_families,
        "too little strength": score * (1.0 - other) < rules.min_strength,
    }
    refused: dict[str, int] = {}
    left = voted
    for reason, refusing in refusals.items():
        refused[reason] = int(np.count_nonzero(left & refusing))
        left = left & ~refusing
    return Tally(np.where(left, np.where(buying, 1, -1), 0).astype(np.int8), refused)
