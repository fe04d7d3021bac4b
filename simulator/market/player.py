"""Plays a market source into the exchange, up to the time it is told. Pure but for what the sink does.

Each minute's steps are played in order at their market times. Candles close before anything of the next minute
happens.
"""

from collections import deque
from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

from simulator.market.book import Level, OutsideBook
from simulator.market.clock import MarketClock
from simulator.market.intervals import MINUTE_MS
from simulator.market.source import MarketSource, Tick
from simulator.market.symbols import Profile


class Sink(Protocol):
    """What a market is played into."""

    def move(self, symbol: str, bids: list[Level], asks: list[Level], time_ms: int) -> None:
        """Replace the outside offers of a symbol."""
        ...

    def trade(self, symbol: str, price: Decimal, quantity: Decimal, taker_buys: bool, time_ms: int) -> None:
        """Let an outside taker trade at ``price``."""
        ...

    def end_minute(self, time_ms: int) -> None:
        """A minute ended: close its candles."""
        ...

    def settle(self) -> None:
        """A moment's steps are done: hand out what they caused."""
        ...


class Player:
    """Plays ``source`` from the minute that is current at its start."""

    def __init__(
        self, source: MarketSource, profiles: dict[str, Profile], sink: Sink, clock: MarketClock, seed: int
    ) -> None:
        self._source = source
        self._sink = sink
        self._clock = clock
        self._profiles = profiles
        self.books = {
            symbol: OutsideBook(profile, seed + index) for index, (symbol, profile) in enumerate(profiles.items())
        }
        self._shift: dict[str, Decimal] = {}
        self._frozen: set[str] = set()
        self._standing: dict[str, tuple[Decimal, bool]] = {}
        self._next_minute = clock.start_ms // MINUTE_MS * MINUTE_MS
        self._pending: deque[Tick] = deque()
        self.ticks_played = 0

    @property
    def next_minute_ms(self) -> int:
        """The next minute that has not been taken from the source."""
        return self._next_minute

    def open(self) -> None:
        """Put the first offers around every start price; the current minute is played from its beginning."""
        now = self._clock.market_ms()
        for symbol in self._profiles:
            self._offer(symbol, self._source.price(symbol), Decimal(0), taker_buys=True, time_ms=now)
        self._load_minute()
        self._sink.settle()

    def resume(self, next_minute_ms: int) -> None:
        """Go on with the minute after those an earlier life took from the source: what was missed is due at once."""
        self._next_minute = next_minute_ms
        for symbol in self._profiles:
            self._standing[symbol] = (self._source.price(symbol), True)

    def gap(self, symbol: str, percent: float) -> None:
        """Shift a symbol's price by a percentage from the next step on. Raises ValueError."""
        if symbol not in self.books:
            raise ValueError(f"{symbol} has no outside market; trade with its liquidity instead")
        factor = self._shift.get(symbol, Decimal(1)) * (1 + Decimal(str(percent)) / 100)
        if factor <= 0:
            raise ValueError(f"a gap of {percent} % leaves no price")
        self._shift[symbol] = factor

    def thin(self, symbol: str, depth: float) -> None:
        """Shrink what outside participants offer in a symbol to a share of its size, at once."""
        book = self.books.get(symbol)
        if book is None:
            raise ValueError(f"{symbol} has no outside market; set its liquidity instead")
        book.resize(depth)
        price, taker_buys = self._standing[symbol]
        self._offer(symbol, price, Decimal(0), taker_buys=taker_buys, time_ms=self._clock.market_ms())

    def freeze(self, symbol: str, *, frozen: bool = True) -> None:
        """Let outside participants stay away from a symbol (it is halted), or come back."""
        if frozen:
            self._frozen.add(symbol)
        else:
            self._frozen.discard(symbol)

    def view(self) -> None:
        """Nothing is mirrored."""

    def _load_minute(self) -> None:
        self._pending.extend(self._source.minute(self._next_minute))
        self._next_minute += MINUTE_MS

    def due(self) -> int:
        """Market time of the next thing to do."""
        return min(self._pending[0].time_ms, self._next_minute) if self._pending else self._next_minute

    def play_until(self, market_ms: int, most: int = 1_000_000_000) -> bool:
        """Play what is due by ``market_ms``, at most ``most`` steps; says whether everything due was played."""
        played = 0
        while played < most:
            if self._pending and self._pending[0].time_ms <= market_ms:
                self._play(self._pending.popleft())
                played += 1
            elif not self._pending and self._next_minute <= market_ms:
                self._sink.end_minute(self._next_minute)
                self._load_minute()
                played += 1
            elif self._pending and self._next_minute <= market_ms:
                raise AssertionError("a step lies outside of its minute")
            else:
                self._sink.settle()
                return True
        self._sink.settle()
        return False

    def _play(self, tick: Tick) -> None:
        if tick.symbol in self._frozen:
            return
        self.ticks_played += 1
        price = self._shifted(tick.symbol, tick.price)
        self._offer(tick.symbol, price, tick.quantity, taker_buys=tick.taker_buys, time_ms=tick.time_ms)
        if tick.quantity:
            self._sink.trade(tick.symbol, price, tick.quantity, tick.taker_buys, tick.time_ms)

    def _shifted(self, symbol: str, price: Decimal) -> Decimal:
        factor = self._shift.get(symbol)
        if factor is None:
            return price
        tick = self._profiles[symbol].tick
        return max(tick, (price * factor / tick).to_integral_value() * tick)

    def _offer(self, symbol: str, price: Decimal, traded: Decimal, *, taker_buys: bool, time_ms: int) -> None:
        self._standing[symbol] = (price, taker_buys)
        bids, asks = self.books[symbol].around(price, taker_buys=taker_buys, traded=traded)
        self._sink.move(symbol, bids, asks, time_ms)

    def moments(self, target_ms: int) -> Iterator[int]:
        """Move a stepped clock to each moment at which something is due, for the caller to play it, and then to
        ``target_ms``. Raises ValueError for another clock, or a target in the past."""
        self._clock.advance(0)
        if target_ms < self._clock.market_ms():
            raise ValueError("time does not run backwards")
        while (due := max(self.due(), self._clock.market_ms())) <= target_ms:
            yield self._clock.advance(due - self._clock.market_ms())
        self._clock.advance(target_ms - self._clock.market_ms())
        self._sink.settle()
