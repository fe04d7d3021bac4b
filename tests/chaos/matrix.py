"""The crash matrix: the story is played once to find every point, and once for each point with a process killed there.

Many runs share one world (databases, broker, twin, processes); after one that breaks a rule the next has a new world.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from tests.chaos.mirror import not_mirrored
from tests.chaos.platform import Platform, running
from tests.chaos.points import FOLDER, Point, Post, points_of
from tests.chaos.story import FIXTURE, SYMBOLS, Story, StoryError

SERVICES = ("signal_aggregator", "coordinator", "trader", "portfolio", "dispatcher")
DOOMED = "tests.chaos.doomed"
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Run:
    """What came of one run. ``reached``: the process did die there. ``given_up``: entries that ended with nothing
    bought, which is no violation."""

    point: Point | None
    reached: bool
    seconds: float
    violations: tuple[str, ...]
    given_up: tuple[str, ...]


@dataclass(slots=True)
class Matrix:
    """All of it. ``longest_unprotected_s``: a position without a full stop, while the trader was not down."""

    stack: str = ""
    points: list[Point] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    not_mirrored: list[str] = field(default_factory=list)
    longest_unprotected_s: float = 0.0
    starved_percent: float = 0.0
    seconds: float = 0.0

    @property
    def violations(self) -> list[str]:
        found = [f"{run.point}: {text}" for run in self.runs for text in run.violations]
        return found + [f"not in Kafka: {text}" for text in self.not_mirrored]

    def summary(self) -> dict[str, Any]:
        by_service = {name: sum(point.service == name for point in self.points) for name in SERVICES}
        killed = [run for run in self.runs if run.point is not None]
        return {
            "stack": self.stack,
            "points_found": len(self.points),
            "points_by_service": by_service,
            "runs": len(killed),
            "killed": sum(run.reached for run in killed),
            "not_reached": [str(run.point) for run in killed if not run.reached],
            "entries_given_up": sum(len(run.given_up) for run in killed),
            "slowest_run_s": round(max((run.seconds for run in killed), default=0.0), 1),
            "longest_unprotected_s": round(self.longest_unprotected_s, 2),
            "starved_percent": round(self.starved_percent, 1),
            "violations": self.violations,
            "seconds": round(self.seconds, 1),
        }


class World:
    """A platform whose processes can be told where to die."""

    def __init__(self, platform: Platform, folder: Path) -> None:
        self.platform = platform
        self._posts = {name: Post(folder, name) for name in SERVICES}
        self._number = 0

    def play(self, point: Point | None) -> Run:
        """One story, with a death at ``point``."""
        for name, post in self._posts.items():
            post.give(point if point is not None and point.service == name else None)
            if point is not None and point.service == name:
                self.platform.supervisor.expected.add(name)
        self._number += 1
        told = len(self.platform.auditor.violations)
        began, story, broken = time.monotonic(), Story(self.platform, self._number), []
        try:
            story.play()
        except StoryError as error:
            broken.append(f"story: {error}")
        seconds = time.monotonic() - began
        broken += [f"{each.rule}: {each.text}" for each in self.platform.auditor.violations[told:]]
        self.platform.supervisor.expected.clear()
        reached = point is not None and self._posts[point.service].died.exists()
        self._heal()
        return Run(point, reached, seconds, tuple(broken), tuple(story.given_up))

    def points(self, most: int) -> list[Point]:
        """Every point of the story that was played last."""
        return [point for name, post in self._posts.items() for point in points_of(name, post.counted(), most)]

    def _heal(self) -> None:
        """Everybody is up again before the next story begins."""
        end = time.monotonic() + 60
        supervisor = self.platform.supervisor
        while any(supervisor.is_down(name) for name in SERVICES) and time.monotonic() < end:
            supervisor.look()
            time.sleep(0.1)


@contextmanager
def world(folder: Path) -> Iterator[World]:
    """A fresh one below ``folder``."""
    posts = folder / "posts"
    posts.mkdir(parents=True)
    variables = {FOLDER: str(posts)}
    with running(folder, SERVICES, FIXTURE, symbols=SYMBOLS, variables=variables, through=DOOMED) as platform:
        yield World(platform, posts)


def find_points(found: World, most: int, matrix: Matrix) -> None:
    """Play the story unharmed, twice: the second time nothing is new to anybody any more."""
    for _ in range(2):
        matrix.runs.append(found.play(None))
    matrix.points = found.points(most)


def sampled(points: Sequence[Point], count: int, seed: int) -> list[Point]:
    """Some points of every service, as many of each as its share; 0: all of them."""
    if not count or count >= len(points):
        return list(points)
    shuffled = Random(seed).sample(list(points), len(points))
    by_service = {name: [point for point in shuffled if point.service == name] for name in SERVICES}
    chosen: list[Point] = []
    while len(chosen) < count:
        name = min(
            (name for name in SERVICES if by_service[name]),
            key=lambda each: sum(point.service == each for point in chosen) / sum(p.service == each for p in points),
        )
        chosen.append(by_service[name].pop())
    return chosen


def play_points(found: World, waiting: list[Point], matrix: Matrix, tell: Tell) -> None:
    """A run for each point, until none is left or one broke a rule; ``waiting`` holds those that are left."""
    while waiting:
        run = found.play(waiting.pop(0))
        matrix.runs.append(run)
        tell(_line(run, len(waiting)))
        if run.violations:
            return
    matrix.not_mirrored += not_mirrored(found.platform)


def _line(run: Run, left: int) -> str:
    what = "; ".join(run.violations) or ("ok" if run.reached else "not reached")
    given_up = f", gave up {', '.join(run.given_up)}" if run.given_up else ""
    return f"{run.point}: {what} in {run.seconds:.1f} s{given_up} ({left} left)"


def crash_matrix(
    folder: Path, *, points: Sequence[Point] = (), most: int = 0, sample: int = 0, seed: int = 0, tell: Tell
) -> Matrix:
    """Find the points and play them: all, a sample, or those that are given. A new world after a broken rule."""
    began, matrix = time.monotonic(), Matrix(points=list(points))
    waiting = list(points) or None
    for number in count(1):
        with world(folder / f"world-{number}") as found:
            matrix.stack = found.platform.source
            if waiting is None:
                find_points(found, most, matrix)
                tell(f"{len(matrix.points)} points found")
                waiting = sampled(matrix.points, sample, seed)
            play_points(found, waiting, matrix, tell)
            longest = found.platform.auditor.protection.longest_s
            matrix.longest_unprotected_s = max(matrix.longest_unprotected_s, longest)
            pulse = found.platform.pulse
            matrix.starved_percent = max(matrix.starved_percent, 100 * pulse.starved / max(1, pulse.looks))
        if not waiting:
            break
    matrix.seconds = time.monotonic() - began
    return matrix
