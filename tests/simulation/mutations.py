"""Takes each mend out again, one at a time, in a copy of the tree, and shows that it is missed.

    python -m tests.simulation.mutations               all of them: "N of 21", with the story that found each
    python -m tests.simulation.mutations --kind 1      those of one kind

A mend is taken out by replacing a piece of text by what would stand there without it. The simulation looks for a story
that breaks a rule; what it cannot meet (an HTTP header, a query's cost) a named test has to find.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from tests.simulation.mends import KINDS, MENDS, Mend

ROOT = Path(__file__).resolve().parent.parent.parent
SEEDS = 200
TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Found:
    """``by``: the story or the test that missed the mend, empty when nothing did."""

    mend: Mend
    by: str
    seconds: float


class Copy:
    """A copy of the tracked files, in which a mend can be taken out and put back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.known = folder / "known.json"
        listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for name in filter(None, listed.split("\0")):
            if not name.startswith("visualization/frontend/") and (ROOT / name).is_file():
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / name, target)

    def learn(self, seeds: int) -> None:
        """Write down what the simulation finds in the tree as it is."""
        self._run("tests.simulation.hunt", "--seeds", str(seeds), "--known", str(self.known), "--learn")

    def missed(self, mend: Mend, seeds: int) -> str:
        """What finds that a mend is gone, empty when nothing does.

        Raises:
            ValueError: the text of the mend is not in its file, or more than once; or its test fails in the tree as it
                is: they say something else by now.
        """
        if mend.test and self._test(mend.test):
            raise ValueError(f"{mend.test} fails anyway")
        try:
            return self._without(mend, seeds)
        finally:
            for name in {replacement.path for replacement in mend.replacements if (ROOT / replacement.path).is_file()}:
                shutil.copyfile(ROOT / name, self.folder / name)

    def _without(self, mend: Mend, seeds: int) -> str:
        for replacement in mend.replacements:
            path = self.folder / replacement.path
            text = path.read_text(encoding="utf-8") if path.is_file() else ""
            if text.count(replacement.mended) != 1:
                raise ValueError(f"{replacement.path}: the text stands there {text.count(replacement.mended)} times")
            path.write_text(text.replace(replacement.mended, replacement.broken), encoding="utf-8")
        return self._test(mend.test) if mend.test else self._hunt(seeds)

    def _hunt(self, seeds: int) -> str:
        done = self._run("tests.simulation.hunt", "--seeds", str(seeds), "--known", str(self.known))
        if done.returncode:
            return "it does not start"
        found = json.loads(done.stdout.splitlines()[-1])
        return f"{found['found']} ({found['rule']})" if found["found"] else ""

    def _test(self, test: str) -> str:
        done = self._run("pytest", "-q", "-x", "-p", "no:cacheprovider", test)
        return test if done.returncode == 1 else ""

    def _run(self, module: str, *options: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PYTHONPATH": str(self.folder), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", module, *options]
        return subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )


def tried(copy: Copy, mends: Iterable[Mend], seeds: int) -> list[Found]:
    """Take each of them out, and tell what came of it."""
    results = []
    for mend in mends:
        began = perf_counter()
        try:
            by = copy.missed(mend, seeds)
        except ValueError as error:
            by = ""
            print(f"kind {mend.kind:2}, {mend.name}: cannot be taken out: {error}", flush=True)
        found = Found(mend, by, perf_counter() - began)
        results.append(found)
        print(f"kind {mend.kind:2}, {mend.name}: {by or 'NOT FOUND'} in {found.seconds:.1f} s", flush=True)
    return results


def main(arguments: Sequence[str] | None = None) -> int:
    """0 when every mend is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutations", description=__doc__)
    parser.add_argument("--kind", type=int, help="only the mends of this kind")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="how many seeds are played at most, after the stories")
    asked = parser.parse_args(arguments)
    chosen = [mend for mend in MENDS if asked.kind in (None, mend.kind)]
    with tempfile.TemporaryDirectory() as folder:
        copy = Copy(Path(folder))
        copy.learn(asked.seeds)
        results = tried(copy, chosen, asked.seeds)
    missed = {found.mend.kind for found in results if found.by} - {found.mend.kind for found in results if not found.by}
    wanted = {kind for kind in KINDS if asked.kind in (None, kind)}
    for kind in sorted(wanted - {mend.kind for mend in chosen}):
        print(f"kind {kind:2}, {KINDS[kind]}: no mend to take out")
    print(f"{len(missed)} of {len(wanted)}")
    return 0 if missed == wanted else 1


if __name__ == "__main__":
    sys.exit(main())
