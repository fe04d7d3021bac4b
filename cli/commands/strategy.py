"""strategy: what the analyzer would load."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from cli import services
from cli.session import Session, command, set_defaults
from shared.src.config import load_settings

strategy = typer.Typer(help="Trading strategies.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group."""
    strategy.callback()(set_defaults)
    app.add_typer(strategy, name="strategy")
    command(strategy, "list", epilog="Example: STRATEGIES_DIR=~/my-strategies roottrading strategy list")(list_)


def list_(session: Session) -> None:
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
