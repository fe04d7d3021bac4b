"""The command that asks what the platform would have done on recorded candles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, assert_never

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.commands.offline import Files, Symbols, load_strategies, read_histories
from cli.exits import misused, not_so
from cli.run import services
from cli.session import CommandSession, command
from shared.src.clocks import SystemClock
from shared.src.config import load_settings
from shared.src.domain.clock import to_ms
from shared.src.domain.errors import ConfigurationError, ContractError

if TYPE_CHECKING:
    from backtester.history.certificate import Certificate
    from backtester.plan import BacktestPlan
    from backtester.results import RunOutcome
    from shared.src.market.recorded_history import RecordedHistory

FIGURES = (
    *("net", "net_percent", "fees", "trades", "win_rate", "profit_factor", "max_drawdown_percent", "sharpe"),
    *("holding_percent", "deflated_sharpe", "trials", "ambiguous_trades"),
)


class EngineName(StrEnum):
    FAST = "fast"
    FULL = "full"


OutFolder = Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Where report.json and the tables go.")]
Strategies = Annotated[str | None, typer.Option(help="Only these, comma separated [all].")]
Engine = Annotated[EngineName, typer.Option(help="fast: from columns; full: the whole platform in one process.")]
Capital = Annotated[str, typer.Option(help="What it begins with, quote units.")]
Fee = Annotated[str, typer.Option(help="Of each side, as a share: 0.001 is 0.1 %.")]
Since = Annotated[str | None, typer.Option("--from", metavar="TIME", help="First decision; before it is history.")]
Until = Annotated[str | None, typer.Option("--to", metavar="TIME", help="The end; nothing later is read.")]
Slippage = Annotated[str, typer.Option(help="Percent of the price, on every order that takes.")]
Uncertified = Annotated[bool, typer.Option("--uncertified", help="Run on data that proves nothing, too.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    example = "Example: roottrading backtest BTCUSDC-1m-2026-01.zip ETHUSDC-1m-2026-01.zip --out january"
    command(app, "backtest", epilog=example)(backtest)


def backtest(
    session: CommandSession,
    files: Files,
    out: OutFolder,
    symbol: Symbols = None,
    strategies: Strategies = None,
    engine: Engine = EngineName.FAST,
    capital: Capital = "10000",
    fee: Fee = "0.001",
    since: Since = None,
    until: Until = None,
    slippage: Slippage = "0",
    uncertified: Uncertified = False,
) -> None:
    """The platform's decisions on history, net of everything: what it would have bought and sold, and what that means.

    Every decision is the live code's. Orders are filled at the next open, half a spread worse, never outside its bar.
    """
    from backtester.report.document import Findings, report_of
    from backtester.report.folder import write_report
    from backtester.trials import TrialLedger

    out = checked_out(out, files)
    clock = SystemClock()
    began = clock.monotonic()
    with _progress(session) as step:
        step("reading", 0.0)
        plan = plan_of(session, files, symbol or [], strategies=strategies, money=(capital, fee, slippage))
        plan = between(plan, since, until)
        check_certified(plan, uncertified=uncertified)
        try:
            outcomes = _run(plan, engine, step)
        except ConfigurationError as error:
            raise misused(str(error)) from error
        step("report", 1.0)
        found = Findings.of(plan, engine.value, outcomes, clock.monotonic() - began)
        trial, ledger = plan.trial(found.daily_sharpe), TrialLedger(session.data.root / "trials.jsonl")
        ledger.add([trial])
        report = report_of(found, ledger.tried_on(trial))
        write_report(out, report, found.equity, found.outcome.trades)
    session.answer({"ok": True, "out": str(out), **report}, lambda console: _show(console, out, report))


def _run(plan: BacktestPlan, engine: EngineName, step: Callable[[str, float], None]) -> tuple[RunOutcome, RunOutcome]:
    begin, length = plan.since_ms, max(1, plan.until_ms - plan.since_ms)

    def tick(close_ms: int) -> None:
        step("trading", (close_ms - begin) / length)

    step("deciding", 0.0)
    match engine:
        case EngineName.FAST:
            from backtester.fast_engine.run import run_fast

            return run_fast(plan, tick)
        case EngineName.FULL:
            from backtester.full_engine.backtest import run_full

            return run_full(plan, tick)
        case _:
            assert_never(engine)


def plan_of(
    session: CommandSession,
    files: Sequence[Path],
    symbols: Sequence[str],
    *,
    strategies: str | None,
    money: tuple[str, str, str],
) -> BacktestPlan:
    from backtester.fast_engine.fills import FillRules
    from backtester.plan import BacktestPlan

    capital, fee, slippage = (
        _amount(name, text) for name, text in zip(("--capital", "--fee", "--slippage"), money, strict=True)
    )
    if capital <= 0 or fee >= Decimal("0.05") or slippage >= 50:
        raise misused("--capital is over 0, --fee under 0.05 and --slippage under 50")
    services.adopt_env_file()
    histories = read_histories(session, files, symbols)
    settings = load_settings(
        trading_mode="paper",
        demo_mode=False,
        trading_enabled=True,
        trading_symbols=",".join(history.symbol for history in histories),
        quote_asset=_quote_of(histories),
        paper_balance=capital,
        taker_fee_percent=fee * 100,
        maker_fee_percent=fee * 100,
        **({} if strategies is None else {"strategies": strategies}),
    )
    return BacktestPlan(
        histories=histories,
        files=[file.expanduser() for file in files],
        certificates=[_certificate(history) for history in histories],
        strategies=load_strategies(session, settings),
        settings=settings,
        capital=capital,
        fee=fee,
        since_ms=min(history.candles[0].time for history in histories),
        until_ms=max(history.candles[-1].close_time for history in histories) + 1,
        fills=FillRules(slippage_percent=slippage),
    )


def between(plan: BacktestPlan, since: str | None, until: str | None) -> BacktestPlan:
    """The plan from one time to another; what is later is not there, what is earlier is history."""
    since_ms = plan.since_ms if since is None else max(plan.since_ms, _time("--from", since))
    until_ms = plan.until_ms if until is None else min(plan.until_ms, _time("--to", until))
    histories = [
        replace(history, candles=tuple(candle for candle in history.candles if candle.close_time < until_ms))
        for history in plan.histories
    ]
    if since_ms >= until_ms or not all(history.candles for history in histories):
        raise misused("there are no candles between --from and --to")
    return replace(plan, histories=histories, since_ms=since_ms, until_ms=until_ms)


def _certificate(history: RecordedHistory) -> Certificate:
    from backtester.history.bars import Bars
    from backtester.history.certificate import ReadingNotes, examine

    return examine(Bars.of(history), ReadingNotes(history.repeated, history.corrected, history.moved))


def check_certified(plan: BacktestPlan, *, uncertified: bool) -> None:
    for file, certificate in zip(plan.files, plan.certificates, strict=True):
        if not certificate.is_certified and not uncertified:
            why = "; ".join(certificate.reasons)
            raise not_so(f"{file}: {why}", "mend the data, or say --uncertified: the report will tell")


def _quote_of(histories: Sequence[RecordedHistory]) -> str:
    from shared.src.domain.symbols import split_symbol

    try:
        quotes = {split_symbol(history.symbol)[1] for history in histories}
    except ContractError as error:
        raise misused(str(error), "--symbol BTCUSDC") from error
    if len(quotes) > 1:
        raise misused(f"the symbols have different quote assets: {', '.join(sorted(quotes))}", "one run for each")
    return quotes.pop()


def _amount(name: str, text: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation as error:
        raise misused(f"{name}: {text!r} is not a number") from error
    if not amount.is_finite() or amount < 0:
        raise misused(f"{name}: {text!r} is not an amount of 0 or more")
    return amount


def _time(name: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise misused(f"{name}: {text!r} is not a time", "2026-01-31 or 2026-01-31T12:00:00Z") from error
    return to_ms(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def checked_out(out: Path, files: Sequence[Path]) -> Path:
    out = out.expanduser()
    if out.exists() and not out.is_dir():
        raise misused(f"--out {out}: it is a file", "the name of a folder")
    if any(file.expanduser().resolve().parent == out.resolve() for file in files):
        raise misused(f"--out {out}: the candles are in it", "another folder")
    return out


@contextmanager
def _progress(session: CommandSession) -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error; yields what to tell the phase and how much of it is done, as a share."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
        task = progress.add_task("reading", total=1.0)

        def step(phase: str, share: float) -> None:
            progress.update(task, description=phase, completed=share)

        yield step


def _show(console: Console, out: Path, report: dict[str, Any]) -> None:
    table = Table(title=f"{', '.join(report['symbols'])}, {report['bars']} bars", show_header=False)
    for name in FIGURES:
        value = report[name]
        shown = f"undefined: {report['undefined'].get(name, '')}" if value is None else value
        table.add_row(name, f"{shown:.4f}" if isinstance(shown, float) else str(shown))
    console.print(table)
    console.print(str(out), markup=False)
