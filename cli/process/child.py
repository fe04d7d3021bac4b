"""One child process: started in a group of its own, stopped as a whole, gone when its supervisor is gone.

Two nets catch a supervisor that dies without a word: on Linux the kernel signals each child (parent-death signal),
and everywhere a process of its own (``cli.process.reaper``) sweeps the groups once the pipe to it closes.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil

from cli.process.identity import Identity, become
from shared.src.domain.clock import Clock

LOG_LIMIT_BYTES = 20_000_000
ABORT_GRACE_S = 1.0
ASK_AGAIN_S = 1.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a process. ``env`` is its whole environment; ``announces``: one line of its stdout is for us."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    log: Path
    cwd: Path
    announces: bool = False
    stop_signal: signal.Signals = signal.SIGTERM
    orphan_signal: signal.Signals = signal.SIGKILL
    identity: Identity | None = None


@dataclass(slots=True)
class Child:
    """A running process, its group and when it was started (monotonic seconds)."""

    process: subprocess.Popen[bytes]
    stop_signal: signal.Signals
    started: float
    stdout: IO[bytes] | None = field(default=None)

    @property
    def pid(self) -> int:
        return self.process.pid

    def exit_code(self) -> int | None:
        """The exit code once the process has ended (negative: by that signal)."""
        return self.process.poll()

    def ask_to_stop(self) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(self.stop_signal)

    def kill_group(self) -> None:
        """End the process and everything it started; harmless when nothing is left."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, clock: Clock, *, grace_s: float = 10.0) -> None:
        """Ask, wait, then kill. Leaves no member of the group behind.

        One that does not heed is aborted first: Python's fault handler then writes into its log where it hangs.
        """
        deadline = clock.monotonic() + grace_s
        while self.exit_code() is None and clock.monotonic() < deadline:
            self.ask_to_stop()  # again each second: a busy event loop can miss the first
            await self._ended_within(clock, min(ASK_AGAIN_S, deadline - clock.monotonic()))
        if self.exit_code() is None and grace_s > 0:
            self.process.send_signal(signal.SIGABRT)
            await self._ended_within(clock, ABORT_GRACE_S)
        self.kill_group()
        while self.exit_code() is None:
            await clock.sleep(0.02)
        if self.stdout is not None:
            self.stdout.close()

    async def _ended_within(self, clock: Clock, seconds: float) -> None:
        deadline = clock.monotonic() + seconds
        while self.exit_code() is None and clock.monotonic() < deadline:
            await clock.sleep(0.05)


def start(launch: Launch, clock: Clock) -> Child:
    """Start a process with its output in its log.

    Raises:
        OSError: the program is not there or cannot be executed.
    """
    rotate(launch.log)
    with launch.log.open("ab") as log:
        process = subprocess.Popen(
            launch.argv,
            env=dict(launch.env),
            cwd=launch.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if launch.announces else log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_Prepare(launch),  # noqa: PLW1509 - the supervisor has one thread when it starts a process
        )
    return Child(process, launch.stop_signal, clock.monotonic(), process.stdout)


class _Prepare:
    """Runs in the child between fork and exec: takes the identity, then asks for a signal when the parent dies."""

    def __init__(self, launch: Launch) -> None:
        self._identity = launch.identity
        self._signal = int(launch.orphan_signal)
        self._parent = os.getpid()
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None

    def __call__(self) -> None:
        if self._identity is not None:
            become(self._identity, self._libc)
        if self._libc is not None:
            self._libc.prctl(PR_SET_PDEATHSIG, self._signal)
            if os.getppid() != self._parent:
                os._exit(1)


def rotate(log: Path) -> None:
    """Keep one older log, so that a platform that runs for months does not fill the disk."""
    with suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT_BYTES:
            log.replace(log.with_suffix(".log.1"))


def memory_of(pid: int) -> int:
    """Resident bytes of a process and all it started; 0 once it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in family:
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += int(member.memory_info().rss)
    return total


def created_at(pid: int) -> float | None:
    """When the system says the process was created: tells a process from a later one with the same number."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None


class Reaper:
    """The process that ends what the supervisor started if the supervisor dies without doing so itself."""

    def __init__(self) -> None:
        script = Path(__file__).with_name("reaper.py")
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        with suppress(BrokenPipeError):
            if pipe is not None:
                pipe.write(f"{line}\n".encode())
                pipe.flush()

    def watch(self, pid: int) -> None:
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        self._tell(f"-{pid}")

    def close(self) -> None:
        """Nothing is left to end."""
        if self._process.stdin is not None:
            with suppress(BrokenPipeError):
                self._process.stdin.close()
        self._process.wait()
