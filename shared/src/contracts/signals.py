"""Votes of strategies and the consensus made of them."""

from __future__ import annotations

from pydantic import Field

from shared.src.contracts.base import Message, Positive, Symbol, UnitScore
from shared.src.contracts.market import FeatureValue
from shared.src.domain.candles import Timeframe
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel


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


class StrategyVotes(Message):
    """All votes on one symbol, timeframe and bar: one message, even when nobody votes."""

    symbol: Symbol
    timeframe: Timeframe
    time: int = Field(ge=0, description="open time of the bar decided on, ms UTC")
    close_time: int = Field(ge=0)
    price: Positive
    votes: tuple[Vote, ...]
    features: dict[str, FeatureValue] = Field(default_factory=dict, description="what the filters read")


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
