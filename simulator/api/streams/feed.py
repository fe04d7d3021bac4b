"""From what happens on the exchange to what market streams carry, at Binance's pace.

Trades and best prices go out as they happen; book differences every 100 or 1000 ms; candles when they change, at most
every 2 s of market time (1 s for 1s candles), and each closed candle exactly once; tickers once a second when they
changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from shared.src.domain.orders import Side
from simulator.api.payloads import market as payloads
from simulator.api.streams.names import DAY_MS, WINDOWS, StreamName, parse_name
from simulator.engine.events import AggTradeEvent, BookEvent, TradeEvent
from simulator.engine.exchange import Engine
from simulator.market import series as column
from simulator.market.candle_store import TwinCandles
from simulator.market.clock import ClockMode, MarketClock
from simulator.market.intervals import candle_start, next_start

# Streams of a market faster than real time are still read by real programs
WALL_GAP_S = 0.2
IDLE_GAP_S = 2.0
CATCH_UP_CANDLES = 1_000
NOTHING = (Decimal(0), Decimal(0))


@dataclass(slots=True)
class _Difference:
    """Book changes waiting to be sent on one stream."""

    first: int = 0
    last: int = 0
    bids: dict[Decimal, Decimal] = field(default_factory=dict)
    asks: dict[Decimal, Decimal] = field(default_factory=dict)


@dataclass(slots=True)
class _CandleTopic:
    """What a candle stream has sent: the candle it is in, and when and how it last showed it."""

    start_ms: int
    end_ms: int
    sent_s: float = -1e9
    sent_ms: int = -(10**15)
    shown: tuple[int, int] = (-1, -1)


class Audience(Protocol):
    """Who listens to which streams. ``opened`` is called with every name that gets its first listener."""

    opened: Callable[[str], None]

    def has(self, name: str) -> bool:
        """True if anyone listens to the stream."""
        ...

    def names(self) -> list[str]:
        """Every stream that someone listens to."""
        ...

    def publish(self, name: str, build: Callable[[int], Any], *, symbol: str | None = None) -> None:
        """Send ``build(unit)`` to whoever listens; unit 1 for times in ms, 1000 for microseconds."""
        ...


class Feed:
    """Publishes to an audience; ``horizon`` is the market time (ms) up to which the market has been played.

    ``pulse`` is called every 100 ms of wall time, ``close_candles`` at every minute's end.
    """

    def __init__(
        self,
        audience: Audience,
        exchange: Engine,
        candles: TwinCandles,
        clock: MarketClock,
        horizon: Callable[[], int],
        monotonic: Callable[[], float],
    ) -> None:
        self._audience = audience
        self._exchange = exchange
        self._candles = candles
        self._clock = clock
        self._horizon = horizon
        self._monotonic = monotonic
        self._lower = {symbol: symbol.lower() for symbol in candles.symbols()}
        self._differences: dict[str, _Difference] = {}
        self._topics: dict[str, _CandleTopic] = {}
        self._ticked: dict[str, int] = {}
        self._last_trade_ms: dict[str, int] = {}
        self._pulses = 0
        # what a stepped market shows is the same on every run, so no wall has a say in it
        self._gap_s = WALL_GAP_S if clock.mode == ClockMode.ACCELERATED else 0.0
        audience.opened = self._open_topic
        for name in audience.names():
            self._open_topic(name)

    def on_trade(self, event: TradeEvent) -> None:
        self._last_trade_ms[event.symbol] = event.time
        name = f"{self._lower[event.symbol]}@trade"
        if self._audience.has(name):
            now = self._clock.now_ms()
            self._audience.publish(name, lambda unit: payloads.trade(event, now, unit), symbol=event.symbol)

    def on_agg_trade(self, event: AggTradeEvent) -> None:
        name = f"{self._lower[event.symbol]}@aggTrade"
        if self._audience.has(name):
            now = self._clock.now_ms()
            self._audience.publish(name, lambda unit: payloads.agg_trade(event, now, unit), symbol=event.symbol)

    def on_book(self, event: BookEvent) -> None:
        lower = self._lower[event.symbol]
        if event.best_changed and self._audience.has(f"{lower}@bookTicker"):
            self._audience.publish(f"{lower}@bookTicker", lambda unit: payloads.book_ticker(event), symbol=event.symbol)
        for name in (f"{lower}@depth@100ms", f"{lower}@depth", f"{lower}@depth@1000ms"):
            if not self._audience.has(name):
                continue
            waiting = self._differences.get(name)
            if waiting is None:
                waiting = self._differences[name] = _Difference(event.first_update_id)
            waiting.last = event.final_update_id
            waiting.bids.update(event.bids)
            waiting.asks.update(event.asks)

    def close_candles(self) -> None:
        """Send every candle that ended by now; to be called before anything of the next minute happens."""
        now = self._horizon()
        for name, topic in self._candle_topics():
            parsed = parse_name(name)
            if parsed is not None:
                self._close(name, parsed, topic, now)

    def pulse(self) -> None:
        """Send what goes out at a pace of its own."""
        self._pulses += 1
        slow = self._pulses % 10 == 0
        self.close_candles()
        self.show_candles()
        for name in self._audience.names():
            parsed = parse_name(name)
            if parsed is None or (parsed.symbol and parsed.symbol not in self._lower):
                continue
            if slow or parsed.fast:
                self._paced(name, parsed)
        for name in [name for name in self._differences if not self._audience.has(name)]:
            del self._differences[name]

    def _paced(self, name: str, parsed: StreamName) -> None:
        match parsed.kind:
            case "depth":
                self._send_difference(name, parsed.symbol)
            case "partial":
                self._send_partial(name, parsed)
            case "miniTicker" | "ticker":
                self._send_ticker(name, parsed)
            case "rolling":
                self._send_rolling(name, parsed)
            case "avgPrice":
                self._send_average(name, parsed.symbol)
            case "referencePrice":
                self._send_reference(name, parsed.symbol)

    def _open_topic(self, name: str) -> None:
        """Begin a candle stream with the candle of this moment, whose end its first listener is told."""
        parsed = parse_name(name)
        if parsed is not None and parsed.kind == "kline" and parsed.symbol in self._lower:
            start = candle_start(parsed.interval, self._horizon(), parsed.zone_ms)
            self._topics[name] = _CandleTopic(start, next_start(parsed.interval, start, parsed.zone_ms))

    def _candle_topics(self) -> list[tuple[str, _CandleTopic]]:
        self._topics = {name: topic for name, topic in self._topics.items() if self._audience.has(name)}
        return list(self._topics.items())

    def _close(self, name: str, parsed: StreamName, topic: _CandleTopic, now: int) -> None:
        if topic.end_ms > now:
            return
        candles = self._candles[parsed.symbol]
        candles.roll(now)
        length = topic.end_ms - topic.start_ms
        if (now - topic.start_ms) // length > CATCH_UP_CANDLES:
            topic.start_ms = candle_start(parsed.interval, now - CATCH_UP_CANDLES * length, parsed.zone_ms)
            topic.end_ms = next_start(parsed.interval, topic.start_ms, parsed.zone_ms)
        while topic.end_ms <= now:
            row = candles.closed_row(parsed.interval, topic.start_ms, parsed.zone_ms)
            if row is not None:
                self._send_candle(name, parsed, row, topic.end_ms, is_closed=True)
            topic.start_ms = topic.end_ms
            topic.end_ms = next_start(parsed.interval, topic.start_ms, parsed.zone_ms)
            topic.shown = (-1, -1)
            topic.sent_ms = now

    def show_candles(self) -> None:
        """Send open candles that changed, or that have not been shown for two seconds."""
        now, wall = self._horizon(), self._monotonic()
        for name, topic in self._candle_topics():
            # a candle that has ended is only shown as closed
            if wall - topic.sent_s < self._gap_s or topic.end_ms <= now:
                continue
            parsed = parse_name(name)
            assert parsed is not None
            gap = 1_000 if parsed.interval == "1s" else 2_000
            is_idle = wall - topic.sent_s >= IDLE_GAP_S
            if not is_idle and now - topic.sent_ms < gap:
                continue
            row = self._candles[parsed.symbol].open_row(parsed.interval, topic.start_ms, parsed.zone_ms)
            shown = (row[column.COUNT], row[column.CLOSE])
            if is_idle or shown != topic.shown:
                topic.sent_s, topic.sent_ms, topic.shown = wall, now, shown
                self._send_candle(name, parsed, row, topic.end_ms, is_closed=False)

    def _send_candle(self, name: str, parsed: StreamName, row: list[int], end_ms: int, *, is_closed: bool) -> None:
        now, decimals = self._clock.now_ms(), self._candles[parsed.symbol].decimals
        self._audience.publish(
            name,
            lambda unit: payloads.kline(
                parsed.symbol,
                parsed.interval,
                row,
                end_ms=end_ms,
                decimals=decimals,
                is_closed=is_closed,
                now_ms=now,
                unit=unit,
            ),
            symbol=parsed.symbol,
        )

    def _send_difference(self, name: str, symbol: str) -> None:
        waiting = self._differences.pop(name, None)
        if waiting is None:
            return
        now, ids = self._clock.now_ms(), (waiting.first, waiting.last)
        bids = sorted(waiting.bids.items(), reverse=True)
        asks = sorted(waiting.asks.items())
        self._audience.publish(
            name, lambda unit: payloads.depth_update(symbol, now, unit, ids, bids, asks), symbol=symbol
        )

    def _send_partial(self, name: str, parsed: StreamName) -> None:
        book = self._exchange.market(parsed.symbol).book
        self._audience.publish(
            name,
            lambda unit: payloads.partial_depth(
                book.update_id, book.bids.depth(parsed.limit), book.asks.depth(parsed.limit)
            ),
            symbol=parsed.symbol,
        )

    def _changed(self, name: str, symbol: str) -> bool:
        """True if the symbol traded or its minute ended since this stream last showed it."""
        candles = self._candles[symbol]
        mark = candles.closed_count * 1_000_000_007 + candles.open.count
        key = f"{name} {symbol}"
        if self._ticked.get(key) == mark:
            return False
        self._ticked[key] = mark
        return True

    def _send_ticker(self, name: str, parsed: StreamName) -> None:
        now, market_ms = self._clock.now_ms(), self._horizon()
        if parsed.symbol:
            if not self._changed(name, parsed.symbol):
                return
            window = self._candles.window(parsed.symbol, market_ms - DAY_MS, market_ms)
            bid, ask = self._best(parsed.symbol)
            self._audience.publish(
                name,
                lambda unit: (
                    payloads.mini_ticker(parsed.symbol, window, now, unit)
                    if parsed.kind == "miniTicker"
                    else payloads.ticker(parsed.symbol, window, bid, ask, now, unit)
                ),
                symbol=parsed.symbol,
            )
            return
        changed = [symbol for symbol in self._lower if self._changed(name, symbol)]
        windows = [(symbol, self._candles.window(symbol, market_ms - DAY_MS, market_ms)) for symbol in changed]
        if windows:
            self._audience.publish(
                name,
                lambda unit: [payloads.mini_ticker(symbol, window, now, unit) for symbol, window in windows],
            )

    def _send_rolling(self, name: str, parsed: StreamName) -> None:
        now, market_ms = self._clock.now_ms(), self._horizon()
        span = WINDOWS[parsed.interval]
        symbols = [parsed.symbol] if parsed.symbol else list(self._lower)
        windows = [
            (symbol, self._candles.window(symbol, market_ms - span, market_ms))
            for symbol in symbols
            if self._changed(name, symbol)
        ]
        if not windows:
            return

        def build(unit: int) -> object:
            rows = [payloads.rolling_ticker(symbol, parsed.interval, window, now, unit) for symbol, window in windows]
            return rows[0] if parsed.symbol else rows

        self._audience.publish(name, build, symbol=parsed.symbol or None)

    def _send_average(self, name: str, symbol: str) -> None:
        now = self._clock.now_ms()
        price = self._candles.average_price(symbol, 5, self._horizon())
        last = self._last_trade_ms.get(symbol, now)
        self._audience.publish(
            name, lambda unit: payloads.average_price(symbol, price, 5, last, now, unit), symbol=symbol
        )

    def _send_reference(self, name: str, symbol: str) -> None:
        market = self._exchange.market(symbol)
        if not market.has_reference:
            return
        self._audience.publish(
            name,
            lambda unit: payloads.reference_price(symbol, market.reference_price, market.reference_time, unit),
            symbol=symbol,
        )

    def _best(self, symbol: str) -> tuple[tuple[Decimal, Decimal], tuple[Decimal, Decimal]]:
        book = self._exchange.market(symbol).book
        return book.best(Side.BUY) or NOTHING, book.best(Side.SELL) or NOTHING
