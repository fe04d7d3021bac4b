"""Runs the tests against mutants: within one session of pytest, each mutant in a fork of it.

The tests run once as they are, traced, so that every function knows the tests that reach it. Then for each mutant a
child process gets the changed function in place of the other (its code object, wherever it was imported or decorated
to) and runs those tests, the fastest of every file first, until one fails.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from types import CodeType, FrameType, FunctionType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tests.mutation.mutants import Mutant, code_of

KILLED, SURVIVED = 0, 1
# Processor time, which does not depend on what else the machine does.
CHOSEN_S_MAX = 8.0  # tests of a function that take longer together, traced, are not all run
PATIENCE = 3  # a mutant that takes so many times as long never ends
WAIT_S_MAX = 300.0  # nor does one that waits for so long, on the clock of the wall
Place = tuple[str, str]


@dataclass(slots=True)
class Findings:
    """What became of the mutants. ``untested``: no test reaches their function."""

    killed: list[Mutant] = field(default_factory=list)
    survived: list[Mutant] = field(default_factory=list)
    untested: list[Mutant] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, more: Findings) -> None:
        self.killed += more.killed
        self.survived += more.survived
        self.untested += more.untested
        self.seconds += more.seconds


class MutationPlugin:
    """Takes the place of pytest's loop over the tests."""

    def __init__(
        self, mutants: Sequence[Mutant], root: Path, tell: Callable[[str], None], *, seconds: float = float("inf")
    ) -> None:
        """``seconds``: mutants that are not reached by then are not judged."""
        self._mutants, self._root, self._tell, self._seconds = mutants, root, tell, seconds
        self._files = {str(root / mutant.path) for mutant in mutants}
        self._reached: dict[Place, set[int]] = defaultdict(set)
        self._failed: set[int] = set()
        self._took: dict[int, float] = {}
        self._functions: dict[Place, list[FunctionType]] = {}
        self.findings = Findings()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        began = time.monotonic()
        self._trace(session.items)
        self._tell(f"{len(session.items)} tests in {time.monotonic() - began:.0f} s, {len(self._failed)} failed")
        self._functions = _functions_in(self._files)
        gc.freeze()  # or every child would copy all that there is to look for garbage in it
        for number, mutant in enumerate(self._mutants):
            if time.monotonic() - began > self._seconds:
                self._tell(f"{len(self._mutants) - number} mutants were not reached in time")
                break
            self._judge(mutant, session.items)
            if number % 50 == 49:
                found = self.findings
                self._tell(f"{number + 1} of {len(self._mutants)}: {len(found.survived)} survived")
        self.findings.seconds = time.monotonic() - began
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._last_failed = self._last_failed or report.failed

    _last_failed = False

    def _trace(self, items: Sequence[pytest.Item]) -> None:
        """Run every test as it is; remember which functions it reaches and how long it takes."""
        for number, item in enumerate(items):
            self._last_failed = False
            began = time.process_time()
            sys.setprofile(self._noting(number))
            try:
                runtestprotocol(item, nextitem=items[number + 1] if number + 1 < len(items) else None, log=True)
            finally:
                sys.setprofile(None)
            self._took[number] = time.process_time() - began
            if self._last_failed:
                self._failed.add(number)

    def _noting(self, number: int) -> Callable[[FrameType, str, Any], None]:
        """Notes which functions are entered while a test runs."""

        def note(frame: FrameType, event: str, _: Any) -> None:
            if event == "call" and frame.f_code.co_filename in self._files:
                self._reached[frame.f_code.co_filename, _outermost(frame.f_code)].add(number)

        return note

    def _judge(self, mutant: Mutant, items: Sequence[pytest.Item]) -> None:
        chosen = self._chosen(self._reached[str(self._root / mutant.path), mutant.function] - self._failed, items)
        if not chosen:
            self.findings.untested.append(mutant)
            return
        code = code_of(mutant, self._root)
        seconds = 5 + PATIENCE * sum(self._took[number] for number in chosen)
        if self._survives(mutant, code, [items[number] for number in chosen], seconds):
            self.findings.survived.append(mutant)
            self._tell(f"survived: {mutant}")
        else:
            self.findings.killed.append(mutant)

    def _chosen(self, reached: set[int], items: Sequence[pytest.Item]) -> list[int]:
        """Tests within the time there is: of every file that has some the fastest, then the next of each."""
        by_file: dict[Path, list[int]] = defaultdict(list)
        for number in sorted(reached, key=lambda each: self._took[each]):
            by_file[items[number].path].append(number)
        in_turn = [number for turn in zip_longest(*by_file.values()) for number in turn if number is not None]
        chosen, left = [], CHOSEN_S_MAX
        for number in in_turn:
            if self._took[number] <= left:
                chosen.append(number)
                left -= self._took[number]
        return chosen or in_turn[:1]

    def _survives(self, mutant: Mutant, code: CodeType, items: Sequence[pytest.Item], seconds: float) -> bool:
        child = os.fork()
        if child == 0:
            os.setpgid(0, 0)
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds)))
            _be_quiet()
            status = KILLED
            try:
                for function in self._functions[str(self._root / mutant.path), mutant.function]:
                    if function.__code__.co_freevars == code.co_freevars:
                        function.__code__ = code
                status = SURVIVED if self._pass(items) else KILLED
            finally:
                os._exit(status)
        return _outcome_of(child) == SURVIVED

    def _pass(self, items: Sequence[pytest.Item]) -> bool:
        for number, item in enumerate(items):
            self._last_failed = False
            runtestprotocol(item, nextitem=items[number + 1] if number + 1 < len(items) else None, log=True)
            if self._last_failed:
                return False
        return True


def _outermost(code: CodeType) -> str:
    """The function or method that a code object is in, by qualified name."""
    return code.co_qualname.split(".<locals>")[0]


def _functions_in(files: set[str]) -> dict[Place, list[FunctionType]]:
    """All function objects that come from these files, by file and qualified name, decorated ones too."""
    found: dict[Place, list[FunctionType]] = defaultdict(list)
    gc.unfreeze()  # what a test has frozen would not be seen
    for each in gc.get_objects():
        if isinstance(each, FunctionType) and each.__code__.co_filename in files:
            found[each.__code__.co_filename, each.__code__.co_qualname].append(each)
    return found


def _be_quiet() -> None:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)


def _outcome_of(child: int) -> int:
    """The exit status of a child; one that waits for too long is killed, and so is what it was given."""
    end = time.monotonic() + WAIT_S_MAX
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return KILLED
