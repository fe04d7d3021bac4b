"""Votes of strategies and the consensus made of them."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import Field

from shared.src.contracts.base import Message, Positive, Symbol, UnitScore
from shared.src.domain.candles import Timeframe
from shared.src.domain.features import FeatureValue
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from shared.src.domain.votes import BarVotes, CastVote


class Vote(Message):
    """What one strategy says about one closed bar."""

    strategy: str
    family: str
    side: Side
    strength: UnitScore
    level: StrengthLevel
    confidence: UnitScore
    price: Positive
    stop_loss: Positive | None = None
    take_profit: Positive | None = None
    reason: str = ""
    numbers: dict[str, FeatureValue] = Field(default_factory=dict)

    @classmethod
    def of(cls, vote: CastVote, bar: BarVotes, *, correlation_id: str, occurred_at: datetime) -> Self:
        return cls(
            message_id=f"{vote.strategy}:{bar.symbol}:{bar.timeframe}:{bar.time}",
            correlation_id=correlation_id,
            occurred_at=occurred_at,
            strategy=vote.strategy,
            family=vote.family,
            side=vote.side,
            strength=vote.strength,
            level=vote.level,
            confidence=vote.confidence,
            price=vote.price,
            stop_loss=vote.stop_loss,
            take_profit=vote.take_profit,
            reason=vote.reason,
            numbers=dict(vote.numbers),
        )


class StrategyVotes(Message):
    """All votes on one symbol, timeframe and bar: one message, even when nobody votes."""

    symbol: Symbol
    timeframe: Timeframe
    time: int = Field(ge=0, description="open time of the bar decided on, ms UTC")
    close_time: int = Field(ge=0)
    price: Positive
    votes: tuple[Vote, ...]
    features: dict[str, FeatureValue] = Field(default_factory=dict, description="what the filters read")

    @classmethod
    def of(cls, bar: BarVotes, *, correlation_id: str, occurred_at: datetime) -> Self:
        return cls(
            message_id=f"votes:{bar.symbol}:{bar.timeframe}:{bar.time}",
            correlation_id=correlation_id,
            occurred_at=occurred_at,
            symbol=bar.symbol,
            timeframe=bar.timeframe,
            time=bar.time,
            close_time=bar.close_time,
            price=bar.price,
            votes=tuple(
                Vote.of(vote, bar, correlation_id=correlation_id, occurred_at=occurred_at) for vote in bar.votes
            ),
            features=dict(bar.features),
        )


class ConsensusSignal(Message):
    """One decision per symbol, timeframe and bar. ``message_id`` is the consensus id."""

    symbol: Symbol
    timeframe: Timeframe
    time: int = Field(ge=0)
    close_time: int = Field(ge=0)
    side: Side
    strength: UnitScore
    level: StrengthLevel
    confidence: UnitScore
    price: Positive
    stop_loss: Positive | None = None
    take_profit: Positive | None = None
    strategy: str = Field(description="strongest agreeing strategy; the cycle is booked under it")
    strategies: tuple[str, ...]
    families: tuple[str, ...]
    regime: str = "UNKNOWN"
    atr: float | None = None
    reason: str = ""
