"""Keeps a twin over a restart: accounts, orders, books and keys in one file, candles in a second beside it.

The first file is written within a second of any change and at the end, the candles every minute and at the end; both
atomically. Reading them back accepts nothing but the twin's own types. While the twin is down its market goes on:
what a real or accelerated clock passed over is played when it comes back, so that resting orders meet the prices they
missed.
"""

import asyncio
import io
import pickle
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.src.domain.errors import ConfigurationError
from simulator.doors.auth import ApiKey, load_key
from simulator.engine.events import AggTradeEvent, TradeEvent
from simulator.engine.exchange import Exchange
from simulator.engine.tape import Tape
from simulator.fixture import Fixture, parse_fixture
from simulator.market.candles import CandleStore
from simulator.market.clock import ClockMode, wall_ms
from simulator.market.intervals import MINUTE_MS
from simulator.twin import Twin
from simulator.world import World

VERSION = 1
SAVE_EVERY_S = 1.0
CANDLES_EVERY_S = 60.0
# Time left to the clients for each second of writing
REST_SHARE = 30
# Public trades kept over a restart, per symbol
TRADES_KEPT = 200
# A longer gap is skipped instead of played
GAP_MINUTES_MAX = 240

_ALLOWED_MODULES = ("simulator.", "decimal", "collections")
_ALLOWED_BUILTINS = frozenset({"dict", "list", "tuple", "set", "frozenset", "int", "str", "getattr"})
_ALLOWED_NUMPY = frozenset({"_reconstruct", "ndarray", "dtype", "_frombuffer", "scalar"})


@dataclass(frozen=True, slots=True)
class Saved:
    """What the first file holds."""

    version: int
    fixture: dict[str, Any]
    start_ms: int
    market_ms: int
    wall_ms: int
    skew_ms: int
    next_minute_ms: int
    exchange: Exchange
    keys: list[tuple[str, str, str, str]]
    algos: dict[int, dict[str, Any]]


def _tape(state: dict[str, Any], trades: list[TradeEvent], aggregates: list[AggTradeEvent]) -> Tape:
    tape = Tape(state["symbol"])
    tape.__dict__.update(state)
    tape.trades.extend(trades)
    tape.aggregates.extend(aggregates)
    return tape


class _Pickler(pickle.Pickler):
    """Leaves out all but the newest public trades."""

    def reducer_override(self, obj: Any) -> Any:
        if not isinstance(obj, Tape):
            return NotImplemented
        state = {name: value for name, value in obj.__dict__.items() if name not in ("trades", "aggregates")}
        return _tape, (state, list(obj.trades)[-TRADES_KEPT:], list(obj.aggregates)[-TRADES_KEPT:])


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        allowed = (
            module.startswith(_ALLOWED_MODULES)
            or (module == "builtins" and name in _ALLOWED_BUILTINS)
            or (module.startswith("numpy") and name in _ALLOWED_NUMPY)
        )
        if not allowed:
            raise pickle.UnpicklingError(f"{module}.{name} has no place in a state file")
        return super().find_class(module, name)


def _write(path: Path, value: Any) -> None:
    buffer = io.BytesIO()
    _Pickler(buffer, protocol=5).dump(value)
    part = path.with_name(path.name + ".part")
    part.write_bytes(buffer.getvalue())
    part.replace(path)


def _read(path: Path) -> Any:
    with path.open("rb") as stream:
        return _Unpickler(stream).load()


def candles_file(state_file: Path) -> Path:
    """Where the candles of a state file are."""
    return state_file.with_name(state_file.name + ".candles")


class Keeper:
    """Writes a twin's state while it runs."""

    def __init__(self, twin: Twin, path: Path) -> None:
        self._twin = twin
        self._path = path
        self._saved_change = -1
        path.parent.mkdir(parents=True, exist_ok=True)

    async def run(self) -> None:
        """Save for ever."""
        candles_due = 0.0
        while True:
            began = time.monotonic()
            if self._twin.changes != self._saved_change:
                self.save_state()
            if began >= candles_due:
                _write(candles_file(self._path), self._twin.candles)
                candles_due = began + CANDLES_EVERY_S
            # a long history takes long to write: clients must not feel it
            await asyncio.sleep(max(SAVE_EVERY_S, REST_SHARE * (time.monotonic() - began)))

    def save(self) -> None:
        """Save everything."""
        self.save_state()
        _write(candles_file(self._path), self._twin.candles)

    def save_state(self) -> None:
        """Save all but the candles."""
        twin = self._twin
        self._saved_change = twin.changes
        saved = Saved(
            version=VERSION,
            fixture=twin.world.fixture.model_dump(mode="json"),
            start_ms=twin.clock.start_ms,
            market_ms=twin.clock.market_ms(),
            wall_ms=wall_ms(),
            skew_ms=twin.clock.skew_ms,
            next_minute_ms=twin.driver.next_minute_ms,
            exchange=twin.exchange,
            keys=[(key.account, key.api_key, key.secret_key, key.key_type) for key in twin.world.keys.values()],
            algos=twin.state.algos,
        )
        _write(self._path, saved)


def load(path: Path) -> Saved:
    """Read a state file. Raises ConfigurationError when it is not one, or of another version."""
    try:
        saved = _read(path)
    except (OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError) as error:
        raise ConfigurationError(f"{path} is not a state file of the twin: {error}") from error
    if not isinstance(saved, Saved) or saved.version != VERSION:
        raise ConfigurationError(f"{path} was written by another version of the twin")
    return saved


def restore(path: Path, fixture: Fixture | None = None) -> Twin:
    """A twin that goes on where the state file ends. `fixture` is used only when there is no such file.

    Raises ConfigurationError when the file is not a state file.
    """
    if not path.exists():
        if fixture is None:
            raise ConfigurationError(f"there is no state file {path}")
        return Twin(fixture)
    saved = load(path)
    world = World(parse_fixture(saved.fixture), start_ms=saved.start_ms)
    world.exchange = saved.exchange
    world.keys = {key[1]: _key(*key) for key in saved.keys}
    world.clock.resume(_market_now(saved, world), skew_ms=saved.skew_ms)
    stored = _stored_candles(candles_file(path))
    if stored is not None:
        world.candles = stored
    gap_minutes = (world.clock.market_ms() - saved.next_minute_ms) // MINUTE_MS
    skip = gap_minutes > GAP_MINUTES_MAX
    twin = Twin(world.fixture, world=world, resume_ms=None if skip else saved.next_minute_ms)
    twin.state.algos.update(saved.algos)
    return twin


def _stored_candles(path: Path) -> CandleStore | None:
    """Candles are worth keeping, not worth failing for: without them the market's history is made again."""
    with suppress(OSError, pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError):
        stored = _read(path)
        if isinstance(stored, CandleStore):
            return stored
    return None


def _market_now(saved: Saved, world: World) -> int:
    """Market time at this moment: the market went on while the twin was down, unless it is moved by hand."""
    match world.clock.mode:
        case ClockMode.STEPPED:
            return saved.market_ms
        case ClockMode.REAL:
            return max(saved.market_ms, wall_ms())
        case _:
            return saved.market_ms + int(max(0, wall_ms() - saved.wall_ms) * world.clock.speed)


def _key(account: str, api_key: str, secret_key: str, key_type: str) -> ApiKey:
    return load_key(account, api_key, secret_key, key_type)
