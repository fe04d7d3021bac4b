"""status, logs: looking at the platform."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.live import Live

from cli.data_folder import DataFolder
from cli.exits import ExitCode, missing, misused
from cli.progress import parts_table
from cli.run import run_state
from cli.session import CommandSession, command
from shared.src.clocks import SystemClock

Line = Callable[[str, str], None]
REFRESH_S = 0.5
FOLLOW_S = 0.3
TAIL_LINES = 40


def register(app: typer.Typer) -> None:
    """Add these commands."""
    command(app, "status", epilog="Example: roottrading status --json")(status)
    command(app, "logs", epilog="Example: roottrading logs trader -f")(logs)


def status(
    session: CommandSession,
    once: Annotated[bool, typer.Option("--once", help="Print once, also on a terminal.")] = False,
) -> None:
    """Show every part of the platform; on a terminal the table stays and follows (Ctrl-C ends it)."""
    data = session.data
    if session.out.is_terminal and not session.as_json and not once and run_state.find(data) is not None:
        asyncio.run(_follow_status(session.out, data))
    document = run_state.status(data)
    session.answer(document, lambda out: _show(out, document))
    if not run_state.is_healthy(document):
        raise typer.Exit(ExitCode.NOT_SO)


def _show(out: Console, document: dict[str, Any]) -> None:
    out.print(parts_table(document, title=f"mode {document['mode']}, {document['state']}"))
    if document.get("error"):
        out.print(document["error"], markup=False)


async def _follow_status(out: Console, data: DataFolder) -> None:
    clock = SystemClock()
    with Live(console=out, get_renderable=lambda: _table(data), refresh_per_second=2, screen=False):
        while run_state.find(data) is not None:
            await clock.sleep(REFRESH_S)


def _table(data: DataFolder) -> Any:
    document = run_state.status(data)
    return parts_table(document, title=f"mode {document['mode']}, {document['state']}")


def logs(
    session: CommandSession,
    service: Annotated[str | None, typer.Argument(help="A service or a part of the stack; all if left out.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as more is written.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", help="Lines from the end.")] = TAIL_LINES,
) -> None:
    """Show the logs of the last run."""
    files = {path.stem: path for path in sorted(session.data.logs.glob("*.log"))}
    if not files:
        raise missing(f"there are no logs in {session.data.logs}", "roottrading up, or roottrading demo")
    if service is not None and service not in files:
        raise misused(f"there is no log of {service!r}", f"one of {', '.join(files)}")
    chosen = {service: files[service]} if service else files
    tails = {name: path.read_text(errors="replace").splitlines()[-lines:] for name, path in chosen.items()}
    if session.as_json and not follow:
        session.answer({"logs": tails})
        return
    show = _printer(session, prefix=len(chosen) > 1)
    for name, text in tails.items():
        for line in text:
            show(name, line)
    if follow:
        asyncio.run(_follow_logs(chosen, show))


def _printer(session: CommandSession, *, prefix: bool) -> Line:
    out = session.out

    def show(name: str, line: str) -> None:
        if session.as_json:
            out.print(json.dumps({"part": name, "line": line}), markup=False)
        else:
            out.print(f"{name:<18} {line}" if prefix else line, markup=False)

    return show


async def _follow_logs(files: dict[str, Path], show: Line) -> None:
    clock = SystemClock()
    offsets = {name: path.stat().st_size for name, path in files.items()}
    while True:
        for name, path in files.items():
            size = path.stat().st_size if path.exists() else 0
            if size < offsets[name]:
                offsets[name] = 0
            if size > offsets[name]:
                offsets[name] = _show_new(path, offsets[name], name, show)
        await clock.sleep(FOLLOW_S)


def _show_new(path: Path, offset: int, name: str, show: Line) -> int:
    """Show the whole lines after ``offset``; returns where to go on."""
    with path.open("rb") as file:
        file.seek(offset)
        whole, newline, _ = file.read().rpartition(b"\n")
    for line in whole.decode(errors="replace").splitlines():
        show(name, line)
    return offset + len(whole) + len(newline)
