"""The command that searches parameters, and says what the best of them is worth."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.commands.backtest import (
    Capital,
    Fee,
    OutFolder,
    Since,
    Slippage,
    Strategies,
    Uncertified,
    Until,
    between,
    check_certified,
    checked_out,
    plan_of,
)
from cli.commands.offline import Files, Symbols
from cli.exits import missing, misused
from cli.session import CommandSession, command
from shared.src.domain.errors import ConfigurationError, TransientError

if TYPE_CHECKING:
    from backtester.search.space import Dimension

GROUPS_MAX = 20
FIGURES = (
    *("place", "trades", "days", "net_percent", "sharpe", "trials", "deflated_sharpe", "overfitting_probability"),
)

Ranges = Annotated[
    list[str] | None,
    typer.Option(
        "--parameter",
        metavar="NAME=LOW:HIGH[:STEP]",
        help="STRATEGY.option or a setting, several times [every option of the strategies, within its bounds].",
    ),
]
Trials = Annotated[int, typer.Option(min=1, help="How many parameter sets to try (in each fold of a walk).")]
Jobs = Annotated[int, typer.Option(min=1, help="Processes; they change nothing but the time.")]
Seed = Annotated[int, typer.Option(help="The same seed, the same search.")]
Storage = Annotated[
    str | None,
    typer.Option(help="A file, postgresql://... or grpc://HOST:PORT, for several machines [the data folder]."),
]
Name = Annotated[str, typer.Option(help="Of the search; the same name goes on with it.")]
Walk = Annotated[
    int, typer.Option("--walk-forward", min=0, metavar="FOLDS", help="Search anew before each of so many folds.")
]
Combinations = Annotated[
    str | None,
    typer.Option("--combinatorial", metavar="GROUPS:HELD_OUT", help="Judge by all choices of held out groups."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = "roottrading optimize BTCUSDC-1m.zip --strategies RSI_Cross --trials 200 --walk-forward 5 --out found"
    command(app, "optimize", epilog=f"Example: {example}")(optimize)


def optimize(
    session: CommandSession,
    files: Files,
    out: OutFolder,
    symbol: Symbols = None,
    strategies: Strategies = None,
    parameter: Ranges = None,
    trials: Trials = 100,
    walk_forward: Walk = 0,
    combinatorial: Combinations = None,
    jobs: Jobs = 2,
    seed: Seed = 0,
    name: Name = "search",
    storage: Storage = None,
    capital: Capital = "10000",
    fee: Fee = "0.001",
    since: Since = None,
    until: Until = None,
    slippage: Slippage = "0",
    uncertified: Uncertified = False,
) -> None:
    """Search parameters on history, and say what the best is worth on days that were not searched on.

    What was tried is counted for good: the more that was ever tried on a market, the more the winner has to show.
    """
    from backtester.search.document import document_of
    from backtester.search.plan_backtest import PlanBacktest, space_of
    from backtester.search.run import SearchRun
    from backtester.search.search import Plan
    from backtester.search.storages import storage_of
    from backtester.trials import TrialLedger

    out = checked_out(out, files)
    dimensions, groups = [_dimension(text) for text in parameter or []], _groups(combinatorial)
    plan = plan_of(session, files, symbol or [], strategies=strategies, money=(capital, fee, slippage))
    plan = between(plan, since, until)
    check_certified(plan, uncertified=uncertified)
    try:
        search = Plan(name, space_of(plan, dimensions), trials, seed=seed, is_guided=groups is None)
        kept = storage_of(storage or str(session.data.root / "searches" / "journal"))
        session.note(f"{len(search.space.dimensions)} parameters; features of {len(files)} histories first")
        backtest, ledger = PlanBacktest.prepared(plan), TrialLedger(session.data.root / "trials.jsonl")
        with _progress(session, trials * (1 + walk_forward)) as tick:
            run = SearchRun(backtest, ledger, kept, jobs=jobs, tick=tick)
            document = document_of(run.judged(search, folds=walk_forward, groups=groups))
    except (ConfigurationError, ValueError) as error:
        raise misused(str(error)) from error
    except TransientError as error:
        raise missing(str(error), "the same command goes on") from error
    _write(out, document)
    session.answer({"ok": True, "out": str(out), **document}, lambda console: _show(console, out, document))


def _dimension(text: str) -> Dimension:
    """NAME=LOW:HIGH[:STEP]. Raises CommandError (2)."""
    from backtester.search.space import Dimension

    name, _, bounds = text.partition("=")
    numbers = bounds.split(":")
    try:
        low, high, *step = (float(number) for number in numbers)
        if len(step) > 1:
            raise ValueError(bounds)
        return Dimension(name.strip(), low, high, *step)
    except ValueError as error:
        raise misused(f"--parameter {text}: not NAME=LOW:HIGH[:STEP]", "RSI_Cross.oversold=20:40:1") from error
    except ConfigurationError as error:
        raise misused(f"--parameter {text}: {error}") from error


def _groups(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    groups, _, held_out = text.partition(":")
    if not groups.isdigit() or not held_out.isdigit() or not 1 <= int(held_out) < int(groups) <= GROUPS_MAX:
        raise misused(f"--combinatorial {text}: not GROUPS:HELD_OUT", f"6:2, at most {GROUPS_MAX} groups")
    return int(groups), int(held_out)


def _write(out: Path, document: dict[str, Any]) -> None:
    """The document, and the winner in the form that other commands take by --parameters."""
    parameters: dict[str, dict[str, float]] = {}
    for name, value in document["parameters"].items():
        strategy, dot, option = name.rpartition(".")
        if dot:
            parameters.setdefault(strategy, {})[option] = value
    try:
        out.mkdir(parents=True, exist_ok=True)
        for name, content in (("search.json", document), ("parameters.json", parameters)):
            part = out / f".{name}.part"
            part.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
            part.replace(out / name)
    except OSError as error:
        raise misused(f"--out {out}: {error}") from error


@contextmanager
def _progress(session: CommandSession, total: int) -> Iterator[Callable[[], None]]:
    columns = (TextColumn("trials"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
        task = progress.add_task("trials", total=total)
        yield lambda: progress.advance(task)


def _show(console: Console, out: Path, document: dict[str, Any]) -> None:
    table = Table(title="the best of the search", show_header=False)
    for name, value in document["parameters"].items():
        table.add_row(name, f"{value:g}")
    for name in FIGURES:
        value = document[name]
        table.add_row(
            name, "undefined" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)
        )
    console.print(table)
    if document["folds"]:
        console.print(_folds(document["folds"]))
    told = "believed" if document["believed"] else "not believed: " + "; ".join(document["reasons"])
    console.print(told, markup=False)
    console.print(str(out), markup=False)


def _folds(folds: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="judged on days that were not searched on")
    for name in ("days searched on", "days outside", "Sharpe inside", "Sharpe outside", "net outside"):
        table.add_column(name, justify="right")
    for fold in folds:
        inside, outside = (
            "" if value is None else f"{value:.3f}" for value in (fold["sharpe_inside"], fold["sharpe_outside"])
        )
        table.add_row(*(str(days) for days in fold["days"]), inside, outside, f"{fold['net_outside_percent']:.2f} %")
    return table
