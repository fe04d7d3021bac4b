"""How positions are entered, protected and left, as the user set it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from core.positions.stops import StopRules
from core.risk.exit_levels import ExitRules


@dataclass(frozen=True, slots=True)
class PositionRules:
    """Distances in percent of a price.

    ``entry_age_max``: how long after its start a cycle may still try to enter; ``resting_max``: how long what a
    strategy decided to buy may rest in the book. ``exits``: for a position whose decision has no level of its own.
    ``stops``: how stops move. ``holding_max``: how long a position is held at most. ``lists``: entries
    that wait in the book bring their exits along, where the symbol has that.
    """

    entry_age_max: timedelta
    resting_max: timedelta
    exits: ExitRules
    stops: StopRules
    holding_max: timedelta
    lists: bool = True
