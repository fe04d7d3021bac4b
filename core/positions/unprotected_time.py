"""How long a position stands without an order that protects it, in wall seconds.

It starts when a fill is known, or when what protected is found gone, and ends when stops cover everything or the
position is gone. ``protected_at`` of a cycle is since when they do, None while they do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from core.positions.model import Cycle, Fill


@dataclass(frozen=True, slots=True)
class Sight:
    """A position as its rows showed it.

    ``read_at``: monotonic seconds before they were read; they do not judge a fill that came since. ``exposed``: it
    holds something that can be sold and that nothing protects. ``protected``: its protection stands.
    """

    cycle: Cycle
    fills: tuple[Fill, ...]
    read_at: float
    exposed: bool
    protected: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """Now: market time, monotonic seconds, market seconds in a wall second, and when this process began."""

    now: datetime
    monotonic: float
    speed: float
    began: datetime


@dataclass(frozen=True, slots=True)
class Measured:
    """``since``: the monotonic time from which the position is unprotected; None when it is not.

    ``elapsed_s``: how long it was, when that ended just now.
    """

    cycle: Cycle
    since: float | None
    elapsed_s: float | None = None


def measured(sight: Sight, since: float | None, moment: Moment) -> Measured:
    """The cycle with its unprotected time as it is known now. ``since``: as it was known before."""
    cycle = sight.cycle
    if sight.exposed:
        bare = replace(cycle, protected_at=None)
        return Measured(bare, since if since is not None else moment.monotonic - _unseen_s(sight, moment))
    if since is not None and since > sight.read_at:
        return Measured(cycle, since)
    if since is None and sight.protected and cycle.protected_at is None and sight.fills:
        # protected in an earlier life that ended before it wrote so: not longer than since the last fill
        since = moment.monotonic - _unseen_s(sight, moment)
    if since is None:
        return Measured(cycle, None)
    elapsed_s = moment.monotonic - since
    protected = replace(
        cycle,
        unprotected_s=round(cycle.unprotected_s + elapsed_s, 6),
        protected_at=cycle.protected_at or moment.now,
    )
    return Measured(protected, None, elapsed_s)


def _unseen_s(sight: Sight, moment: Moment) -> float:
    """Wall seconds since the last fill, for a position found unprotected at start."""
    last = max((fill.at for fill in sight.fills), default=moment.began)
    if sight.cycle.protected_at is not None or sight.cycle.created_at >= moment.began:
        return 0.0
    return max(0.0, (moment.now - last).total_seconds() / moment.speed)
