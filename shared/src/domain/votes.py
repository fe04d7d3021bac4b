"""What strategies say about one closed bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from shared.src.domain.candles import Timeframe
from shared.src.domain.features import FeatureValue
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel


@dataclass(frozen=True, slots=True)
class CastVote:
    """One strategy's vote. ``strength`` and ``confidence`` are shares, prices positive and in the quote asset.

    ``numbers`` are those the strategy decided by.
    """

    strategy: str
    family: str
    side: Side
    strength: float
    level: StrengthLevel
    confidence: float
    price: Decimal
    stop_loss: Decimal | None
    take_profit: Decimal | None
    reason: str
    numbers: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class BarVotes:
    """All votes on the bar that opens at ``time`` (ms UTC), none when nobody votes.

    ``price`` is the bar's close; ``features`` are what the critical filters read of it.
    """

    symbol: str
    timeframe: Timeframe
    time: int
    price: Decimal
    votes: tuple[CastVote, ...]
    features: Mapping[str, FeatureValue]

    @property
    def close_time(self) -> int:
        """The last millisecond of the bar."""
        return self.timeframe.next_open(self.time) - 1
