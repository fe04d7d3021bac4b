"""One decision from the votes on one bar.

Invariants: the order of votes does not matter; an agreeing vote never lowers the strength of its side; a vote of a new
family raises it, repetition within a family does not; a vote of the other side never strengthens.

A vote weighs strength x confidence. A family's score is its heaviest vote: what its members read of one bar is nearly
the same, and said twice it is not known better. A side's score is ``1 - prod(1 - lead * score)`` over its families,
``lead`` telling how much the market mode trusts the family. The net strength is the winner's score times (1 - the
loser's).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from core.consensus.critical_filters import Blocked, FeatureValues, FilterRules, ProposedEntry, check_entry, number
from core.risk.exit_levels import ExitRules, settle
from core.rules.labels import LABELS

RIDE: Final = "ride"
REACT: Final = "react"
AUTO: Final = "auto"
# the families that lead when the market is ridden, and when it is reacted to
LEADERS: Final[dict[str, dict[str, float]]] = {
    RIDE: {"trend_following": 1.0, "breakout": 1.0, "volume_based": 0.9, "structure_based": 0.8, "mean_reversion": 0.5},
    REACT: {
        "mean_reversion": 1.0,
        "structure_based": 1.0,
        "volume_based": 0.9,
        "breakout": 0.6,
        "trend_following": 0.6,
    },
    "balanced": dict.fromkeys(
        ("trend_following", "breakout", "volume_based", "structure_based", "mean_reversion"), 0.85
    ),
}
MODE_OF_REGIME: Final[dict[str, str]] = {
    "TRENDING_BULL": RIDE,
    "TRENDING_BEAR": RIDE,
    "BREAKOUT_BULL": RIDE,
    "BREAKOUT_BEAR": RIDE,
    "RANGING": REACT,
    "VOLATILE": REACT,
}
# a family that is not in the table: a user's own
OTHER_FAMILY: Final = 0.8


class VoteLike(Protocol):
    """What the consensus reads of a vote (``shared.src.contracts.signals.Vote`` has it)."""

    @property
    def strategy(self) -> str: ...
    @property
    def family(self) -> str: ...
    @property
    def side(self) -> str: ...
    @property
    def strength(self) -> float: ...
    @property
    def confidence(self) -> float: ...
    @property
    def stop_loss(self) -> object: ...
    @property
    def take_profit(self) -> object: ...


@dataclass(frozen=True, slots=True)
class ConsensusRules:
    """How much agreement a decision needs.

    ``more_by_regime`` adds to ``min_votes`` for an entry in a regime that speaks against it.
    """

    min_votes: int = 2
    min_families: int = 1
    min_strength: float = 0.3
    tie_margin: float = 0.05
    vote_confidence_min: float = 0.5
    more_by_regime: Mapping[str, int] = field(
        default_factory=lambda: {"TRENDING_BEAR": 1, "BREAKOUT_BEAR": 1, "VOLATILE": 1, "UNKNOWN": 1}
    )
    filters: FilterRules = field(default_factory=FilterRules)
    exits: ExitRules = field(default_factory=ExitRules)


@dataclass(frozen=True, slots=True)
class Consensus:
    """A decision. BUY opens a position, SELL closes what is held."""

    side: str
    strength: float
    confidence: float
    price: float
    stop_loss: float | None
    take_profit: float | None
    strategy: str
    strategies: tuple[str, ...]
    families: tuple[str, ...]
    regime: str
    mode: str
    atr: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class NoConsensus:
    """No decision and why; ``filter`` names the critical filter that spoke, if one did."""

    reason: str
    side: str | None = None
    strength: float = 0.0
    filter: str | None = None
    strategies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Side:
    votes: tuple[VoteLike, ...]
    score: float

    @property
    def families(self) -> tuple[str, ...]:
        return tuple(sorted({vote.family for vote in self.votes}))

    @property
    def strategies(self) -> tuple[str, ...]:
        return tuple(sorted(vote.strategy for vote in self.votes))


def market_mode(regime: str, mode: str) -> str:
    """``ride`` or ``react`` as asked, or by the regime when ``auto``; a regime in between is ``balanced``."""
    return mode if mode in (RIDE, REACT) else MODE_OF_REGIME.get(regime, "balanced")


def decide(
    votes: Sequence[VoteLike], features: FeatureValues, rules: ConsensusRules, mode: str = AUTO
) -> Consensus | NoConsensus:
    """Turn the votes on one bar into a decision, or say why there is none.

    ``features`` are those of the bar: close, atr_14, market_regime and what the critical filters read.
    """
    price = number(features, "close")
    if price is None or price <= 0:
        return NoConsensus("the price of the bar is not known")
    regime = _regime_of(features)
    chosen = market_mode(regime, mode)
    lead = LEADERS[chosen]
    heard = _heard(votes, rules)
    buy = _side((vote for vote in heard if vote.side == "BUY"), lead)
    sell = _side((vote for vote in heard if vote.side == "SELL"), lead)
    if not heard:
        return NoConsensus("no votes")
    if abs(buy.score - sell.score) < rules.tie_margin:
        return NoConsensus(
            f"votes contradict: BUY {buy.score:.2f}, SELL {sell.score:.2f}",
            strategies=tuple(sorted(buy.strategies + sell.strategies)),
        )
    name, side, other = ("BUY", buy, sell) if buy.score > sell.score else ("SELL", sell, buy)
    strength = side.score * (1.0 - other.score)
    refusal = _too_little(name, side, strength, regime, rules)
    if refusal is not None:
        return NoConsensus(refusal, name, strength, None, side.strategies)
    atr = number(features, "atr_14")
    stop, target = settle(side.votes, buying=name == "BUY", price=price, atr=atr, rules=rules.exits)
    if name == "BUY":
        verdict = check_entry(ProposedEntry(strength, price, stop, target, features), rules.filters)
        if isinstance(verdict, Blocked):
            return NoConsensus(verdict.reason, name, strength, verdict.filter, side.strategies)
    return Consensus(
        side=name,
        strength=strength,
        confidence=_confidence(side, other),
        price=price,
        stop_loss=stop,
        take_profit=target,
        strategy=_strongest(side.votes),
        strategies=side.strategies,
        families=side.families,
        regime=regime,
        mode=chosen,
        atr=atr,
        reason=_reason(name, side, other, regime, chosen),
    )


def _regime_of(features: FeatureValues) -> str:
    regime = features.get("market_regime")
    return regime if isinstance(regime, str) and regime in LABELS["market_regime"] else "UNKNOWN"


def _heard(votes: Sequence[VoteLike], rules: ConsensusRules) -> list[VoteLike]:
    """The votes that count, in one order whatever order they came in; a strategy is heard once."""
    confident = [vote for vote in votes if vote.confidence >= rules.vote_confidence_min]
    once = {vote.strategy: vote for vote in sorted(confident, key=_order)}
    return sorted(once.values(), key=_order)


def _order(vote: VoteLike) -> tuple[object, ...]:
    return (
        str(vote.side),
        vote.family,
        vote.strategy,
        vote.strength,
        vote.confidence,
        str(vote.stop_loss),
        str(vote.take_profit),
    )


def _weight(vote: VoteLike) -> float:
    return min(1.0, max(0.0, vote.strength)) * min(1.0, max(0.0, vote.confidence))


def _side(votes: Iterable[VoteLike], lead: Mapping[str, float]) -> _Side:
    members = tuple(votes)
    doubt = 1.0
    for family in sorted({vote.family for vote in members}):
        heaviest = max(_weight(vote) for vote in members if vote.family == family)
        doubt *= 1.0 - lead.get(family, OTHER_FAMILY) * heaviest
    return _Side(members, 1.0 - doubt)


def _too_little(name: str, side: _Side, strength: float, regime: str, rules: ConsensusRules) -> str | None:
    needed = rules.min_votes + (rules.more_by_regime.get(regime, 0) if name == "BUY" else 0)
    if len(side.votes) < needed:
        return f"{len(side.votes)} of {needed} agreeing strategies for {name} in {regime}"
    if len(side.families) < rules.min_families:
        return f"{len(side.families)} of {rules.min_families} families for {name}"
    if strength < rules.min_strength:
        return f"net strength {strength:.2f} for {name} is under {rules.min_strength:g}"
    return None


def _confidence(side: _Side, other: _Side) -> float:
    total = sum(_weight(vote) for vote in side.votes)
    mean = sum(_weight(vote) * vote.confidence for vote in side.votes) / total if total else 0.0
    return min(1.0, max(0.0, mean + 0.05 * (len(side.families) - 1) - 0.5 * other.score))


def _strongest(votes: Sequence[VoteLike]) -> str:
    return min(votes, key=lambda vote: (-_weight(vote), vote.strategy)).strategy


def _reason(name: str, side: _Side, other: _Side, regime: str, mode: str) -> str:
    against = f", {len(other.votes)} against" if other.votes else ""
    return (
        f"{name}: {len(side.votes)} strategies of {len(side.families)} families{against}, "
        f"{regime}, mode {mode}: {', '.join(side.strategies)}"
    )
