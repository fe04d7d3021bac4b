"""doctor: everything that commonly keeps the platform from running, each with what to do about it."""

from __future__ import annotations

import asyncio

import typer
from rich.console import Console

from cli.exits import ExitCode
from cli.run import checkup, services
from cli.session import CommandSession, command

MARKS = {"ok": "[green]ok[/]  ", "warning": "[yellow]warn[/]", "problem": "[red]bad[/] "}


def register(app: typer.Typer) -> None:
    """Add this command."""
    command(app, "doctor", epilog="Example: roottrading doctor --json")(doctor)


def doctor(session: CommandSession) -> None:
    """Check this machine and the settings; each finding says what to do."""
    services.adopt_env_file()
    findings = asyncio.run(checkup.examine(session.data))
    ok = all(finding.level != "problem" for finding in findings)
    document = {
        "ok": ok,
        "checks": [{"name": f.name, "level": f.level, "detail": f.detail, "remedy": f.remedy} for f in findings],
    }

    def show(out: Console) -> None:
        for finding in findings:
            out.print(f"{MARKS[finding.level]} {finding.name:<14} ", end="")
            out.print(finding.detail, markup=False)
            if finding.remedy:
                out.print(f"     → {finding.remedy}", markup=False)

    session.answer(document, show)
    if not ok:
        raise typer.Exit(ExitCode.NOT_SO)
