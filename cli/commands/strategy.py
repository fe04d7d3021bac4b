"""strategy: what the analyzer would load, a new one, and whether one works."""

from __future__ import annotations

import keyword
import os
import re
from pathlib import Path
from typing import Annotated, Any

import typer

from cli.commands.strategy_parameters import set_, show
from cli.exits import missing, misused
from cli.run import services
from cli.session import CommandSession, command, set_defaults
from shared.src.clocks import SystemClock
from shared.src.config import load_settings

NAME = re.compile(r"^[A-Za-z][A-Za-z0-9_]{1,39}$")

strategy = typer.Typer(help="Trading strategies.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    strategy.callback()(set_defaults)
    app.add_typer(strategy, name="strategy")
    command(strategy, "list", epilog="Example: STRATEGIES_DIR=~/my-strategies roottrading strategy list")(list_)
    command(strategy, "new", epilog="Example: roottrading strategy new Morning_Dip")(new)
    command(strategy, "show", epilog="Example: roottrading strategy show RSI_Strategy")(show)
    command(strategy, "set", epilog="Example: roottrading strategy set RSI_Strategy oversold=25 overbought=75")(set_)
    command(strategy, "check", epilog="Example: roottrading strategy check strategies/morning_dip.py")(check)


def list_(session: CommandSession) -> None:
    """List the strategies that load, and the files that are refused, with the reason."""
    from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader

    services.adopt_env_file()
    settings = load_settings()
    folders = [BUILT_IN, *([Path(settings.strategies_dir).expanduser()] if settings.strategies_dir else [])]
    report = StrategyLoader(folders, environment=dict(os.environ), only=settings.strategies).load()
    document = {
        "strategies": [{"name": item.name, "family": item.family, "file": str(item.source)} for item in report.loaded],
        "refused": [{"file": str(item.source), "error": item.error} for item in report.refused],
    }

    def show(out: Any) -> None:
        for item in report.loaded:
            out.print(f"{item.name:<28} {item.family:<16} {item.source.name}")
        for refused in report.refused:
            out.print(f"[red]refused[/] {refused.source}: ", end="")
            out.print(refused.error, markup=False)

    session.answer(document, show)
    session.conclude(ok=not report.refused, why=f"{len(report.refused)} strategy file(s) do not load")


def new(
    session: CommandSession, name: Annotated[str, typer.Argument(help="Letters, digits and _: Morning_Dip.")]
) -> None:
    """Write a strategy that works as it is, and its test, into STRATEGIES_DIR (or ./strategies)."""
    from analyzer.src.strategy_loader import StrategyLoader
    from cli.offline.strategy_template import STRATEGY, TEST, file_name, write_out

    if not NAME.match(name) or keyword.iskeyword(file_name(name)):
        raise misused(f"{name!r} is not a name for a strategy", "letters, digits and _, a letter first")
    services.adopt_env_file()
    configured = load_settings().strategies_dir
    folder = Path(configured or "strategies").expanduser()
    file = folder / f"{file_name(name)}.py"
    test = folder / "tests" / f"test_{file_name(name)}.py"
    for path in (file, test):
        if path.exists():
            raise misused(f"{path} exists already", "another name, or remove the file")
    if name in StrategyLoader().load().names:
        raise misused(f"{name} is a built-in strategy", "another name")
    test.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(write_out(STRATEGY, name), encoding="utf-8")
    test.write_text(write_out(TEST, name), encoding="utf-8")
    document = {"ok": True, "name": name, "file": str(file), "test": str(test)}
    session.answer(document, lambda out: out.print(f"{file}\n{test}", markup=False))
    session.note(f"try it: roottrading strategy check {file}")
    if not configured:
        session.note(f"the analyzer loads it when STRATEGIES_DIR={folder.resolve()} is set")


def check(session: CommandSession, file: Annotated[Path, typer.Argument(help="A strategy file.")]) -> None:
    """Load a strategy file as the analyzer does, run it over generated candles, and say how that went."""
    from cli.offline.strategy_check import check_file

    file = file.expanduser()
    if not file.is_file():
        raise missing(f"there is no file {file}")
    services.adopt_env_file()
    document = check_file(file, dict(os.environ), SystemClock())

    def show(out: Any) -> None:
        for found in document["strategies"]:
            signals = f"{found['signals']['BUY']} BUY, {found['signals']['SELL']} SELL"
            text = f"{found['name']} ({found['family']}): {signals} on {found['bars']} {found['timeframe']} bars"
            out.print(f"{text}, {found['microseconds_per_bar']} µs a bar", markup=False)
            for failure in found["failures"][-1:]:
                out.print(f"  failed: {failure}", markup=False)
        for error in document["refused"]:
            out.print(f"refused: {error}", markup=False)

    session.answer(document, show)
    session.conclude(ok=document["ok"], why="the strategy does not work")
