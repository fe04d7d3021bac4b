"""Plays seeds and tells what the auditor saw.

python -m tests.simulation --seeds 10000 --from 0      play 10,000 seeds
python -m tests.simulation --seed 26                   play one, tell its shortest story
python -m tests.simulation --seed 26 --keep 0,4,9      play some actions of one, with the time of each
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from multiprocessing import Pool
from time import perf_counter

from tests.simulation.adversary import Story, story_of
from tests.simulation.audit.auditor import Violation
from tests.simulation.play import Played, play
from tests.simulation.shortest import manner, shortest_story
from tests.simulation.stories import STORIES

PROGRESS_S = 10.0
COMMAND = "python -m tests.simulation"


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when nothing was broken, 1 otherwise."""
    asked = _arguments(arguments)
    kept = None if asked.keep is None else [int(place) for place in asked.keep.split(",")]
    if asked.story is not None:
        return _one(STORIES[asked.story], kept, f"--story {asked.story!r}", tell=True)
    if asked.seed is not None:
        return _one(story_of(asked.seed), kept, f"--seed {asked.seed}", tell=kept is not None)
    return _many(range(asked.first, asked.first + asked.seeds), jobs=asked.jobs, stop_after=asked.stop_after)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=COMMAND, description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=100, help="how many seeds are played")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=1, help="processes to play in")
    parser.add_argument("--stop-after", type=int, default=0, help="end after so many seeds that break a rule; 0: never")
    parser.add_argument("--seed", type=int, help="play this one and tell its shortest story")
    parser.add_argument("--story", choices=STORIES, metavar="NAME", help=f"one that is kept: {', '.join(STORIES)}")
    parser.add_argument("--keep", help="of its actions only these, by their places")
    return parser.parse_args(arguments)


def _many(seeds: range, *, jobs: int, stop_after: int) -> int:
    started, told = perf_counter(), perf_counter()
    failing: dict[int, Sequence[Violation]] = {}
    count = trades = 0
    with Pool(jobs) as pool:
        for seed, played in pool.imap(_played, seeds, chunksize=4):
            count, trades = count + 1, trades + played.trades
            if played.violations:
                failing[seed] = played.violations
                _tell(seed, played.violations)
            if perf_counter() - told > PROGRESS_S:
                told = perf_counter()
                print(f"{count} of {len(seeds)} seeds, {_pace(count, told - started)}", flush=True)
            if stop_after and len(failing) >= stop_after:
                break
    pace = _pace(count, perf_counter() - started)
    print(f"{count} seeds, {trades} trades, {pace} in {jobs} process(es), {len(failing)} broke a rule")
    _tell_rules(failing)
    return 1 if failing else 0


def _played(seed: int) -> tuple[int, Played]:
    return seed, play(story_of(seed))


def _tell(seed: int, violations: Sequence[Violation]) -> None:
    for violation in violations:
        print(f"seed {seed}: {_line(violation)}")
    print(f"  {COMMAND} --seed {seed}", flush=True)


def _tell_rules(failing: Mapping[int, Sequence[Violation]]) -> None:
    first: dict[str, int] = {}
    counts: Counter[str] = Counter()
    for seed, violations in failing.items():
        for violation in violations:
            first.setdefault(violation.rule, seed)
            counts[violation.rule] += 1
    print(f"{counts.total()} violations")
    for rule, number in counts.most_common():
        print(f"  {number:5} {rule}, first by: {COMMAND} --seed {first[rule]}")


def _one(story: Story, kept: Sequence[int] | None, name: str, *, tell: bool) -> int:
    places = list(range(len(story.actions))) if kept is None else list(kept)
    played = play(story.part(places))
    if tell or not played.violations:
        print("\n".join(played.journal))
    print("\n".join(map(_line, played.violations)) or "no violation")
    if not tell:
        for wanted in dict.fromkeys(map(manner, played.violations)):
            _tell_shortest(story, places, wanted, name)
    return 1 if played.violations else 0


def _tell_shortest(story: Story, places: Sequence[int], wanted: tuple[str, str], name: str) -> None:
    shortest = shortest_story(story, places, wanted)
    played = play(story.part(shortest))
    print(f"\n{wanted[0]}, shortest story ({len(shortest)} of {len(places)} actions):")
    print("\n".join(f"  {line}" for line in played.journal))
    for violation in played.violations:
        print(f"  -> {_line(violation)}")
    print(f"  {COMMAND} {name} --keep {','.join(map(str, shortest))}")


def _line(violation: Violation) -> str:
    return f"{violation.at_s:.2f} s: {violation.rule}: {violation.text}"


def _pace(count: int, seconds: float) -> str:
    return f"{count / max(seconds, 0.001):.1f} seeds per second"


if __name__ == "__main__":
    sys.exit(main())
