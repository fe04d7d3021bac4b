"""What every command shares: --json, --data-dir, --no-color, -v, and how errors reach the shell."""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from cli.data_folder import DataFolder
from cli.exits import CommandError, ExitCode
from shared.src.domain.errors import ConfigurationError, RootTradingError

PANEL = "On every command"
WIDTH_ELSEWHERE = 160


@dataclass(frozen=True, slots=True)
class CommandSession:
    """The options of one call, and the way to speak to its caller."""

    as_json: bool = False
    data_dir: Path | None = None
    no_color: bool = False
    verbose: bool = False

    @property
    def data(self) -> DataFolder:
        return DataFolder.at(self.data_dir)

    @property
    def out(self) -> Console:
        """For answers."""
        return _console(stderr=False, no_color=self.no_color)

    @property
    def err(self) -> Console:
        """For progress and remarks."""
        return _console(stderr=True, no_color=self.no_color)

    def answer(self, document: dict[str, Any], show: Callable[[Console], None] | None = None) -> None:
        """Give the answer: one JSON document with --json, otherwise as ``show`` prints it."""
        if self.as_json or show is None:
            print_json(document)
        else:
            show(self.out)

    def note(self, text: str) -> None:
        """A line for people, beside the answer."""
        self.err.print(text, markup=False)

    def conclude(self, *, ok: bool, why: str, remedy: str = "") -> None:
        """End with exit code 1 when the answer, already given, is that something is not so."""
        if not ok:
            self.note(f"{why} → {remedy}" if remedy else why)
            raise typer.Exit(ExitCode.NOT_SO)

    def detail(self, text: str) -> None:
        """A line for people who asked for more with -v."""
        if self.verbose:
            self.note(text)


def _console(*, stderr: bool, no_color: bool) -> Console:
    """A console as wide as the terminal; what goes into a file or a pipe has room for a whole table."""
    console = Console(stderr=stderr, no_color=no_color, highlight=False, soft_wrap=True)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = WIDTH_ELSEWHERE
    return console


def print_json(document: dict[str, Any]) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.", rich_help_panel=PANEL)]
DataDir = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Data folder [.roottrading].", rich_help_panel=PANEL)
]
NoColor = Annotated[bool, typer.Option("--no-color", help="Plain text.", rich_help_panel=PANEL)]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Say more.", rich_help_panel=PANEL)]

SHARED = {"as_json": JsonFlag, "data_dir": DataDir, "no_color": NoColor, "verbose": Verbose}
DEFAULTS: dict[str, Any] = {"as_json": False, "data_dir": None, "no_color": False, "verbose": False}


def set_defaults(
    context: typer.Context,
    as_json: JsonFlag = False,
    data_dir: DataDir = None,
    no_color: NoColor = False,
    verbose: Verbose = False,
) -> None:
    """Take the shared options where they stand before the command's name."""
    context.obj = _merged(
        context.obj or CommandSession(), as_json=as_json, data_dir=data_dir, no_color=no_color, verbose=verbose
    )


def _merged(
    session: CommandSession, *, as_json: bool, data_dir: Path | None, no_color: bool, verbose: bool
) -> CommandSession:
    return replace(
        session,
        as_json=session.as_json or as_json,
        data_dir=data_dir or session.data_dir,
        no_color=session.no_color or no_color,
        verbose=session.verbose or verbose,
    )


def command(app: typer.Typer, name: str, **settings: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register ``function(session, ...)`` as a command with the shared options added to its own."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(context: typer.Context, **values: Any) -> None:
            given = {key: values.pop(key) for key in SHARED}
            session = _merged(context.obj or CommandSession(), **given)
            guarded(session, lambda: function(session, **values))

        own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        first = inspect.Parameter("context", keyword, annotation=typer.Context)
        extra = [
            inspect.Parameter(key, keyword, default=DEFAULTS[key], annotation=annotation)
            for key, annotation in SHARED.items()
        ]
        parameters = [first, *(parameter.replace(kind=keyword) for parameter in own), *extra]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        del run.__wrapped__
        app.command(name, **settings)(run)
        return function

    return register


def guarded(session: CommandSession, action: Callable[[], None]) -> None:
    """Run an action; an error becomes one clear line and the documented exit code."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        action()
    except CommandError as error:
        _fail(session, str(error), error.code, error.remedy)
    except ConfigurationError as error:
        _fail(session, str(error), ExitCode.USAGE, "see .env.example for every setting")
    except RootTradingError as error:
        _fail(session, str(error), ExitCode.MISSING, "roottrading status shows what runs")
    except KeyboardInterrupt:
        raise typer.Exit(ExitCode.INTERRUPTED) from None


def _fail(session: CommandSession, message: str, code: ExitCode, remedy: str) -> None:
    if session.as_json:
        print_json({"ok": False, "error": message, "remedy": remedy, "exit_code": int(code)})
    session.err.print(f"[bold red]error:[/] {_plain(message)}")
    if remedy:
        session.err.print(f"  [dim]→ {_plain(remedy)}[/]")
    raise typer.Exit(int(code))


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
