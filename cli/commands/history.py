"""data: histories of candles on this machine: downloaded, imported from files, examined, loaded into the database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from cli.commands.data import database_url
from cli.commands.offline import read_histories
from cli.data_folder import read_json
from cli.exits import missing, misused
from cli.run import run_state, services
from cli.session import CommandSession, command, set_defaults
from shared.src.clocks import SystemClock
from shared.src.config import Settings, load_settings
from shared.src.domain.candles import STORED_TIMEFRAMES, Timeframe
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.symbols import is_symbol

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from backtester.history.certificate import Certificate
    from backtester.history.download import Downloader, Wanted
    from backtester.history.store import HistoryStore

DEFAULT_DAYS = 365
BATCH = 1000

data = typer.Typer(help="Histories of candles: get them, look at what they are worth.", no_args_is_help=True)

Symbols = Annotated[list[str], typer.Argument(help="Pairs such as BTCUSDC, several with spaces or commas.")]
Frame = Annotated[str, typer.Option("--timeframe", help="One of Binance's intervals.")]
Files = Annotated[list[Path], typer.Argument(help="csv, csv.gz, zip or Parquet.", metavar="FILE...")]
FileSymbols = Annotated[
    list[str] | None, typer.Option("--symbol", help="For each file, in order [its name: SYMBOL-...].")
]
Sets = Annotated[
    list[str] | None,
    typer.Argument(help="Files, or pairs whose history is kept; nothing: all that are.", metavar="[FILE|SYMBOL]..."),
]


def register(app: typer.Typer) -> None:
    """Add these commands."""
    data.callback()(set_defaults)
    app.add_typer(data, name="data")
    command(data, "download", epilog="Example: roottrading data download BTCUSDC ETHUSDC --from 2025-01-01")(download)
    command(data, "import", epilog="Example: roottrading data import BTCUSDC-1m-2024-*.zip")(import_)
    command(data, "certify", epilog="Example: roottrading data certify BTCUSDC-1m-2024-01.zip --json")(certify)
    command(data, "list", epilog="Example: roottrading data list")(list_)
    command(data, "load", epilog="Example: roottrading data load BTCUSDC --timeframe 1m")(load)


def download(
    session: CommandSession,
    symbols: Symbols,
    timeframe: Frame = "1m",
    since: Annotated[str | None, typer.Option("--from", help="First day [a year ago].")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Up to and excluding this day [now].")] = None,
    archive: Annotated[bool, typer.Option("--archive/--no-archive", help="Take whole months from the archive.")] = True,
) -> None:
    """Download candles from Binance: past months from its archive, the rest by REST. Goes on where it was stopped."""
    wanted = _wanted(_names(symbols), _timeframe(timeframe), since, until)
    services.adopt_env_file()
    _answer(session, asyncio.run(_download(session, _store(session), wanted, archive=archive)))


def import_(session: CommandSession, files: Files, symbol: FileSymbols = None) -> None:
    """Keep the candles of files. A bar that is kept already is replaced where the file tells it otherwise."""
    from backtester.history.bars import Bars
    from backtester.history.certificate import ReadingNotes

    store = _store(session)
    changed: dict[tuple[str, Timeframe], ReadingNotes] = {}
    with _progress(session, len(files), "files") as tick:
        for place, file in enumerate(files):
            names = [symbol[place]] if symbol and len(symbol) == len(files) else []
            history = read_histories(session, [file], names)[0]
            added = store.add(Bars.of(history))
            notes = ReadingNotes(history.repeated, history.corrected, history.moved)
            key = (history.symbol, history.timeframe)
            changed[key] = notes.worse(changed.get(key, notes))
            session.note(f"{file.name}: {added.new} new bars, {added.changed} told otherwise")
            tick()
    _answer(session, [store.certify(*key, notes) for key, notes in changed.items()])


def certify(session: CommandSession, sets: Sets = None, symbol: FileSymbols = None) -> None:
    """Examine histories: holes, contradictions, prices that never were, stretches without trades, halts.

    The exit code is 1 when one of them is beyond the limits.
    """
    from backtester.history.bars import Bars
    from backtester.history.certificate import ReadingNotes, examine

    store, certificates = _store(session), []
    kept = store.sets()
    for place, name in enumerate(sets or [pair for pair, _ in kept]):
        if Path(name).expanduser().is_file():
            names = [symbol[place]] if symbol and len(symbol) > place else []
            history = read_histories(session, [Path(name)], names)[0]
            notes = ReadingNotes(history.repeated, history.corrected, history.moved)
            certificates.append(examine(Bars.of(history), notes))
            continue
        found = [key for key in kept if key[0] == name.upper()]
        if not found:
            raise missing(f"there is no file {name}, and no history of it", f"roottrading data download {name}")
        certificates += [store.certify(*key) for key in found]
    if not certificates:
        raise missing("no history is kept", "roottrading data download BTCUSDC")
    _answer(session, list({(item.symbol, item.timeframe, item.sha256): item for item in certificates}.values()))


def list_(session: CommandSession) -> None:
    """List the histories that are kept, with what was found when they were examined last."""
    store = _store(session)
    documents = [store.certificate(*key) or _unexamined(*key) for key in store.sets()]
    session.answer({"sets": documents, "folder": str(session.data.history)}, lambda out: out.print(_table(documents)))


def load(session: CommandSession, symbols: Symbols, timeframe: Frame = "1m") -> None:
    """Put kept candles into market_data of the platform's database; what is there and newer stays."""
    frame, names, store = _timeframe(timeframe), _names(symbols), _store(session)
    if frame not in STORED_TIMEFRAMES:
        raise misused(f"--timeframe {frame}: the platform stores {', '.join(STORED_TIMEFRAMES)}")
    absent = [name for name in names if (name, frame) not in store.sets()]
    if absent:
        raise missing(f"no history of {absent[0]} {frame}", f"roottrading data download {absent[0]}")
    rows = asyncio.run(_load(session, store, database_url(session), [(name, frame) for name in names]))
    session.answer({"ok": True, "rows": rows}, lambda out: out.print(f"{rows} candles are in market_data"))


def _store(session: CommandSession) -> HistoryStore:
    from backtester.history.store import HistoryStore

    return HistoryStore(session.data.history)


def _names(symbols: Sequence[str]) -> list[str]:
    names = [name.strip().upper() for text in symbols for name in text.split(",") if name.strip()]
    for name in names:
        if not is_symbol(name):
            raise misused(f"{name!r} is not a symbol such as BTCUSDC")
    return list(dict.fromkeys(names))


def _timeframe(text: str) -> Timeframe:
    try:
        return Timeframe(text)
    except ValueError:
        raise misused(f"--timeframe {text}: not an interval of Binance", f"one of {', '.join(Timeframe)}") from None


def _wanted(names: Sequence[str], timeframe: Timeframe, since: str | None, until: str | None) -> list[Wanted]:
    """Raises CommandError (2): a day that is none, or a span that ends before it begins."""
    from backtester.history.download import Wanted

    end = _day("--to", until) if until else SystemClock().now()
    start = _day("--from", since) if since else end - timedelta(days=DEFAULT_DAYS)
    if start >= end:
        raise misused(f"--from {start:%Y-%m-%d} is not before --to {end:%Y-%m-%d}")
    start_ms, end_ms = (int(moment.timestamp() * 1000) for moment in (start, end))
    return [Wanted(name, timeframe, timeframe.open_of(start_ms), end_ms) for name in names]


def _day(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise misused(f"{option} {text}: not a day such as 2025-01-31") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


async def _download(
    session: CommandSession, store: HistoryStore, wanted: Sequence[Wanted], *, archive: bool
) -> list[Certificate]:
    """Download all; one pair that the exchange does not have holds up no other."""
    from backtester.history.certificate import ReadingNotes
    from backtester.history.download import MonthDone
    from backtester.history.months import months_between

    settings = load_settings()
    certificates, failures = [], []
    months = sum(len(list(months_between(item.start_ms, item.end_ms))) for item in wanted)
    async with _downloader(session, store, settings, archive=archive) as downloader:
        with _progress(session, months, "months") as tick:
            for item in wanted:
                notes = [ReadingNotes()]

                def on_month(done: MonthDone, item: Wanted = item, notes: list[ReadingNotes] = notes) -> None:
                    tick()
                    notes.append(notes[-1].worse(done.notes))
                    session.detail(f"{item.symbol} {done.month}: {done.source}, {done.added.new} new bars")

                try:
                    added = await downloader.download(item, on_month)
                except (RejectedError, ContractError) as error:
                    failures.append(f"{item.symbol}: {error}")
                    continue
                session.note(f"{item.symbol} {item.timeframe}: {added.new} new bars")
                if (item.symbol, item.timeframe) in store.sets():
                    certificates.append(store.certify(item.symbol, item.timeframe, notes[-1]))
    if failures:
        raise missing("; ".join(failures), "what was downloaded is kept; the same command goes on")
    return certificates


@asynccontextmanager
async def _downloader(
    session: CommandSession, store: HistoryStore, settings: Settings, *, archive: bool
) -> AsyncIterator[Downloader]:
    """With its connections: the request weight is shared with the platform, where one runs on the same exchange."""
    from backtester.history.archive import CandleArchive
    from backtester.history.download import Downloader
    from shared.src.exchange.market_data import MarketData
    from shared.src.exchange.public_client import PublicClient
    from shared.src.exchange.weights import WeightBudget

    clock, redis = SystemClock(), _running_redis(session)
    client = PublicClient(settings.rest_url, WeightBudget(redis))
    # a twin is no place of Binance's archive
    months = CandleArchive(settings.binance_archive_url) if archive and not settings.simulator_url else None
    try:
        yield Downloader(store, MarketData(client, clock), clock, archive=months)
    except TransientError as error:
        raise missing(f"download interrupted: {error}", "the same command goes on where it stopped") from error
    except OSError as error:
        raise missing(f"download interrupted: {error}", "free some space; the same command goes on") from error
    finally:
        await client.close()
        if months is not None:
            await months.close()
        if redis is not None:
            await redis.aclose()


def _running_redis(session: CommandSession) -> Redis | None:
    """The running platform's Redis, which holds the budget of request weight of this machine; None: nothing runs."""
    from redis.asyncio import Redis

    known = read_json(session.data.connections_file)
    if known is None or run_state.find(session.data) is None:
        return None
    variables = known["variables"]
    host, port = variables["REDIS_HOST"], int(variables["REDIS_PORT"])
    return Redis(host=host, port=port, password=variables.get("REDIS_PASSWORD") or None)


async def _load(session: CommandSession, store: HistoryStore, url: str, sets: Sequence[tuple[str, Timeframe]]) -> int:
    from dispatcher.src.adapters.postgres_candles import PostgresCandleWriter
    from shared.src.contracts.market import CandleMessage
    from shared.src.database import Database

    database, rows = Database(url, pool_max=1, application="roottrading-cli"), 0
    try:
        writer = PostgresCandleWriter(database)
        for symbol, timeframe in sets:
            for month in store.months(symbol, timeframe):
                with _progress(session, len(month), f"{symbol} bars") as tick:
                    for start in range(0, len(month), BATCH):
                        batch = month.taken(slice(start, start + BATCH)).candles()
                        messages = [
                            CandleMessage.of(candle, source="history", occurred_at_ms=candle.close_time)
                            for candle in batch
                        ]
                        await writer.store(messages)
                        rows += len(messages)
                        tick(len(messages))
    finally:
        await database.close()
    return rows


@contextmanager
def _progress(session: CommandSession, total: int, what: str) -> Iterator[Callable[..., None]]:
    """A bar on standard error; yields what to call as it goes on."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=session.err, transient=True, disable=not session.err.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def tick(steps: int = 1) -> None:
            progress.advance(task, steps)

        yield tick


def _answer(session: CommandSession, certificates: Sequence[Certificate]) -> None:
    """The certificates; the exit code says whether each is one."""
    documents = [certificate.document() for certificate in certificates]
    bad = [f"{item.symbol} {item.timeframe}: {'; '.join(item.reasons)}" for item in certificates if item.reasons]
    session.answer({"ok": not bad, "sets": documents}, lambda out: out.print(_table(documents)))
    session.conclude(ok=not bad, why=f"not certified: {' / '.join(bad)}", remedy="see docs/history.md")


def _unexamined(symbol: str, timeframe: Timeframe) -> dict[str, Any]:
    return {"symbol": symbol, "timeframe": timeframe.value, "certified": False, "reasons": ["never examined"]}


def _table(documents: Sequence[dict[str, Any]]) -> Table:
    table = Table(header_style="bold")
    for name in ("pair", "frame", "bars", "from", "to", "missing", "no trade", "halts", "certified"):
        table.add_column(name, justify="right" if name in {"bars", "missing", "no trade", "halts"} else "left")
    for found in documents:
        if "rows" not in found:
            table.add_row(found["symbol"], found["timeframe"], *[""] * 6, "; ".join(found["reasons"]))
            continue
        table.add_row(
            *(found["symbol"], found["timeframe"], str(found["rows"]), found["from"][:16], found["to"][:16]),
            *(str(found["missing"]["bars"]), str(found["without_trades"]["all"]), str(found["halts"]["count"])),
            "yes" if found["certified"] else "; ".join(found["reasons"]),
        )
    return table
