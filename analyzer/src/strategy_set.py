"""The strategies of one symbol and time frame: all rules are asked at once, and only those that vote are heard out.

On most bars nobody votes. Asking forty strategies one by one costs ten times what one function costs that computes
every rule's side and shares what they read. The votes themselves are made by the strategies, as ever.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.strategies.base_strategy import BaseStrategy, MarketData, RuleStrategy, compiled_sides, frame_of

Member = tuple[LoadedStrategy, BaseStrategy]


class StrategySet:
    """The members in the order in which they vote."""

    def __init__(self, members: Sequence[Member]) -> None:
        self.members = tuple(members)
        rules = [strategy for _, strategy in members if isinstance(strategy, RuleStrategy) and strategy.is_plain]
        self._sides = compiled_sides(rules) if rules else None
        places = {id(rule): place for place, rule in enumerate(rules)}
        # where a member's side is found; None: it has to be asked
        self._places = [places.get(id(strategy)) for _, strategy in members]
        self._asked = [member for member, place in zip(self.members, self._places, strict=True) if place is None]

    def speaking(self, data: MarketData) -> Sequence[Member]:
        """Those who vote on this bar, or may: a strategy of another kind has to be asked."""
        if self._sides is None:
            return self.members
        try:
            sides = self._sides(frame_of(data).rows)
        except (Exception, SystemExit):  # noqa: BLE001 - what a stranger's rule raises is found when it is asked
            return self.members
        if sides is None:
            return self._asked
        return [
            member
            for member, place in zip(self.members, self._places, strict=True)
            if place is None or sides[place] != 0.0
        ]
