"""The strategies of one symbol and time frame: all rules are asked at once, and only those that vote are heard out.

On most bars nobody votes. Asking forty strategies one by one costs ten times what one function costs that computes
every rule's side and shares what they read. The votes themselves are made by the strategies, as ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from analyzer.strategies.base_strategy import BaseStrategy, MarketData, RuleStrategy, compiled_sides, frame_of


class StrategySource(Protocol):
    """Where instances of a strategy come from, each for one symbol and time frame."""

    @property
    def name(self) -> str: ...
    @property
    def family(self) -> str: ...

    def create(self) -> BaseStrategy:
        """A fresh instance.

        Raises:
            ConfigurationError: a parameter is out of bounds.
        """
        ...


@dataclass(frozen=True, slots=True)
class Member:
    """An instance, and the name and family that its votes are booked under."""

    name: str
    family: str
    strategy: BaseStrategy


class StrategySet:
    """The members in the order in which they vote."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        rules = [
            member.strategy
            for member in members
            if isinstance(member.strategy, RuleStrategy) and member.strategy.is_plain
        ]
        self._sides = compiled_sides(rules) if rules else None
        places = {id(rule): place for place, rule in enumerate(rules)}
        # where a member's side is found; None: it has to be asked
        self._places = [places.get(id(member.strategy)) for member in members]
        self._asked = [member for member, place in zip(self.members, self._places, strict=True) if place is None]

    def speaking(self, data: MarketData) -> Sequence[Member]:
        """Those who vote on this bar, or may: a strategy of another kind has to be asked."""
        if self._sides is None:
            return self.members
        try:
            sides = self._sides(frame_of(data).rows)
        except (Exception, SystemExit):  # noqa: BLE001 - what a user's rule raises is found when it is asked
            return self.members
        if sides is None:
            return self._asked
        return [
            member
            for member, place in zip(self.members, self._places, strict=True)
            if place is None or sides[place] != 0.0
        ]


def set_of(sources: Sequence[StrategySource], timeframe: str) -> StrategySet:
    """A fresh instance of every strategy that decides on the time frame."""
    made = [Member(source.name, source.family, source.create()) for source in sources]
    return StrategySet(
        [member for member in made if member.strategy.timeframes is None or timeframe in member.strategy.timeframes]
    )


def replaced(old: StrategySet, sources: Sequence[StrategySource]) -> StrategySet:
    """The set with fresh instances of these strategies; the others keep theirs, and so what they remember."""
    by_name = {source.name: source for source in sources}
    return StrategySet(
        [
            Member(member.name, member.family, by_name[member.name].create()) if member.name in by_name else member
            for member in old.members
        ]
    )
