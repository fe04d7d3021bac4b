"""Keeps a twin over a restart, in one SQLite file: accounts, orders, books and keys, candles and public trades.

What changed is written within a second, candles and public trades every minute and at the end; each time in one
transaction, so that a file is whole whenever the process dies. What is in it is JSON (``simulator.engine.records``) and
arrays of numbers: reading a file runs nothing that came with it. While the twin is down its market goes on: what a real
or accelerated clock passed over is played when it comes back, so that resting orders meet the prices they missed.
"""

import asyncio
import io
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from pydantic import TypeAdapter

from shared.src.domain.errors import ConfigurationError
from simulator.api.auth import load_key
from simulator.api.rest.sapi import Twap
from simulator.engine.exchange import Engine
from simulator.engine.records import Batch, RecordError, changes, everything, tape_record
from simulator.engine.restore import restore as restore_exchange
from simulator.fixture import Fixture, parse_fixture
from simulator.market.candle_store import TwinCandles
from simulator.market.candles import SymbolCandles
from simulator.market.clock import ClockMode, wall_ms
from simulator.market.intervals import MINUTE_MS
from simulator.market.series import Rows
from simulator.twin import Twin
from simulator.world import World

# "RTwn" in the header of the file, and what its tables look like
APPLICATION_ID = 0x5254776E
VERSION = 2
SAVE_EVERY_S = 1.0
CANDLES_EVERY_S = 60.0
# Time left to the clients for each second of writing; a second in which the whole machine stood still is no writing
REST_SHARE = 30
REST_S_MAX = 30.0
# A longer gap is skipped instead of played
GAP_MINUTES_MAX = 240

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, key TEXT NOT NULL, document TEXT NOT NULL, PRIMARY KEY (kind, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS candles (
    symbol TEXT PRIMARY KEY, document TEXT NOT NULL, minutes BLOB NOT NULL, hours BLOB NOT NULL
);
"""
_ALGOS = TypeAdapter(dict[int, Twap])


@dataclass(frozen=True, slots=True)
class Saved:
    """What a state file holds, candles aside."""

    fixture: dict[str, Any]
    start_ms: int
    market_ms: int
    wall_ms: int
    skew_ms: int
    next_minute_ms: int
    exchange: Engine
    keys: list[tuple[str, str, str, str]]
    algos: dict[int, Twap]
    # Files of earlier versions have none.
    delistings: dict[str, int] = field(default_factory=dict)


def _open(path: Path) -> sqlite3.Connection:
    """Open or create a state file. Raises ConfigurationError for a file that is none, or of another version."""
    database = sqlite3.connect(path, isolation_level=None)
    try:
        _check(database, path)
    except sqlite3.DatabaseError as error:
        database.close()
        raise _refusal(path, f"it is not a state file of the twin ({error})") from error
    except ConfigurationError:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    if database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        owner = database.execute("PRAGMA application_id").fetchone()[0]
        version = database.execute("PRAGMA user_version").fetchone()[0]
        if owner != APPLICATION_ID:
            raise _refusal(path, "it is a database of another program")
        if version != VERSION:
            raise _refusal(path, f"it has version {version}, this twin reads and writes version {VERSION}")
    # A killed process loses nothing of a finished transaction; the file is never half-written.
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.executescript(_TABLES)
    database.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {VERSION}")


def _refusal(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"{path} cannot be used: {reason}. Move it away to start with a new exchange, or use the version that wrote it"
    )


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


class StateWriter:
    """Writes a twin's state while it runs."""

    def __init__(self, twin: Twin, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._twin = twin
        self._database = _open(path)
        self._saved_change = -1
        # The exchange that is in the file; another one (a reset, a failed write) is written whole.
        self._known: Engine | None = None

    async def run(self) -> None:
        """Save for ever."""
        candles_due = 0.0
        while True:
            began = time.monotonic()
            if self._twin.changes != self._saved_change:
                self.save_state()
            if began >= candles_due:
                self.save_candles()
                candles_due = began + CANDLES_EVERY_S
            # clients must not feel a large market being written
            rest_s = min(REST_SHARE * (time.monotonic() - began), REST_S_MAX)
            await asyncio.sleep(max(SAVE_EVERY_S, rest_s))

    def save(self) -> None:
        """Save everything."""
        self.save_state()
        self.save_candles()

    def close(self) -> None:
        self._database.close()

    def save_state(self) -> None:
        """Save all but candles and public trades."""
        twin, known = self._twin, self._known
        exchange = twin.exchange
        self._saved_change, self._known = twin.changes, None
        if exchange is known:
            batch = changes(exchange)
        else:
            exchange.keep_track()
            batch = everything(exchange)
        facts = {
            "fixture": twin.world.fixture.model_dump(mode="json"),
            "start_ms": twin.clock.start_ms,
            "market_ms": twin.clock.market_ms(),
            "wall_ms": wall_ms(),
            "skew_ms": twin.clock.skew_ms,
            "next_minute_ms": twin.driver.next_minute_ms,
            "keys": [(key.account, key.api_key, key.secret_key, key.key_type) for key in twin.world.keys.values()],
            "algos": _ALGOS.dump_python(twin.state.algos, mode="json"),
            "delistings": twin.state.delistings,
        }
        with _transaction(self._database):
            if exchange is not known:
                self._database.execute("DELETE FROM records")
            self._write(batch)
            self._database.executemany(
                "INSERT OR REPLACE INTO facts VALUES (?, ?)",
                [(name, _json(value)) for name, value in facts.items()],
            )
        self._known = exchange

    def _write(self, batch: Batch) -> None:
        self._database.executemany("DELETE FROM records WHERE kind = ? AND key = ?", batch.removed)
        self._database.executemany(
            "INSERT OR REPLACE INTO records VALUES (?, ?, ?)",
            [(record.kind, record.key, _json(record.document)) for record in batch.records.values()],
        )

    def save_candles(self) -> None:
        """Save candles and public trades."""
        batch = Batch()
        for market in self._twin.exchange.markets.values():
            batch.add(tape_record(market))
        rows = []
        for symbol in self._twin.candles.symbols():
            document, minutes, hours = self._twin.candles[symbol].state()
            rows.append((symbol, _json(document), _bytes(minutes), _bytes(hours)))
        with _transaction(self._database):
            self._write(batch)
            self._database.execute("DELETE FROM candles")
            self._database.executemany("INSERT INTO candles VALUES (?, ?, ?, ?)", rows)


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()


def _bytes(rows: Rows) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    return buffer.getvalue()


def load(path: Path) -> Saved:
    """Read a state file. Raises ConfigurationError when it is none, damaged, or of another version."""
    with closing(_open(path)) as database:
        rows = database.execute("SELECT kind, document FROM records").fetchall()
        values = {name: orjson.loads(value) for name, value in database.execute("SELECT name, value FROM facts")}
    try:
        values["algos"] = _ALGOS.validate_python(values["algos"])
        values["exchange"] = restore_exchange((kind, orjson.loads(document)) for kind, document in rows)
        return Saved(**values)
    except (RecordError, KeyError, TypeError, ValueError) as error:
        raise _refusal(path, f"{error}") from error


def _stored_candles(path: Path) -> TwinCandles:
    """The candles of a state file; those of the last minute may be missing."""
    store = TwinCandles()
    with closing(_open(path)) as database:
        for symbol, document, minutes, hours in database.execute("SELECT * FROM candles"):
            store.put(SymbolCandles.restored(symbol, orjson.loads(document), _rows(minutes), _rows(hours)))
    return store


def _rows(content: bytes) -> Rows:
    rows: Rows = np.load(io.BytesIO(content), allow_pickle=False)
    return rows


def restore(path: Path, fixture: Fixture | None = None) -> Twin:
    """A twin that goes on where the state file ends. ``fixture`` is used only when there is no such file.

    Raises ConfigurationError when the file is not a state file.
    """
    if not path.exists():
        if fixture is None:
            raise ConfigurationError(f"there is no state file {path}")
        return Twin(fixture)
    saved = load(path)
    world = World(parse_fixture(saved.fixture), start_ms=saved.start_ms)
    world.exchange = saved.exchange
    world.keys = {key[1]: load_key(*key) for key in saved.keys}
    world.clock.resume(_market_now(saved, world), skew_ms=saved.skew_ms)
    stored = _stored_candles(path)
    if set(stored.symbols()) == set(world.exchange.markets):
        world.candles = stored
    gap_minutes = (world.clock.market_ms() - saved.next_minute_ms) // MINUTE_MS
    skip = gap_minutes > GAP_MINUTES_MAX
    twin = Twin(world.fixture, world=world, resume_ms=None if skip else saved.next_minute_ms)
    twin.state.algos.update(saved.algos)
    twin.state.delistings.update(saved.delistings)
    _freeze(twin, world.exchange.markets)
    return twin


def _freeze(twin: Twin, symbols: Iterable[str]) -> None:
    """What was halted stays halted."""
    for symbol in symbols:
        if twin.exchange.market(symbol).rules.status != "TRADING":
            twin.driver.freeze(symbol, frozen=True)


def _market_now(saved: Saved, world: World) -> int:
    """Market time at this moment: the market went on while the twin was down, unless it is moved by hand."""
    match world.clock.mode:
        case ClockMode.STEPPED:
            return saved.market_ms
        case ClockMode.REAL:
            return max(saved.market_ms, wall_ms())
        case _:
            return saved.market_ms + int(max(0, wall_ms() - saved.wall_ms) * world.clock.speed)
