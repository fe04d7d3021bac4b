"""The decision on one bar as it is kept, shown and sent: the refused ones too, each with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from core.consensus.critical_filters import FeatureValues, FilterRules
from core.consensus.decision import Consensus, ConsensusRules, NoConsensus, VoteLike, decide
from core.risk.exit_levels import ExitRules, ExitSettings
from shared.src.domain.candles import Timeframe
from shared.src.domain.ids import derived_id
from shared.src.domain.money import PRICE_PLACES, score_to_decimal
from shared.src.domain.signals import StrengthLevel


class ConsensusSettings(ExitSettings, Protocol):
    """Where a user's consensus rules are read from (``shared.src.config.Settings`` has them)."""

    @property
    def min_votes(self) -> int: ...


class VotedBar(Protocol):
    """A closed bar with the votes on it: ``BarVotes``, and the message that carries them."""

    @property
    def symbol(self) -> str: ...
    @property
    def timeframe(self) -> Timeframe: ...
    @property
    def time(self) -> int: ...
    @property
    def close_time(self) -> int: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def votes(self) -> Sequence[VoteLike]: ...
    @property
    def features(self) -> FeatureValues: ...


@dataclass(frozen=True, slots=True)
class BarDecision:
    """What was decided on a bar, with prices and shares as they are stored."""

    bar: VotedBar
    verdict: Consensus | NoConsensus

    @property
    def id(self) -> str:
        """The same bar always has the same decision id."""
        return derived_id("con", self.bar.symbol, self.bar.timeframe.value, self.bar.time)

    @property
    def accepted(self) -> bool:
        return isinstance(self.verdict, Consensus)

    @property
    def filter(self) -> str | None:
        """The critical filter that refused, if one did."""
        return self.verdict.filter if isinstance(self.verdict, NoConsensus) else None

    @property
    def strategy(self) -> str:
        """The strongest agreeing strategy; of a refused decision the strongest of all."""
        if isinstance(self.verdict, Consensus):
            return self.verdict.strategy
        return max(self.bar.votes, key=lambda vote: (vote.strength, vote.strategy)).strategy

    @property
    def strength(self) -> float:
        return min(1.0, max(0.0, self.verdict.strength))

    @property
    def level(self) -> StrengthLevel:
        return StrengthLevel.of(self.verdict.strength)

    @property
    def confidence(self) -> float | None:
        """None when refused, like the exit levels."""
        return self.verdict.confidence if isinstance(self.verdict, Consensus) else None

    @property
    def stop_loss(self) -> Decimal | None:
        return _price(self.verdict.stop_loss) if isinstance(self.verdict, Consensus) else None

    @property
    def take_profit(self) -> Decimal | None:
        return _price(self.verdict.take_profit) if isinstance(self.verdict, Consensus) else None


def rules_of(settings: ConsensusSettings) -> ConsensusRules:
    """The rules as the user set them."""
    exits = ExitRules.of(settings)
    filters = FilterRules(round_trip_cost=float(exits.fees.round_trip))
    return ConsensusRules(min_votes=settings.min_votes, filters=filters, exits=exits)


def decided(bar: VotedBar, rules: ConsensusRules, mode: str) -> BarDecision | None:
    """The decision on a bar; None when nobody voted. ``mode`` is the market mode: ride, react or auto."""
    if not bar.votes:
        return None
    return BarDecision(bar, decide(bar.votes, bar.features, rules, mode))


def _price(level: float | None) -> Decimal | None:
    return None if level is None or level <= 0 else score_to_decimal(level, PRICE_PLACES)
