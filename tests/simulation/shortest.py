"""The shortest story that breaks the same rule."""

from __future__ import annotations

from collections.abc import Sequence

from tests.simulation.adversary import Story
from tests.simulation.play import play
from tests.simulation.shrink import shrunk


def shortest_story(story: Story, places: Sequence[int], rule: str) -> tuple[int, ...]:
    """The places of the fewest actions that break a rule all the same."""

    def breaks(kept: Sequence[int]) -> bool:
        return any(violation.rule == rule for violation in play(story.part(kept)).violations)

    return shrunk(places, breaks)
