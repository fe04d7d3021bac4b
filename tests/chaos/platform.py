"""Services as real processes on real PostgreSQL, Redis, Kafka and a twin, watched by the auditor while they die."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import psycopg
from redis import Redis

from database.migrate import migrate
from shared.src.config import Settings, load_settings
from shared.src.contracts.signals import StrategyVotes, Vote
from shared.src.contracts.topics import PARTITIONS, VOTES
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel
from tests.chaos.witness import BookReader, ExchangeReader, Hands
from tests.integration.simulator.conftest import RunningTwin, running_twin
from tests.processes import ServiceProcess, environment_of
from tests.simulation.audit.auditor import Auditor
from tests.simulation.facts import Books, Exchange, Limits, Weather
from tests.stack import test_stack

TOKEN = "a-token-for-tests-only"
MINUTE_MS = 60_000
LIMITS = {
    "MAX_POSITION_SIZE": "2000",
    "MAX_CONCURRENT_POSITIONS": "20",
    "MAX_EXPOSURE_PERCENT": "50",
    "MAX_STRATEGY_EXPOSURE_PERCENT": "100",
    "MAX_DAILY_LOSS": "100000",
    "MAX_DAILY_LOSS_PERCENT": "90",
    "MAX_DRAWDOWN_PERCENT": "90",
    "MAX_ORDERS_PER_MINUTE": "1000",
}
# A process that gets less than this part of a processor is not judged by seconds.
STARVED = 8.0
PULSE_S, PULSE_EVERY_S = 0.005, 0.5
SERVICE_FAILED = '"service failed"'
# What lets a critical filter pass: a calm market that goes sideways, in the longest time frame there is.
CALM = {
    "natr": 0.4,
    "bb_width": 0.02,
    "volume_ratio": 1.2,
    "market_regime": "RANGING",
    "higher_timeframe": None,
    "rsi_14": 40.0,
}
STRATEGIES = (("EMA_Cross", "trend_following"), ("RSI_Strategy", "mean_reversion"), ("Breakout_Strategy", "breakout"))


@dataclass(slots=True)
class Conditions:
    """What keeps the platform from its work, in the auditor's terms: wall seconds since the platform began."""

    deaf_s: float | None = None
    down_s: float | None = None
    lost_s: float | None = None
    banned_s: float | None = None
    banned_since_s: float | None = None

    def weather(self) -> Weather:
        return Weather(self.deaf_s, self.down_s, self.lost_s, self.banned_s, self.banned_since_s, blind_since_s=None)


@dataclass(slots=True)
class Supervisor:
    """Starts processes that ended anew, and tells those that ended by themselves from those that were killed."""

    services: Mapping[str, ServiceProcess]
    restart_s: float
    expected: set[str] = field(default_factory=set)
    ended: list[str] = field(default_factory=list)
    kills: int = 0
    restarts: int = 0
    _down: dict[str, float] = field(default_factory=dict)
    _starting: dict[str, float] = field(default_factory=dict)

    def kill(self, name: str) -> None:
        """kill -9, now."""
        if self.services[name].is_running:
            self.expected.add(name)
            self.services[name].kill()
            self.kills += 1

    def look(self) -> None:
        """Start what is down; note what ended unasked because of an error."""
        now = time.monotonic()
        for name, process in self.services.items():
            if process.is_running:
                self._down.pop(name, None)
                continue
            if name not in self._down:
                self._down[name] = now
                self._note(name, process)
            if now - self._down[name] >= self.restart_s:
                self._down.pop(name)
                process.start(wait=False)
                self._starting[name] = now
                self.restarts += 1

    def _note(self, name: str, process: ServiceProcess) -> None:
        if name in self.expected:
            self.expected.discard(name)
        elif SERVICE_FAILED in process.log_text()[-20_000:]:
            self.ended.append(f"{name}: {process.log_text()[-1500:]}")

    def is_down(self, name: str) -> bool:
        """Dead, or started and not healthy yet."""
        if not self.services[name].is_running:
            return True
        if name in self._starting:
            if self.services[name].health()[0] != 200:
                return True
            self._starting.pop(name)
        return False


class Pulse(threading.Thread):
    """How much of a processor a process like ours gets: a little work, again and again, and how long it took.

    On a machine that others keep busy a service waits for its turn, and no bound of seconds can be kept by anybody.
    """

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.slower = 1.0  # times slower than alone
        self.looks = self.starved = 0
        self._ending = threading.Event()

    @property
    def is_starved(self) -> bool:
        return self.slower > STARVED

    def run(self) -> None:
        while not self._ending.wait(PULSE_EVERY_S):
            began, used = time.monotonic(), time.thread_time()
            while time.thread_time() - used < PULSE_S:
                pass
            self.slower = (time.monotonic() - began) / PULSE_S
            self.looks += 1
            self.starved += self.is_starved

    def end(self) -> None:
        self._ending.set()
        self.join()


class Platform:
    """What a run needs: services by name, the twin, SQL, the operator's hands, and the auditor with its eyes."""

    def __init__(
        self,
        settings: Settings,
        twin: RunningTwin,
        services: Mapping[str, ServiceProcess],
        *,
        source: str,
        restart_s: float,
    ) -> None:
        self.settings, self.twin, self.services, self.source = settings, twin, services, source
        self.supervisor = Supervisor(services, restart_s)
        self.hands = Hands()
        self.http = httpx.Client(timeout=70, trust_env=False)
        self.redis: Redis = Redis(
            host=settings.redis_host,
            port=settings.redis_port,
            password=settings.redis_password.get_secret_value() or None,
        )
        self.exchange = ExchangeReader(twin, self.hands)
        self.books = BookReader(settings.database_url, self.redis, self.exchange)
        self.auditor = Auditor()
        self.conditions = Conditions()
        self.limits = Limits(
            settings.max_position_size,
            settings.max_concurrent_positions,
            settings.max_exposure_percent,
            settings.max_daily_loss,
        )
        self.pulse = Pulse()
        self.pulse.start()
        self.looks = 0
        self.last = self.read()

    def close(self) -> None:
        self.pulse.end()
        self.http.close()
        self.books.close()
        self.redis.close()

    @property
    def now_s(self) -> float:
        return self.exchange.seconds(time.time() * 1000)

    # The auditor

    def look(self) -> tuple[Exchange, Books]:
        """Restart what is down, read everything, judge it."""
        self.supervisor.look()
        if self.supervisor.is_down("trader"):
            self.conditions.down_s = self.now_s
        if self.pulse.is_starved:
            self.conditions.lost_s = self.now_s
        exchange, books = self.last = self.read()
        self.auditor.look(exchange, books, self.conditions.weather(), self.limits)
        self.looks += 1
        return exchange, books

    def read(self) -> tuple[Exchange, Books]:
        exchange = self.exchange.read()
        self.books.ended = self.supervisor.ended
        return exchange, self.books.read(exchange)

    def watch(self, seconds: float, every_s: float = 0.2) -> None:
        """Judge for a while."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.look()
            time.sleep(every_s)

    # What is asked of the platform

    def ask(self, service: str, method: str, path: str, body: Any = None, *, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"} | ({"Idempotency-Key": key} if key else {})
        return self.http.request(method, f"{self.services[service].url}{path}", json=body, headers=headers)

    def price(self, symbol: str) -> Decimal:
        """What a unit brings now; the last price while nobody buys."""
        listing = self.exchange.read().listings[symbol]
        return listing.last if listing.bid is None else listing.bid

    def votes(self, symbol: str, side: Side, *, stop_percent: str = "2", target_percent: str = "4") -> str:
        """Strategies agree: what the analyzer would send is put on its stream; answers the id of the message."""
        price, now_ms = self.price(symbol), int(time.time() * 1000)
        buys = side is Side.BUY
        stop = price * (1 - Decimal(stop_percent) / 100) if buys else None
        target = price * (1 + Decimal(target_percent) / 100) if buys else None
        message = StrategyVotes(
            message_id=f"votes:{symbol}:1m:{now_ms}",
            correlation_id=f"chaos-{now_ms}",
            occurred_at=from_ms(now_ms),
            symbol=symbol,
            timeframe=Timeframe.M1,
            time=now_ms - MINUTE_MS,
            close_time=now_ms - 1,
            price=price,
            votes=tuple(
                Vote(
                    message_id=f"{name}:{symbol}:1m:{now_ms}",
                    correlation_id=f"chaos-{now_ms}",
                    occurred_at=from_ms(now_ms),
                    strategy=name,
                    family=family,
                    side=side,
                    strength=0.9,
                    level=StrengthLevel.VERY_STRONG,
                    confidence=0.9,
                    price=price,
                    stop_loss=stop,
                    take_profit=target,
                )
                for name, family in STRATEGIES
            ),
            features=CALM | {"close": float(price), "atr_14": float(price) * 0.01},
        )
        stream = VOTES.stream_of(symbol, PARTITIONS)
        self.redis.xadd(stream, {b"k": symbol.encode(), b"d": VOTES.encode(message)})
        return message.message_id

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.settings.database_url, row_factory=psycopg.rows.dict_row) as connection:
            return list(connection.execute(sql.encode(), parameters).fetchall())


def end_in_order() -> None:
    """Let SIGTERM end this program like an error does: with everything that it started."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


@contextmanager
def running(
    folder: Path,
    names: Sequence[str],
    fixture: Mapping[str, Any],
    *,
    symbols: Sequence[str],
    variables: Mapping[str, str],
    through: str = "",
    restart_s: float = 0.2,
) -> Iterator[Platform]:
    """A stack, a twin on ``fixture`` and the services, all of the run's own; ``variables`` change their settings."""
    with ExitStack() as stack:
        parts = stack.enter_context(test_stack(folder / "stack"))
        twin = stack.enter_context(running_twin(folder, fixture=dict(fixture)))
        own = {name.lower(): value for name, value in parts.environment.items()}
        settings = stack.enter_context(
            own_database(load_settings(**own, trading_symbols=",".join(symbols), **_lower(LIMITS | dict(variables))))
        )
        environment = environment_of(
            settings,
            SIMULATOR_URL=twin.rest,
            BINANCE_API_KEY=twin.key,
            BINANCE_SECRET_KEY=twin.secret,
            API_TOKEN=TOKEN,
            **(LIMITS | dict(variables)),
        )
        services = {name: ServiceProcess(name, environment, folder / f"{name}.log", through=through) for name in names}
        for process in services.values():
            stack.enter_context(_ended(process))
            process.start(wait=False)
        for process in services.values():
            process.wait_healthy()
        platform = Platform(settings, twin, services, source=parts.source, restart_s=restart_s)
        stack.callback(platform.close)
        yield platform


@contextmanager
def _ended(process: ServiceProcess) -> Iterator[None]:
    try:
        yield
    finally:
        if process.is_running:
            process.stop()


@contextmanager
def own_database(settings: Settings) -> Iterator[Settings]:
    """A migrated database of the run's own."""
    name = f"chaos_{time.time_ns()}"
    with psycopg.connect(settings.database_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    own = settings.model_copy(update={"pgdatabase": name})
    migrate(own.database_url)
    try:
        yield own
    finally:
        with psycopg.connect(settings.database_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _lower(variables: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in variables.items()}
