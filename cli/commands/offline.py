"""features, signals, decisions: what the live pipeline would have computed on a file of candles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from cli.commands.strategy_parameters import read_parameters
from cli.exits import missing, misused
from cli.offline.tables import TableWriter, check_out
from cli.run import services
from cli.session import CommandSession, command
from shared.src.config import Settings, load_settings
from shared.src.domain.errors import ConfigurationError
from shared.src.domain.symbols import is_symbol

if TYPE_CHECKING:
    from analyzer.src.strategy_loader import LoadedStrategy
    from cli.offline.history_run import Strategist
    from shared.src.market.recorded_history import RecordedHistory

SIGNAL_COLUMNS = (
    *("time", "symbol", "timeframe", "strategy", "family", "side", "strength", "level", "confidence", "price"),
    *("stop_loss", "take_profit", "reason"),
)
DECISION_COLUMNS = (
    *("time", "symbol", "timeframe", "side", "accepted", "reason", "filter", "strategy", "strength", "level"),
    *("confidence", "price", "stop_loss", "take_profit", "votes_count", "votes", "id"),
)

File = Annotated[Path, typer.Argument(help="Candles: Binance's archive (csv, csv.gz, zip) or Parquet.")]
Files = Annotated[
    list[Path],
    typer.Argument(help="Candles, a file for each symbol: csv, csv.gz, zip or Parquet.", metavar="FILE..."),
]
Out = Annotated[Path, typer.Option("--out", help="Where the rows go: .parquet or .csv.")]
Symbol = Annotated[str | None, typer.Option(help="The symbol [the file's name: SYMBOL-...].")]
Parameters = Annotated[
    Path | None,
    typer.Option("--parameters", metavar="FILE", help='Parameters of strategies: {"RSI_Strategy": {"oversold": 25}}.'),
]
Symbols = Annotated[list[str] | None, typer.Option("--symbol", help="For each file, in order [its name: SYMBOL-...].")]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    example = "Example: roottrading {} BTCUSDC-1m-2026-01.zip --symbol BTCUSDC --out {}.parquet"
    command(app, "features", epilog=example.format("features", "features"))(features)
    command(app, "signals", epilog=example.format("signals", "signals"))(signals)
    command(
        app,
        "decisions",
        epilog="Example: roottrading decisions BTCUSDC-1m.csv.gz ETHUSDC-1m.csv.gz --out decisions.csv",
    )(decisions)


def features(session: CommandSession, file: File, out: Out, symbol: Symbol = None) -> None:
    """Every indicator of analyzer_data, a row per closed bar, as the live pipeline computes them."""
    from cli.offline.history_run import feature_row, features_of_history
    from core.features.indicators.base import IndicatorParameters

    out, settings = check_out(out, [file]), _settings()
    history = read_histories(session, [file], [symbol] if symbol else [])[0]
    with _progress(session, [history]) as tick:
        frames = features_of_history(history, IndicatorParameters.of(settings), {history.timeframe}, tick)
        rows = map(feature_row, frames)
        first = next(rows)
        with TableWriter(out, tuple(first)) as table:
            table.add(first)
            for row in rows:
                table.add(row)
    _answer(session, out, [history], table.rows)


def signals(
    session: CommandSession, files: Files, out: Out, symbol: Symbols = None, parameters: Parameters = None
) -> None:
    """Every strategy's votes on the file's time frame and on those of INTERVAL that can be built from it.

    Strategies that compare symbols need the files of several.
    """
    from cli.offline.history_run import signal_row

    out, settings = check_out(out, files), _settings()
    histories = read_histories(session, files, symbol or [])
    strategist = _strategist(session, settings, histories, read_parameters(parameters))
    with _progress(session, histories) as tick, TableWriter(out, SIGNAL_COLUMNS) as table:
        for bar in strategist.votes(histories, tick):
            for vote in bar.votes:
                table.add(signal_row(bar, vote))
    _answer(session, out, histories, table.rows, strategist.failures)


def decisions(
    session: CommandSession, files: Files, out: Out, symbol: Symbols = None, parameters: Parameters = None
) -> None:
    """The consensus on every bar that has votes, the refused ones with the reason, and the votes behind it as JSON."""
    from cli.offline.history_run import decision_row
    from core.consensus.bar_decision import rules_of

    out, settings = check_out(out, files), _settings()
    histories = read_histories(session, files, symbol or [])
    strategist = _strategist(session, settings, histories, read_parameters(parameters))
    rules, accepted = rules_of(settings), 0
    with _progress(session, histories) as tick, TableWriter(out, DECISION_COLUMNS) as table:
        for bar in strategist.votes(histories, tick):
            row = decision_row(bar, rules, settings.market_mode)
            if row is not None:
                accepted += row["accepted"]
                table.add(row)
    _answer(session, out, histories, table.rows, strategist.failures, accepted=accepted)


def _settings() -> Settings:
    services.adopt_env_file()
    return load_settings()


def read_histories(session: CommandSession, files: Sequence[Path], symbols: Sequence[str]) -> list[RecordedHistory]:
    """A history for each file; what was odd about them is said.

    Raises:
        CommandError: a file is missing (3), is not one of candles, or does not say its symbol (2).
    """
    if symbols and len(symbols) != len(files):
        raise misused(f"--symbol: {len(symbols)} symbols for {len(files)} files", "one for each file, in order")
    names = [name.strip().upper() for name in symbols] or [_symbol_of(file) for file in files]
    for name in names:
        if not is_symbol(name):
            raise misused(f"--symbol: {name!r} is not a symbol such as BTCUSDC")
        if names.count(name) > 1:
            raise misused(f"{name}: more than one file", "one file for each symbol")
    histories = [_read(file, name) for file, name in zip(files, names, strict=True)]
    frames = {history.timeframe for history in histories}
    if len(frames) > 1:
        raise misused(f"the files have different time frames: {', '.join(sorted(frames))}")
    for history in histories:
        if history.corrected:
            session.note(f"{history.symbol}: {history.corrected} rows repeat a bar with other numbers; the last counts")
        if history.moved:
            session.note(f"{history.symbol}: {history.moved} bars are off the start of their interval; placed there")
        if history.gaps:
            session.note(f"{history.symbol}: {history.gaps} gaps; indicators start over behind each, as they do live")
    return histories


def _read(file: Path, symbol: str) -> RecordedHistory:
    """Raises CommandError: the file is not there (3), or it is not a file of candles of one time frame (2)."""
    from shared.src.market.recorded_history import read_history

    file = file.expanduser()
    if not file.is_file():
        raise missing(f"there is no file {file}")
    try:
        return read_history(file, symbol)
    except ConfigurationError as error:
        raise misused(str(error), "columns: open_time, open, high, low, close, volume") from error


def _symbol_of(file: Path) -> str:
    name = file.name.split("-")[0]
    if "-" not in file.name or not is_symbol(name):
        raise misused(f"{file.name} does not say its symbol", "name it SYMBOL-..., or add --symbol SYMBOL")
    return name


def _strategist(
    session: CommandSession,
    settings: Settings,
    histories: Sequence[RecordedHistory],
    overrides: Mapping[str, Mapping[str, float]],
) -> Strategist:
    from cli.offline.history_run import Strategist
    from core.features.replay import decided_on

    strategies = load_strategies(session, settings, overrides)
    return Strategist(strategies, settings, decided_on(histories[0].timeframe, settings.interval))


def load_strategies(
    session: CommandSession, settings: Settings, overrides: Mapping[str, Mapping[str, float]] | None = None
) -> Sequence[LoadedStrategy]:
    """What the analyzer would load, with parameters of one's own; refused files are named.

    Raises:
        CommandError: a parameter is given for no strategy, or is none of its, or is out of bounds (2).
    """
    from analyzer.src.parameters import merged
    from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader

    folders = [BUILT_IN, *([Path(settings.strategies_dir).expanduser()] if settings.strategies_dir else [])]
    report = StrategyLoader(
        folders, environment=dict(os.environ), only=settings.strategies, bound=settings.exit_rules()
    ).load()
    for refused in report.refused:
        session.note(f"refused: {refused.source}: {refused.error}")
    loaded = {strategy.name: strategy for strategy in report.loaded}
    for name, values in (overrides or {}).items():
        if name not in loaded:
            raise misused(f"--parameters: there is no strategy {name}", "roottrading strategy list")
        try:
            loaded[name] = replace(loaded[name], overrides=merged(loaded[name], {}, values))
        except ConfigurationError as error:
            raise misused(f"--parameters: {error}", f"roottrading strategy show {name}") from error
    return tuple(loaded.values())


@contextmanager
def _progress(session: CommandSession, histories: Sequence[RecordedHistory]) -> Iterator[Callable[[], None]]:
    """A bar on standard error; yields what to call for each candle."""
    total = sum(len(history.candles) for history in histories)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
        task = progress.add_task("bars", total=total)

        def tick() -> None:
            progress.advance(task)

        yield tick


def _answer(
    session: CommandSession,
    out: Path,
    histories: Sequence[RecordedHistory],
    rows: int,
    failures: Sequence[str] = (),
    **more: Any,
) -> None:
    bars = sum(len(history.candles) for history in histories)
    document = {
        "ok": True,
        "out": str(out),
        "rows": rows,
        "bars": bars,
        "timeframe": histories[0].timeframe.value,
        "symbols": [history.symbol for history in histories],
        "gaps": sum(history.gaps for history in histories),
        **more,
    }
    if failures:
        document["failures"] = list(failures)
        session.note(f"strategies failed, the last: {failures[-1]}")
    session.answer(document, lambda console: console.print(f"{rows} rows of {bars} bars: {out}", markup=False))
