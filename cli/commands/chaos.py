"""chaos: processes of this platform are killed, its exchange fails, and an auditor says whether money was lost.

What is played lives beside the tests (``tests/chaos``) and needs a checkout with what ``make setup-dev`` installs; the
folder and the databases are the run's own.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.exits import missing
from cli.session import CommandSession, command

EXAMPLE = (
    "Example: roottrading chaos --sample 40 (a kill -9 at 40 points), or chaos --duration 3600 (an hour of everything)"
)


def register(app: typer.Typer) -> None:
    """Add this command."""
    command(app, "chaos", epilog=EXAMPLE)(chaos)


def chaos(
    session: CommandSession,
    *,
    duration: Annotated[
        int, typer.Option(metavar="S", help="Faults, kills and an operator at real speed for so long.", min=0)
    ] = 0,
    sample: Annotated[int, typer.Option(metavar="N", help="Kill at N points only; 0: at every one.", min=0)] = 0,
    point: Annotated[str, typer.Option(metavar="POINT", help="Kill at this point only.")] = "",
    seed: Annotated[int, typer.Option(help="Which sample, or which hour.")] = 7,
) -> None:
    """Kill services where it hurts, at every point of the order path, and judge the books and the exchange."""
    if duration:
        arguments = ["tests.chaos.hour", "--minutes", str(duration / 60), "--seed", str(seed)]
    else:
        arguments = ["tests.chaos", "--sample", str(sample), "--seed", str(seed)]
        arguments += ["--point", point] if point else []
    document = _played(arguments)
    session.answer(document, lambda out: _show(out, document))
    session.conclude(ok=not document["violations"], why="a rule was broken")


def _played(arguments: Sequence[str]) -> dict[str, Any]:
    """What a program of ``tests`` answers.

    Raises:
        CommandError: the tests are not here, or the program did not come to its end.
    """
    if importlib.util.find_spec("tests") is None or importlib.util.find_spec("tests.chaos") is None:
        raise missing("tests/chaos is not here: this is no checkout", "git clone, then make setup-dev")
    run = subprocess.run([sys.executable, "-m", *arguments], stdout=subprocess.PIPE, text=True, check=False)
    try:
        document: dict[str, Any] = json.loads(run.stdout)
    except ValueError as error:
        raise missing(f"it ended with {run.returncode} and no result", "see above; make setup-dev") from error
    return document


def _show(out: Console, document: Mapping[str, Any]) -> None:
    for name, value in document.items():
        if name != "violations":
            out.print(f"{name:<24} {value}", markup=False, highlight=False)
    out.print(f"{len(document['violations'])} violations")
    for text in document["violations"]:
        out.print(f"  {text}", markup=False, highlight=False)
