"""Exit codes, and the error that carries one to the shell."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a script may rely on after any command."""

    OK = 0
    NOT_SO = 1
    USAGE = 2
    MISSING = 3
    INTERRUPTED = 130


class CommandError(Exception):
    """A command that cannot be done. ``code`` is what the shell sees; ``remedy`` says what the user can do."""

    def __init__(self, message: str, *, code: ExitCode, remedy: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy


def missing(message: str, remedy: str = "") -> CommandError:
    """Something the command needs is not there or does not answer (exit code 3)."""
    return CommandError(message, code=ExitCode.MISSING, remedy=remedy)


def misused(message: str, remedy: str = "") -> CommandError:
    """Wrong use or configuration (exit code 2)."""
    return CommandError(message, code=ExitCode.USAGE, remedy=remedy)


def not_so(message: str, remedy: str = "") -> CommandError:
    """The thing asked about is not so (exit code 1)."""
    return CommandError(message, code=ExitCode.NOT_SO, remedy=remedy)
