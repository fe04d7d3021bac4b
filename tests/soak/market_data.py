"""Hours of market through the real gateway and dispatcher, while everything that can go wrong does.

    python -m tests.soak.market_data --hours 48 --seed 7 [--speed 320] [--symbols 6] [--kills 12] [--freezes 6]

The twin plays an accelerated market; its streams stall, break, repeat, swap, delay and lose messages, its REST answers
fail and refuse; gateway and dispatcher are killed; stored candles are made wrong or vanish. At the end every stored
candle of every time frame is compared with the twin's own, and so is every candle that decisions were made on. Prints
progress on stderr and a result as JSON; exit code 1 when anything differs.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import redis

from database.migrate import migrate
from shared.src.config import Settings, load_settings
from shared.src.contracts.topics import CANDLE_CLOSED, PARTITIONS, PARTITIONS_KEY
from shared.src.domain.candles import STORED_TIMEFRAMES, Timeframe
from simulator.market.symbols import DEFAULT_PROFILES, default_symbols
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.processes import ServiceProcess, environment_of
from tests.soak.faults import BAD_MOMENTS, bad_moments
from tests.stack import test_stack

START = "2026-01-01T00:00:00Z"
HISTORY_MINUTES = 3_000
WARMUP = 200
SETTLE_S_MAX = 90
PROGRESS_S = 15.0
FROZEN_S = 8.0
MINUTE_MS = 60_000

Bar = tuple[str, str, int]
Values = tuple[Any, ...]


@dataclass
class Plan:
    """What to run. ``speed``: market seconds per second; ``pace`` stretches or shortens the bad moments."""

    hours: float
    seed: int = 7
    speed: float = 320.0
    symbols: int = 6
    kills: int = 0
    freezes: int = 0
    faults: bool = True
    pace: float = 1.0


@dataclass
class Result:
    """What came of it; ``ok`` when nothing differs."""

    plan: dict[str, Any]
    stack: str = ""
    wall_s: float = 0.0
    market_hours: float = 0.0
    compared: dict[str, int] = field(default_factory=dict)
    different: int = 0
    missing: int = 0
    surplus: int = 0
    not_decided: int = 0
    decided_twice_alike: int = 0
    decided_twice_differently: int = 0
    faults: dict[str, int] = field(default_factory=dict)
    kills: dict[str, int] = field(default_factory=dict)
    freezes: dict[str, int] = field(default_factory=dict)
    tampered: int = 0
    gateway: dict[str, Any] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        bad = self.different + self.missing + self.surplus + self.not_decided + self.decided_twice_differently
        return bad == 0 and bool(self.compared)


class Decisions(threading.Thread):
    """Listens to the stream that decisions are made on, like a consumer that never sleeps."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        self._client = redis.Redis(
            host=settings.redis_host,
            port=settings.redis_port,
            db=settings.redis_db,
            password=settings.redis_password.get_secret_value() or None,
        )
        self.seen: dict[Bar, Values] = {}
        self.alike = self.differently = 0
        self.changed: list[str] = []
        self._ends = threading.Event()
        stored: Any = self._client.get(PARTITIONS_KEY)
        self._positions: dict[Any, Any] = dict.fromkeys(CANDLE_CLOSED.streams(int(stored or PARTITIONS)), "0")

    def run(self) -> None:
        while not self._ends.is_set():
            self.read(200)

    def read(self, block_ms: int) -> None:
        answer: Any = self._client.xread(self._positions, count=2_000, block=block_ms)
        for stream, entries in answer or ():
            for entry_id, fields in entries:
                self._positions[stream.decode()] = entry_id
                self._note(json.loads(fields[b"d"]))

    def _note(self, candle: dict[str, Any]) -> None:
        bar = (candle["symbol"], candle["timeframe"], candle["time"])
        names = ("open", "high", "low", "close", "volume", "quote_asset_volume")
        values = (*(Decimal(candle[name]) for name in names), candle["number_of_trades"])
        before = self.seen.setdefault(bar, values)
        if before is not values:
            self.alike += before == values
            self.differently += before != values
            if before != values:
                as_text = [", ".join(map(str, each)) for each in (before, values)]
                self.changed.append(f"decided twice: {bar} {as_text[0]} then {as_text[1]}, {candle['source']}")

    def stop(self) -> None:
        self._ends.set()
        self.join(5)


class Trouble:
    """Sets faults and kills processes, by the plan, while time goes by."""

    def __init__(
        self,
        plan: Plan,
        twin: RunningTwin,
        processes: dict[str, ServiceProcess],
        settings: Settings,
        result: Result,
    ) -> None:
        self._twin, self._processes, self._result = twin, processes, result
        self._moments = bad_moments(plan.seed)
        self._faults, self._pace = plan.faults, plan.pace
        random = Random(plan.seed + 1)
        wall_s = plan.hours * 3600 / plan.speed
        names = sorted(processes) * plan.kills
        self._kills = sorted((random.uniform(0.1, 0.85) * wall_s, name) for name in names[: plan.kills])
        names = sorted(processes) * plan.freezes
        self._freezes = sorted((random.uniform(0.1, 0.85) * wall_s, name) for name in names[: plan.freezes])
        self._thaws: list[tuple[float, str]] = []
        self._settings = settings
        self._tampers = [0.3 * wall_s, 0.6 * wall_s]
        self._began = time.monotonic()
        self._until = self._next = self._began + 2.0
        self._is_bad = False
        self._pause = 0.0

    def go_on(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self._kills and now - self._began > self._kills[0][0]:
            _, name = self._kills.pop(0)
            self._processes[name].kill()
            self._processes[name].start(wait=False)
            self._result.kills[name] = self._result.kills.get(name, 0) + 1
        self._freeze_and_thaw(now)
        if self._tampers and now - self._began > self._tampers[0]:
            self._tampers.pop(0)
            self._result.tampered += tamper(self._settings)
        if not self._faults or now < self._next:
            return
        if self._is_bad:
            self._twin.do("DELETE", "/faults", {})
            self._next = now + self._pause * self._pace
        else:
            faults, seconds, self._pause = next(self._moments)
            for fault in faults:
                self._twin.do("POST", "/faults", fault)
                self._result.faults[fault["fault"]] = self._result.faults.get(fault["fault"], 0) + 1
            self._next = now + seconds * self._pace
        self._is_bad = not self._is_bad

    def _freeze_and_thaw(self, now: float) -> None:
        if self._freezes and now - self._began > self._freezes[0][0]:
            _, name = self._freezes.pop(0)
            self._processes[name].signal(signal.SIGSTOP)
            self._thaws.append((now + FROZEN_S, name))
            self._result.freezes[name] = self._result.freezes.get(name, 0) + 1
        while self._thaws and now > self._thaws[0][0]:
            self._processes[self._thaws.pop(0)[1]].signal(signal.SIGCONT)

    @property
    def is_complete(self) -> bool:
        """Everything that was to go wrong has, at least once."""
        kinds = {fault["fault"] for fault, _ in BAD_MOMENTS} if self._faults else set()
        waiting = self._kills or self._freezes or self._thaws or self._tampers
        return not waiting and kinds <= set(self._result.faults)

    def end(self) -> None:
        if self._faults:
            self._twin.do("DELETE", "/faults", {})


def fixture(plan: Plan) -> dict[str, Any]:
    """A synthetic market that began long enough ago to warm up on."""
    profiles = DEFAULT_PROFILES[: plan.symbols]
    names = {profile.symbol for profile in profiles}
    return {
        "seed": plan.seed,
        "clock": {"mode": "accelerated", "speed": plan.speed, "start": START},
        "market": {"kind": "synthetic", "history_minutes": HISTORY_MINUTES, "steps_per_minute": 4},
        "symbols": [symbol for symbol in default_symbols() if symbol["symbol"] in names],
        "limits": {"connections_5m": 10_000, "connection_life_s": 60.0},
    }


@contextmanager
def database(settings: Settings) -> Iterator[Settings]:
    """A migrated database of the run's own."""
    name = f"soak_{int(time.monotonic() * 1000)}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    own = settings.model_copy(update={"pgdatabase": name})
    migrate(own.database_url)
    try:
        yield own
    finally:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def exchange_candles(twin: RunningTwin, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> Iterator[Any]:
    """The twin's own closed candles that open at or after ``start_ms`` and closed by ``end_ms``."""
    cursor = start_ms
    while cursor < end_ms:
        rows = twin.get(
            "/api/v3/klines", symbol=symbol, interval=timeframe.value, startTime=cursor, endTime=end_ms, limit=1000
        )
        for row in rows:
            if row[6] < end_ms:
                yield row
        if len(rows) < 1000:
            return
        cursor = rows[-1][0] + timeframe.milliseconds


STORED = (
    "SELECT (extract(epoch FROM time) * 1000)::bigint, open, high, low, close, volume, quote_asset_volume,"
    " number_of_trades, taker_buy_base_asset_volume, taker_buy_quote_asset_volume FROM market_data"
    " WHERE symbol = %s AND timeframe = %s AND time >= to_timestamp(%s)"
)


class Comparison:
    """Stored and decided candles against the twin's, from ``start_ms`` to ``end_ms``."""

    def __init__(self, settings: Settings, twin: RunningTwin, decisions: Decisions, result: Result) -> None:
        self._settings, self._twin, self._decisions, self._result = settings, twin, decisions, result

    def run(self, start_ms: int, end_ms: int) -> None:
        with psycopg.connect(self._settings.database_url) as connection:
            for symbol in self._settings.trading_symbols:
                for timeframe in STORED_TIMEFRAMES:
                    self._one(connection, symbol, timeframe, start_ms, end_ms)
        self._result.decided_twice_alike = self._decisions.alike
        self._result.decided_twice_differently = self._decisions.differently
        self._result.examples += self._decisions.changed[:20]

    def _one(self, connection: Any, symbol: str, timeframe: Timeframe, start_ms: int, end_ms: int) -> None:
        result = self._result
        stored = {row[0]: row[1:] for row in connection.execute(STORED, [symbol, timeframe.value, start_ms / 1000])}
        numbers = 0
        for row in exchange_candles(self._twin, symbol, timeframe, start_ms, end_ms):
            wanted = (*map(Decimal, row[1:6]), Decimal(row[7]), row[8], Decimal(row[9]), Decimal(row[10]))
            numbers += 1
            found = stored.pop(row[0], None)
            if found is None:
                self._note("missing", symbol, timeframe, row[0])
            elif found != wanted:
                self._note("different", symbol, timeframe, row[0], f"{found} is not {wanted}")
            if (symbol, timeframe.value, row[0]) not in self._decisions.seen:
                self._note("not_decided", symbol, timeframe, row[0])
        for open_ms in stored:
            if open_ms + timeframe.milliseconds <= end_ms:
                self._note("surplus", symbol, timeframe, open_ms)
        result.compared[timeframe.value] = result.compared.get(timeframe.value, 0) + numbers

    def _note(self, kind: str, symbol: str, timeframe: Timeframe, open_ms: int, text: str = "") -> None:
        setattr(self._result, kind, getattr(self._result, kind) + 1)
        if len(self._result.examples) < 20:
            self._result.examples.append(f"{kind}: {symbol} {timeframe} {open_ms} {text}")


def newest_minutes(settings: Settings) -> dict[str, int]:
    """Open time of each symbol's newest stored minute."""
    with psycopg.connect(settings.database_url) as connection:
        rows = connection.execute(
            "SELECT symbol, (extract(epoch FROM max(time)) * 1000)::bigint FROM market_data"
            " WHERE timeframe = '1m' GROUP BY symbol"
        ).fetchall()
    return dict(rows)


def tamper(settings: Settings) -> int:
    """Make a stored candle wrong and another one vanish behind the platform's back; answers how many."""
    changed = 0
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        for symbol in settings.trading_symbols[:2]:
            for change in ("UPDATE market_data SET close = low, volume = volume + 1", "DELETE FROM market_data"):
                frame = "5m" if change.startswith("UPDATE") else "3m"
                changed += connection.execute(
                    f"{change} WHERE (symbol, timeframe, time) = (SELECT symbol, timeframe, time FROM market_data"
                    " WHERE symbol = %s AND timeframe = %s ORDER BY time DESC LIMIT 1 OFFSET 3)",
                    [symbol, frame],
                ).rowcount
    return changed


def market_ms(twin: RunningTwin) -> int:
    return int(twin.do("GET", "/clock")["market_ms"])


def run(plan: Plan, folder: Path, settings: Settings, stack: str, *, talk: bool = True) -> Result:
    """Play the plan on the databases of ``settings``; answers what came of it."""
    result = Result(asdict(plan), stack=stack)
    began = time.monotonic()
    with running_twin(folder, fixture=fixture(plan)) as twin:
        clock = twin.do("GET", "/clock")
        environment = environment_of(
            settings,
            SIMULATOR_URL=twin.rest,
            PLATFORM_CLOCK=f"{plan.speed}@{clock['market_ms']}@{clock['wall_ms']}",
            WARMUP_CANDLES=str(WARMUP),
            STREAM_SILENCE_S="2.5",
            STREAM_LIFE_S="20",
            VERIFY_EVERY_S="4",
        )
        processes = {
            name: ServiceProcess(name, environment, folder / f"{name}.log") for name in ("gateway", "dispatcher")
        }
        decisions = Decisions(settings)
        decisions.start()
        try:
            for process in processes.values():
                process.start()
            # minutes before all is up may come as history, on which nothing is decided
            start_ms = -(-market_ms(twin) // (15 * MINUTE_MS)) * 15 * MINUTE_MS
            end_ms = start_ms + int(plan.hours * 3_600_000)
            end_ms = _play(plan, twin, processes, result, settings, end_ms, talk=talk)
            _settle(twin, settings, end_ms)
            _decided(decisions)
            result.gateway = dict(processes["gateway"].diagnostic()["details"])
            Comparison(settings, twin, decisions, result).run(start_ms, end_ms)
            result.market_hours = round((end_ms - start_ms) / 3_600_000, 2)
        finally:
            decisions.stop()
            for process in processes.values():
                process.stop()
    result.wall_s = round(time.monotonic() - began, 1)
    return result


def _play(
    plan: Plan,
    twin: RunningTwin,
    processes: dict[str, ServiceProcess],
    result: Result,
    settings: Settings,
    end_ms: int,
    *,
    talk: bool,
) -> int:
    """Until the market reached ``end_ms`` and everything has gone wrong that was to; answers where it ended."""
    trouble, told = Trouble(plan, twin, processes, settings, result), time.monotonic()
    while (now_ms := market_ms(twin)) < end_ms + 2 * MINUTE_MS or not trouble.is_complete:
        trouble.go_on()
        time.sleep(0.1)
        if talk and time.monotonic() - told > PROGRESS_S:
            told = time.monotonic()
            newest = newest_minutes(settings)
            behind = (now_ms - min(newest.values(), default=0)) // MINUTE_MS
            left = (end_ms - now_ms) / 3_600_000
            print(
                f"{left:.1f} h of market left, {behind} min behind, {sum(result.faults.values())} faults, "
                f"kills {result.kills}",
                file=sys.stderr,
                flush=True,
            )
    trouble.end()
    return now_ms // MINUTE_MS * MINUTE_MS - 2 * MINUTE_MS


def _settle(twin: RunningTwin, settings: Settings, end_ms: int) -> None:
    """Until everything that closed by the end is stored, or it has had its time."""
    deadline = time.monotonic() + SETTLE_S_MAX
    while min(newest_minutes(settings).values(), default=0) < end_ms and time.monotonic() < deadline:
        time.sleep(0.5)


def _decided(decisions: Decisions) -> None:
    """Until nothing comes any more but what is new."""
    time.sleep(2.0)
    assert decisions.is_alive(), "the listener ended"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hours", type=float, default=48.0, help="market hours")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--speed", type=float, default=320.0, help="market seconds per second")
    parser.add_argument("--symbols", type=int, default=6)
    parser.add_argument("--kills", type=int, default=12, help="kill -9 of gateway and dispatcher in turn")
    parser.add_argument("--freezes", type=int, default=0, help=f"both stand still for {FROZEN_S:.0f} s in turn")
    parser.add_argument("--no-faults", action="store_true")
    options = parser.parse_args()
    plan = Plan(
        options.hours,
        options.seed,
        options.speed,
        options.symbols,
        options.kills,
        options.freezes,
        faults=not options.no_faults,
    )
    names = ",".join(profile.symbol for profile in DEFAULT_PROFILES[: plan.symbols])
    with tempfile.TemporaryDirectory() as place, test_stack(Path(place) / "stack") as stack:
        values = {name.lower(): value for name, value in stack.environment.items()}
        folder = Path(place)
        with database(load_settings(**values, trading_symbols=names)) as settings:
            result = run(plan, folder, settings, stack.source)
    print(json.dumps(asdict(result) | {"ok": result.ok}, indent=1, default=str))
    return 0 if result.ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
