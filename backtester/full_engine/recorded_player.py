"""Recorded bars played on the twin's engine: what the fast engine assumes of fills, acted out order by order.

At a bar's open the book stands half a spread around it and offers a share of the bar's volume. Inside of the bar the
price passes the stops down to the low, each at its own price, and takes the targets that lie under the high; in the
order that a run is told to assume. Candles are the recorded ones, whatever is traded. Implements
``simulator.tape.MarketPlayer``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal

from backtester.fast_engine.fills import INSIDE_MS, Doubt, RecordedMarket
from shared.src.domain.candles import MINUTE_MS, Candle
from shared.src.domain.money import ZERO
from simulator.api.market_data import StoredMarketData
from simulator.api.state import CandleRow
from simulator.engine.exchange import Engine
from simulator.fixture import Fixture
from simulator.floor import TradingFloor
from simulator.market.book import Level
from simulator.market.candle_store import TwinCandles
from simulator.market.clock import MarketClock
from simulator.market.series import NO_ID, scaled
from simulator.tape import Tape

# moments inside of a bar's first minute, ms after it opened
FIRST_MS, SECOND_MS, CLOSE_MS = INSIDE_MS, 40_000, 50_000


class RecordedPlayer:
    """Plays the bars of several symbols from a bar's open on."""

    def __init__(
        self, floor: TradingFloor, clock: MarketClock, markets: Mapping[str, RecordedMarket], *, doubt: Doubt
    ) -> None:
        self._floor = floor
        self._clock = clock
        self._markets = markets
        self._phases = {
            0: self._opening,
            FIRST_MS: self._falling if doubt is Doubt.STOP else self._rising,
            SECOND_MS: self._rising if doubt is Doubt.STOP else self._falling,
            CLOSE_MS: self._closing,
        }
        self._minute_ms = clock.start_ms
        self._waiting = list(self._phases)

    def open(self) -> None:
        """The first bars open."""
        self.play_until(self._clock.market_ms())

    def due(self) -> int:
        return self._minute_ms + (self._waiting[0] if self._waiting else MINUTE_MS)

    def moments(self, target_ms: int) -> Iterator[int]:
        while (due := max(self.due(), self._clock.market_ms())) <= target_ms:
            yield self._clock.advance(due - self._clock.market_ms())
        self._clock.advance(target_ms - self._clock.market_ms())
        self._floor.settle()

    def play_until(self, market_ms: int) -> bool:
        while self.due() <= market_ms:
            if self._waiting:
                self._play(self._waiting.pop(0))
            else:
                self._end_minute()
        self._floor.settle()
        return True

    def _play(self, phase: int) -> None:
        for symbol, market in self._markets.items():
            bar = market.closing_at(self._minute_ms)
            if bar >= 0 and market.candles[bar].time == self._minute_ms:
                self._phases[phase](symbol, market, bar)

    def _end_minute(self) -> None:
        """Say what was recorded of the minute, and close it; a longer bar is told by its first minute."""
        for symbol, market in self._markets.items():
            bar = market.closing_at(self._minute_ms)
            if bar >= 0 and market.candles[bar].time == self._minute_ms:
                self._floor.candle(symbol, _row(market.candles[bar], self._floor.candles[symbol].decimals))
        self._minute_ms += MINUTE_MS
        self._floor.end_minute(self._minute_ms)
        self._waiting = list(self._phases)

    def _opening(self, symbol: str, market: RecordedMarket, bar: int) -> None:
        ticker = market.ticker(bar)
        self._offer(symbol, market, bar, ticker.bid, ticker.ask)
        self._print(symbol, market, market.candles[bar].open)

    def _falling(self, symbol: str, market: RecordedMarket, bar: int) -> None:
        """Every stop down to the low is reached, one after the other."""
        low = market.candles[bar].low
        for stop in self._floor.exchange.market(symbol).stops.falling():
            if stop < low:
                break
            self._offer(symbol, market, bar, max(low, market.stopped_at(stop)), market.ticker(bar).ask)
            self._print(symbol, market, stop)

    def _rising(self, symbol: str, market: RecordedMarket, bar: int) -> None:
        """Somebody buys all that rests under the high."""
        high, tick = market.candles[bar].high, market.listing.rules.tick
        quantity = self._offered(market, bar)
        if quantity > ZERO and high - tick > market.candles[bar].low:
            self._offer(symbol, market, bar, market.candles[bar].low, high)
            self._floor.trade(symbol, high - tick, quantity, True, self._now())

    def _closing(self, symbol: str, market: RecordedMarket, bar: int) -> None:
        quote = market.closing_ticker(bar)
        self._offer(symbol, market, bar, quote.bid, quote.ask)
        self._print(symbol, market, market.candles[bar].close)

    def _offer(self, symbol: str, market: RecordedMarket, bar: int, bid: Decimal, ask: Decimal) -> None:
        quantity = self._offered(market, bar)
        ask = max(ask, bid + market.listing.rules.tick)
        bids: list[Level] = [(bid, quantity)] if quantity else []
        asks: list[Level] = [(ask, quantity)] if quantity else []
        self._floor.move(symbol, bids, asks, self._now())

    def _print(self, symbol: str, market: RecordedMarket, price: Decimal) -> None:
        """A trade at a price, as small as one can be: it tells stops where the market is."""
        self._floor.trade(symbol, price, market.listing.rules.step, False, self._now())

    def _offered(self, market: RecordedMarket, bar: int) -> Decimal:
        return market.listing.rules.floor_quantity(market.most(bar), market=True)

    def _now(self) -> int:
        return self._clock.market_ms()


class WholeCandles(StoredMarketData):
    """The candles of a recording without those that began before it: half of an interval is no candle."""

    def __init__(self, candles: TwinCandles, horizon: Callable[[], int], first_ms: int) -> None:
        super().__init__(candles, horizon)
        self._first_ms = first_ms

    def klines(
        self, symbol: str, interval: str, *, start: int | None, end: int | None, limit: int, offset_ms: int = 0
    ) -> Sequence[CandleRow]:
        rows = super().klines(symbol, interval, start=start, end=end, limit=limit, offset_ms=offset_ms)
        return [row for row in rows if row.open_time >= self._first_ms]


def recorded_tape(fixture: Fixture, engine: Engine, markets: Mapping[str, RecordedMarket], *, doubt: Doubt) -> Tape:
    """A tape that plays the recorded bars; ``fixture``: one whose own market stands still."""
    tape = Tape(fixture, engine, player=lambda floor, clock: RecordedPlayer(floor, clock, markets, doubt=doubt))
    first_ms = min(int(market.times[0]) for market in markets.values())
    tape.market_data = WholeCandles(tape.candles, lambda: tape.now_ms, first_ms)
    return tape


def _row(candle: Candle, decimals: int) -> tuple[int, ...]:
    """A candle as the twin keeps it (``simulator.market.series``)."""
    return (
        candle.time,
        *(scaled(price) for price in (candle.open, candle.high, candle.low, candle.close)),
        scaled(candle.volume, decimals),
        scaled(candle.quote_asset_volume),
        candle.number_of_trades,
        scaled(candle.taker_buy_base_asset_volume, decimals),
        scaled(candle.taker_buy_quote_asset_volume),
        NO_ID,
        NO_ID,
    )
