"""The market of a fixture played in this process, moment by moment, under the caller's clock: no server, no asyncio, no
wall time.

The same code as behind HTTP (``market.player``, ``floor``, ``api.streams.feed``), so a stepped twin and a tape of one
fixture tell the same trades and candles. Deterministic: the same fixture and calls give the same frames to the byte.

    fixture = parse_fixture({
        "seed": 7, "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
        "market": {"kind": "replay", "files": {"BTCUSDC": "BTCUSDC-1m.csv.gz"}}, "symbols": [...],
    })
    engine = Engine(first_id=1)
    tape = Tape(fixture, engine)                     # lists the fixture's symbols on the engine, with their past
    account = engine.add_account("paper", {"USDC": Decimal(1000)})
    while tape.now_ms < end_ms:
        for frame in tape.advance(tape.due_ms):      # or to any later time; nothing between is skipped
            await gateway.on_frame(frame.text())
        for event in tape.account_events():          # executionReport, account position, list status: user_payload()
            ...

Whoever changes the engine in between (an order is placed or cancelled) first lets the tape advance to its own time, and
afterwards asks ``account_events()``, never ``engine.drain()``: the tape counts trades and book changes on the way.
``market_data`` answers what REST asks of candles: ``TwinState(engine, clock, market=tape.market_data)``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from simulator.api.market_data import StoredMarketData
from simulator.api.streams.hub import render, wrapped
from simulator.assembly import build_source, profiles_of
from simulator.engine.exchange import Engine
from simulator.fixture import Fixture, FixtureError
from simulator.floor import AccountNews, TradingFloor
from simulator.market.clock import ClockMode, MarketClock
from simulator.market.player import Player
from simulator.opening import open_market


@dataclass(frozen=True, slots=True)
class StreamFrame:
    """One message of a market stream; ``data`` as Binance sends it, times in ms."""

    stream: str
    data: dict[str, Any]

    def text(self) -> str:
        """The message as combined streams carry it."""
        return wrapped(self.stream, render(self.data))


class MarketPlayer(Protocol):
    """What moves the market of a tape (``market.player.Player`` does)."""

    def open(self) -> None:
        """Make the first offers."""
        ...

    def due(self) -> int:
        """Market time (ms) of the next thing to do."""
        ...

    def moments(self, target_ms: int) -> Iterator[int]:
        """Move the clock to each moment at which something is due, and then to the target."""
        ...

    def play_until(self, market_ms: int) -> bool:
        """Play all that is due by then."""
        ...


class _Collected:
    """An audience that keeps what a fixed set of streams carries. Implements ``api.streams.feed.Audience``."""

    def __init__(self, streams: Sequence[str]) -> None:
        self._streams = dict.fromkeys(streams)
        self.opened: Callable[[str], None] = lambda name: None
        self.frames: list[StreamFrame] = []

    def has(self, name: str) -> bool:
        return name in self._streams

    def names(self) -> list[str]:
        return list(self._streams)

    def publish(self, name: str, build: Callable[[int], Any], *, symbol: str | None = None) -> None:
        if name in self._streams:
            self.frames.append(StreamFrame(name, build(1)))


class Tape:
    """A market in motion. ``streams`` are the names to tell frames of: ``<symbol>@kline_1m`` and
    ``<symbol>@bookTicker`` of every symbol when left out; those that go out at a pace of their own (tickers, depth)
    stay silent. ``player`` makes what moves the market: by default what plays the fixture's own.

    Raises FixtureError for a fixture whose clock is not stepped, ValueError for a symbol that the engine has already.
    """

    def __init__(
        self,
        fixture: Fixture,
        engine: Engine,
        *,
        streams: Sequence[str] | None = None,
        player: Callable[[TradingFloor, MarketClock], MarketPlayer] | None = None,
    ) -> None:
        if fixture.clock.mode is not ClockMode.STEPPED:
            raise FixtureError("a tape is moved by its caller: clock.mode is stepped")
        profiles = profiles_of(fixture)
        source, start_ms = build_source(fixture, profiles)
        self._clock = MarketClock(ClockMode.STEPPED, start_ms=start_ms, monotonic=_stopped, wall=lambda: start_ms)
        candles = open_market(fixture, engine, source, start_ms)
        self._engine = engine
        self._collected = _Collected(default_streams(fixture) if streams is None else streams)
        self._news: list[AccountNews] = []
        self._floor = TradingFloor(
            engine,
            self._clock,
            candles,
            self._collected,
            on_account=self._news.append,
            monotonic=_stopped,
        )
        playing = profiles if fixture.market.kind != "still" else {}
        self._player: MarketPlayer = (
            Player(source, playing, self._floor, self._clock, fixture.seed)
            if player is None
            else player(self._floor, self._clock)
        )
        self._floor.due = self._player.due
        self.candles = candles
        self.market_data = StoredMarketData(candles, self._floor.horizon)
        self._player.open()

    @property
    def now_ms(self) -> int:
        """Market time: what has been played."""
        return self._clock.market_ms()

    @property
    def due_ms(self) -> int:
        """When the market moves next: a step of a symbol, or a minute's end."""
        return self._player.due()

    def advance(self, until_ms: int) -> list[StreamFrame]:
        """Play the market up to and including ``until_ms``; returns what the streams carried since last asked.

        A minute's closed candles come out at its end (its close time + 1 ms), before anything of the next minute.
        Raises ValueError for a time in the past.
        """
        for moment_ms in self._player.moments(until_ms):
            self._player.play_until(moment_ms)
        self._engine.tick(until_ms)
        self._floor.arrive()
        return self.frames()

    def frames(self) -> list[StreamFrame]:
        """What the streams carried since last asked, in order; an order's trades and book changes too."""
        self._floor.flush()
        taken, self._collected.frames = self._collected.frames, []
        return taken

    def account_events(self) -> list[AccountNews]:
        """What happened to accounts since last asked, in order."""
        self._floor.flush()
        taken = list(self._news)
        self._news.clear()
        return taken


def default_streams(fixture: Fixture) -> list[str]:
    """One-minute candles and best prices of every symbol."""
    return [f"{symbol.symbol.lower()}@{kind}" for symbol in fixture.symbols for kind in ("kline_1m", "bookTicker")]


def _stopped() -> float:
    """A wall clock that stands: nothing here is paced by one."""
    return 0.0
