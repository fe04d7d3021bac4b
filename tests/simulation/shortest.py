"""The shortest story that breaks the same rule in the same words."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tests.simulation.adversary import Story
from tests.simulation.audit.auditor import Violation
from tests.simulation.play import play
from tests.simulation.shrink import shrunk

# Names of rows and numbers: they change when an action is left out.
VARYING = re.compile(r"\b(?:cy|int|rt|manual)-[0-9a-f]+|[-+]?\d+(?:\.\d+)?(?:E-?\d+)?")


def manner(violation: Violation) -> tuple[str, str]:
    """In what manner a rule was broken: the same one can be broken in several."""
    return violation.rule, VARYING.sub("#", violation.text)


def shortest_story(story: Story, places: Sequence[int], wanted: tuple[str, str]) -> tuple[int, ...]:
    """The places of the fewest actions that break a rule in the same manner all the same."""

    def breaks(kept: Sequence[int]) -> bool:
        return any(manner(violation) == wanted for violation in play(story.part(kept)).violations)

    return shrunk(places, breaks)
