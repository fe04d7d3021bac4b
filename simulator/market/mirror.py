"""The market of another exchange, followed live: its books, trades and candles become what outside participants do.

From the partial book streams (20 levels, every 100 ms) come the outside offers, from the trade streams the outside
takers, so users' resting orders fill as the real market passes them. Candles are those of the mirrored exchange: its
kline stream overwrites what the twin counted, and a minute is closed when its closing candle has arrived (or three
seconds later). After every (re)connect the minutes missed are read over REST.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Protocol

import orjson

from shared.src.clocks import SystemClock
from shared.src.domain.errors import ConfigurationError, TransientError
from shared.src.exchange.market_stream import BinanceWebSocket
from simulator.market.book import Level
from simulator.market.clock import MarketClock
from simulator.market.intervals import MINUTE_MS
from simulator.market.player import Sink
from simulator.market.source import History, Tick
from simulator.market.upstream import Listing, Upstream, stream_row

# How long a minute may stay open to wait for its closing candle
CLOSING_GRACE_MS = 3_000
WATCH_S = 0.05

logger = logging.getLogger(__name__)


class MirrorSink(Sink, Protocol):
    """What a mirror plays into."""

    def candle(self, symbol: str, row: Sequence[int]) -> None:
        """Replace a minute candle by the mirrored exchange's own."""
        ...


class MirrorSource:
    """What the mirrored exchange looked like when the mirror opened.

    Raises TransientError when it does not answer, ConfigurationError when it does not know a symbol.
    """

    steps_per_minute = 1

    def __init__(self, rest: str, streams: str, symbols: list[str]) -> None:
        self.upstream = Upstream(rest)
        self.streams = streams.rstrip("/")
        self.listings = {listing.symbol: listing for listing in self.upstream.listings(symbols)}
        self.decimals: dict[str, int] = {}
        self.books = {symbol: _levels(*self.upstream.book(symbol)) for symbol in symbols}

    def set_decimals(self, decimals: dict[str, int]) -> None:
        """How many decimals amounts of each symbol have."""
        self.decimals = decimals

    def history(self, symbol: str) -> History:
        listing = self.listings[symbol]
        return self.upstream.history(symbol, self.decimals[symbol], self.upstream.server_ms(), listing.last_trade_id)

    def price(self, symbol: str) -> Decimal:
        return self.listings[symbol].last_price

    def minute(self, open_ms: int) -> Sequence[Tick]:
        """Nothing is known of a minute beforehand."""
        return ()

    def listed(self) -> Iterable[Listing]:
        return self.listings.values()


def _levels(bids: Iterable[Sequence[str]], asks: Iterable[Sequence[str]]) -> tuple[list[Level], list[Level]]:
    return (
        [(Decimal(level[0]), Decimal(level[1])) for level in bids],
        [(Decimal(level[0]), Decimal(level[1])) for level in asks],
    )


class MirrorDriver:
    """Follows a mirrored exchange. Only the wall moves it: it cannot be stepped or shifted."""

    def __init__(self, source: MirrorSource, sink: MirrorSink, clock: MarketClock) -> None:
        self._source = source
        self._sink = sink
        self._clock = clock
        self._books = dict(source.books)
        self._frozen: set[str] = set()
        self._depth: dict[str, Decimal] = {}
        # Closing candles of the minute that ends
        self._closed: dict[str, list[int]] = {}
        # Candles of the next minute that came before the last one was closed
        self._early: dict[str, list[int]] = {}
        self._next_minute = (clock.market_ms() // MINUTE_MS + 1) * MINUTE_MS
        self._healed_ms = self._next_minute - 2 * MINUTE_MS
        self.ticks_played = 0
        names = [
            f"{symbol.lower()}@{kind}" for symbol in source.listings for kind in ("depth20@100ms", "trade", "kline_1m")
        ]
        self.socket = BinanceWebSocket(
            source.streams, names, clock=SystemClock(), on_frame=self.on_frame, on_connect=self._heal
        )

    def view(self) -> dict[str, Any]:
        """How the mirror does, for the admin page."""
        return {
            "rest": self._source.upstream.rest,
            "streams": self._source.streams,
            "frames": self.socket.frames,
            "reconnects": self.socket.reconnects,
        }

    @property
    def next_minute_ms(self) -> int:
        """The minute that has not begun."""
        return self._next_minute

    def due(self) -> int:
        """Market time up to which the market may be shown: the last moment of the minute that is open."""
        return self._next_minute - 1

    def open(self) -> None:
        """Put up the offers of the mirrored books."""
        for symbol in self._books:
            self._offer(symbol)
        self._sink.settle()

    def resume(self, next_minute_ms: int) -> None:
        """Go on after a restart: minutes from ``next_minute_ms`` on are healed once connected."""
        self._healed_ms = min(self._healed_ms, next_minute_ms - MINUTE_MS)
        self.open()

    def freeze(self, symbol: str, *, frozen: bool = True) -> None:
        """Let outside participants stay away from a symbol (it is halted), or come back."""
        if frozen:
            self._frozen.add(symbol)
        else:
            self._frozen.discard(symbol)

    def thin(self, symbol: str, depth: float) -> None:
        """Show only a share of what is offered on the mirrored exchange."""
        self._depth[symbol] = Decimal(str(depth))
        self._offer(symbol)

    def gap(self, symbol: str, percent: float) -> None:
        """Raises ValueError: the price is the mirrored exchange's."""
        raise ValueError(f"{symbol} is mirrored: its price cannot be moved")

    async def advance(self, step_ms: int) -> int:
        """Raises ValueError: a mirror runs in real time."""
        raise ValueError("a mirrored market cannot be advanced")

    async def run(self) -> None:
        """Follow for ever; a connection that breaks is opened again."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.socket.run())
            tasks.create_task(self.end_minutes())

    async def end_minutes(self) -> None:
        """Close minute after minute, each once its closing candles are there."""
        while True:
            await self._clock.sleep_until(self._next_minute)
            while not self._minute_is_complete():  # noqa: ASYNC110 - frames and time both complete it
                await asyncio.sleep(WATCH_S)
            # trades that came since a candle closed were counted into it, for want of another
            for symbol, row in self._closed.items():
                self._sink.candle(symbol, row)
            self._closed.clear()
            ended, self._next_minute = self._next_minute, self._next_minute + MINUTE_MS
            self._sink.end_minute(ended)
            early, self._early = self._early, {}
            for symbol, row in early.items():
                self._on_candle(symbol, row, is_closed=False)
            self._sink.settle()

    def _minute_is_complete(self) -> bool:
        late = self._clock.market_ms() >= self._next_minute + CLOSING_GRACE_MS
        return late or len(self._closed) == len(self._source.listings)

    async def on_frame(self, raw: str | bytes) -> None:
        """Take one message of the combined stream."""
        frame = orjson.loads(raw)
        name, data = frame.get("stream", ""), frame.get("data")
        symbol, _, kind = name.partition("@")
        symbol = symbol.upper()
        if symbol not in self._books or not isinstance(data, dict):
            return
        self.ticks_played += 1
        if kind.startswith("depth"):
            self._books[symbol] = _levels(data["bids"], data["asks"])
            self._offer(symbol)
        elif kind == "trade":
            self._on_trade(symbol, Decimal(data["p"]), Decimal(data["q"]), int(data["T"]), taker_buys=not data["m"])
        else:
            kline: dict[str, Any] = data["k"]
            self._on_candle(symbol, stream_row(kline, self._source.decimals[symbol]), is_closed=bool(kline["x"]))
        self._sink.settle()

    def _offer(self, symbol: str) -> None:
        if symbol in self._frozen:
            return
        bids, asks = self._books[symbol]
        share = self._depth.get(symbol)
        if share is not None and share != 1:
            bids, asks = _shrunk(bids, share), _shrunk(asks, share)
        self._sink.move(symbol, bids, asks, self._clock.market_ms())

    def _on_trade(self, symbol: str, price: Decimal, quantity: Decimal, time_ms: int, *, taker_buys: bool) -> None:
        if symbol in self._frozen:
            return
        bids, asks = self._books[symbol]
        # whoever offered better than where it traded is gone already, though the book has not said so yet
        if taker_buys:
            asks = [level for level in asks if level[0] >= price]
        else:
            bids = [level for level in bids if level[0] <= price]
        if (bids, asks) != self._books[symbol]:
            self._books[symbol] = (bids, asks)
            self._offer(symbol)
        self._sink.trade(symbol, price, quantity, taker_buys, min(time_ms, self._clock.market_ms()))
        if taker_buys:
            asks = _taken(asks, price, quantity)
        else:
            bids = _taken(bids, price, quantity)
        self._books[symbol] = (bids, asks)

    def _on_candle(self, symbol: str, row: list[int], *, is_closed: bool) -> None:
        if row[0] >= self._next_minute:
            self._early[symbol] = row
            return
        self._sink.candle(symbol, row)
        if is_closed and row[0] == self._next_minute - MINUTE_MS:
            self._closed[symbol] = row

    async def _heal(self, streams: Sequence[str]) -> None:
        """Read the minutes that went by without us; called on every (re)connect."""
        missing_from, symbols = self._healed_ms, list(self._source.listings)
        for symbol in symbols:
            try:
                rows = await asyncio.to_thread(
                    self._source.upstream.minutes, symbol, self._source.decimals[symbol], start_ms=missing_from
                )
            except (ConfigurationError, TransientError) as error:
                logger.warning("mirrored minutes not read", extra={"symbol": symbol, "reason": str(error)})
                return
            for row in rows.tolist():
                self._on_candle(symbol, row, is_closed=False)
        self._healed_ms = self._next_minute - 2 * MINUTE_MS


def _shrunk(levels: list[Level], share: Decimal) -> list[Level]:
    """The same levels with a share of their size (eight decimals), at least one unit of the last."""
    unit = Decimal("0.00000001")
    return [(price, max(unit, (quantity * share).quantize(unit))) for price, quantity in levels]


def _taken(levels: list[Level], price: Decimal, quantity: Decimal) -> list[Level]:
    """The levels after ``quantity`` was taken at ``price``."""
    left = [(at, amount - quantity if at == price else amount) for at, amount in levels]
    return [(at, amount) for at, amount in left if amount > 0]
