"""What must have been so before an event counts as one: a side that was held, a line that another stood under."""

from __future__ import annotations

from core.rules.frames import Condition, Frame, Value


def held_under(frame: Frame, name: str, level: Value, bars: int) -> Condition:
    """The feature was at or under the level on each of the ``bars`` bars before this one."""
    held = frame.prev(name) <= level
    for age in range(2, bars + 1):
        held = held & (frame.prev(name, age) <= level)
    return held


def held_over(frame: Frame, name: str, level: Value, bars: int) -> Condition:
    """The feature was at or over the level on each of the ``bars`` bars before this one."""
    held = frame.prev(name) >= level
    for age in range(2, bars + 1):
        held = held & (frame.prev(name, age) >= level)
    return held


def stood_under(frame: Frame, lower: str, upper: str, bars: int) -> Condition:
    """One line was at or under the other on each of the ``bars`` bars before this one; false while unknown."""
    stood = frame.prev(lower) <= frame.prev(upper)
    for age in range(2, bars + 1):
        stood = stood & (frame.prev(lower, age) <= frame.prev(upper, age))
    return stood
