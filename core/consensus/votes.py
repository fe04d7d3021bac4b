"""What strategies say about a closed bar: asked, checked, and put into one form.

A strategy that raises, or whose answer is not a vote, is a failure with a reason; the others vote.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from analyzer.strategies.base_strategy import BaseStrategy, MarketData, RuleStrategy, Signal
from core.consensus.strategy_set import Member
from shared.src.domain.features import BarFeatures
from shared.src.domain.money import PRICE_PLACES, score_to_decimal
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from shared.src.domain.votes import CastVote

# a user's strategy that gives no strength is heard with this one
DEFAULT_SCORE: Final = 0.6
# a user's strategy may name the level instead of a number: the middle of what the level covers
STRENGTH_OF: Final[dict[str, float]] = {"WEAK": 0.2, "MODERATE": 0.5, "STRONG": 0.7, "VERY_STRONG": 0.9}
SIGNAL_FIELDS: Final = frozenset(
    {
        *("strategy", "family", "symbol", "timeframe", "timestamp", "side", "strength", "level", "confidence"),
        *("price", "stop_loss", "take_profit", "reason", "metadata"),
    }
)


@dataclass(frozen=True, slots=True)
class StrategyFailure:
    """A strategy that could not vote on a bar, and why."""

    strategy: str
    reason: str


def votes_of(
    members: Iterable[Member], data: MarketData, bar: BarFeatures
) -> tuple[tuple[CastVote, ...], tuple[StrategyFailure, ...]]:
    """The votes on a bar in the order of the members, and the members that failed."""
    votes: list[CastVote] = []
    failures: list[StrategyFailure] = []
    for member in members:
        outcome = _ask(member, data, bar)
        if isinstance(outcome, CastVote):
            votes.append(outcome)
        elif outcome is not None:
            failures.append(outcome)
    return tuple(votes), tuple(failures)


def _ask(member: Member, data: MarketData, bar: BarFeatures) -> CastVote | StrategyFailure | None:
    strategy = member.strategy
    try:
        signal = strategy.generate_signal(data if _is_rule(strategy) else _copy_of(data))
        return None if signal is None else vote_of(member, signal, close_of(bar))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a user's strategy raises, the others must vote
        reason = f"{member.name} on {bar.symbol} {bar.timeframe}: {type(error).__name__}: {error}"
        return StrategyFailure(member.name, reason)


def _is_rule(strategy: BaseStrategy) -> bool:
    """Whether it reads the frame alone, which it cannot change."""
    return isinstance(strategy, RuleStrategy) and type(strategy).generate_signal is RuleStrategy.generate_signal


def _copy_of(data: MarketData) -> MarketData:
    """What a user's strategy may change: neither the others nor the critical filters read it."""
    return data | {"features": dict(data["features"]), "history": [dict(row) for row in data["history"]]}


def close_of(bar: BarFeatures) -> float:
    """The price of a bar; what is decided on has one."""
    close = bar.values["close"]
    assert isinstance(close, float | int)
    return float(close)


def vote_of(member: Member, signal: Signal, close: float) -> CastVote:
    """A strategy's answer as a vote. What it leaves out is filled in: family, strength, confidence, price.

    Raises:
        ValueError: a number is out of its bounds, or not one; KeyError: there is no side.
    """
    given = signal.get("strength", DEFAULT_SCORE)
    named = STRENGTH_OF.get(given) if isinstance(given, str) else None
    strength = _share("strength", given if named is None else named)
    return CastVote(
        strategy=member.name,
        family=str(signal.get("family") or member.family),
        side=Side(signal["side"]),
        strength=strength,
        level=StrengthLevel.of(strength),
        confidence=_share("confidence", signal.get("confidence", DEFAULT_SCORE)),
        price=_price("price", signal.get("price") or close),
        stop_loss=_level("stop_loss", signal.get("stop_loss")),
        take_profit=_level("take_profit", signal.get("take_profit")),
        reason=str(signal.get("reason", "")),
        numbers=_numbers(signal),
    )


def _share(name: str, value: Any) -> float:
    share = float(value)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"the signal is not usable: {name} must be 0 to 1, not {value}")
    return share


def _level(name: str, value: Any) -> Decimal | None:
    return None if value is None or value != value else _price(name, value)


def _price(name: str, value: Any) -> Decimal:
    price = score_to_decimal(float(value), PRICE_PLACES)
    if not price.is_finite() or price <= 0:
        raise ValueError(f"the signal is not usable: {name} must be a positive number, not {value}")
    return price


def _numbers(signal: Signal) -> Mapping[str, float | str]:
    """What the decision was made by: ``metadata``, and whatever else a user's strategy put beside the known fields."""
    found = dict(signal.get("metadata") or {}) | {
        key: value for key, value in signal.items() if key not in SIGNAL_FIELDS
    }
    if not all(isinstance(key, str) for key in found):
        raise ValueError("the signal is not usable: its numbers must have texts as names")
    return {key: float(value) if isinstance(value, int | float) else str(value) for key, value in found.items()}
