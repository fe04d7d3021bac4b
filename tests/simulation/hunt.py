"""Looks for a story that breaks a rule: those that are kept, then seeds. For a tree in which a mend was taken out.

    python -m tests.simulation.hunt --seeds 300 --known KNOWN.json

prints one line of JSON: the story and the rule found, or how many were played. ``--learn`` writes down what breaks in
this tree as it is, so that only what is new counts afterwards.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.simulation.adversary import Story, story_of
from tests.simulation.play import play
from tests.simulation.stories import STORIES

Known = Mapping[str, Sequence[str]]


def stories(seeds: int) -> Iterator[tuple[str, Story]]:
    """What is played, by the option that plays it again."""
    for name, story in STORIES.items():
        yield f"--story {name!r}", story
    for seed in range(seeds):
        yield f"--seed {seed}", story_of(seed)


def broken(story: Story) -> list[str]:
    """The rules that a story breaks."""
    return sorted({violation.rule for violation in play(story).violations})


def learned(seeds: int) -> dict[str, list[str]]:
    """What breaks in this tree, by story."""
    found = {name: broken(story) for name, story in stories(seeds)}
    return {name: rules for name, rules in found.items() if rules}


def hunted(seeds: int, known: Known) -> dict[str, object]:
    """The first story that breaks a rule which it is not known to break."""
    count = 0
    for name, story in stories(seeds):
        count += 1
        for rule in broken(story):
            if rule not in known.get(name, ()):
                return {"played": count, "found": name, "rule": rule}
    return {"played": count, "found": None, "rule": None}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.hunt", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--known", type=Path, required=True)
    parser.add_argument("--learn", action="store_true")
    asked = parser.parse_args()
    if asked.learn:
        asked.known.write_text(json.dumps(learned(asked.seeds)), encoding="utf-8")
    else:
        print(json.dumps(hunted(asked.seeds, json.loads(asked.known.read_text(encoding="utf-8")))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
