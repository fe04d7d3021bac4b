"""Every parameter set that was tried on this machine: what a winner is to be judged against.

One that was picked from a hundred must be better than the best that chance finds among a hundred, and the hundred are
counted here, whatever becomes of the search that tried them: lines are only ever added. Each line holds the hash of
the line before it, so that one that was changed or taken out of the middle is found.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

from core.statistics.selection import Trials
from shared.src.domain.errors import InvariantError

FIRST = "0" * 64


@dataclass(frozen=True, slots=True)
class Trial:
    """One parameter set on one history. ``parameters``: the hash of all that decides (``parameters_hash``).
    ``sharpe``: of daily returns, None where it is undefined. ``study``: the search that tried it, for people.
    """

    parameters: str
    symbols: tuple[str, ...]
    start_ms: int
    end_ms: int
    sharpe: float | None
    study: str = ""

    def shares_history(self, other: Trial) -> bool:
        """Whether both saw a moment of the same market."""
        is_same_time = self.start_ms < other.end_ms and other.start_ms < self.end_ms
        return is_same_time and not set(self.symbols).isdisjoint(other.symbols)


def parameters_hash(decides: Mapping[str, Any]) -> str:
    """Of settings, strategies and their parameters: the same in any order of names."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()


class TrialLedger:
    """The trials in the file at ``path``. Several processes may add at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        # how long the file was when its lines were looked at last, and the hash of the last of them
        self._seen = (0, FIRST)

    def add(self, trials: Iterable[Trial]) -> None:
        """Write down what was tried; it is on the disk when this returns.

        Raises:
            OSError: the disk takes no more.
            InvariantError: what is there was changed.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._locked() as file:
            last = self._last(file)
            for trial in trials:
                text = json.dumps(asdict(trial), sort_keys=True)
                last = _link(last, text)
                file.write(f"{last} {text}\n".encode())
            file.flush()
            os.fsync(file.fileno())
            self._seen = (file.tell(), last)

    def all(self) -> list[Trial]:
        """In the order in which they were tried.

        Raises:
            InvariantError: a line was changed or taken out.
        """
        if not self._path.exists():
            return []
        with self._locked() as file:
            return [trial for _, trial in self._lines(file)]

    def tried_on(self, history: Trial) -> Trials:
        """Among how many ``history``'s own is one: the different parameter sets that saw any of the same market.

        Their Sharpe ratios spread as the newest of each does.
        """
        sharpes = {trial.parameters: trial.sharpe for trial in self.all() if trial.shares_history(history)}
        sharpes[history.parameters] = history.sharpe
        known = [value for value in sharpes.values() if value is not None]
        return Trials(len(sharpes), Trials.of(known).sharpe_deviation)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        with self._path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file

    def _last(self, file: BinaryIO) -> str:
        """The hash of the last line; all are looked at, unless nobody has written since this one did."""
        if file.seek(0, os.SEEK_END) != self._seen[0]:
            links = [link for link, _ in self._lines(file)]
            self._seen = (file.seek(0, os.SEEK_END), links[-1] if links else FIRST)
        return self._seen[1]

    def _lines(self, file: BinaryIO) -> Iterator[tuple[str, Trial]]:
        """Each line's hash and trial. A last line without its end was cut off by a crash, and is taken away."""
        file.seek(0)
        content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            file.truncate(len(whole))
        last = FIRST
        for number, line in enumerate(whole.decode().splitlines(), start=1):
            link, _, text = line.partition(" ")
            if link != _link(last, text):
                raise InvariantError(f"{self._path}, line {number}: the trials before it are not those that were")
            last = link
            values = json.loads(text)
            yield link, Trial(**values | {"symbols": tuple(values["symbols"])})


def _link(last: str, text: str) -> str:
    return hashlib.sha256(f"{last} {text}".encode()).hexdigest()
