"""At what price an order would have been filled on a recorded bar, and never a better one.

A bar says its open, high, low and close, not the path between them. An order at market takes the open, half a spread
and the slippage worse. A stop takes its own price, or the open where the bar opens beyond it. A target is filled at its
price once the market traded *over* it: whether it would have been served at that price, nobody knows. Where one bar
reaches both, the order is not known either: a run takes the stop, another one the target, and what lies between is
the interval of the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from backtester.listings import RecordedListing
from core.positions.model import Purpose
from shared.src.domain.candles import Candle
from shared.src.domain.money import ONE, ceil_to_step, floor_to_step
from shared.src.exchange.models import BookTicker
from simulator.market.book import spread_ticks

HUNDRED = Decimal(100)
CHUNK = 1_024
# what is done sooner after a bar opened is done at its open
INSIDE_MS = 20_000


class Doubt(StrEnum):
    """Which of two exits a bar that reached both is taken to have reached first."""

    STOP = "stop"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class FillRules:
    """``slippage_percent`` of a price on every order that takes; ``volume_percent`` of a bar's volume at most."""

    slippage_percent: Decimal = Decimal(0)
    volume_percent: Decimal = Decimal(10)
    doubt: Doubt = Doubt.STOP


@dataclass(frozen=True, slots=True)
class ExitPoint:
    """Where a position leaves: the bar, the price, when (ms UTC), and why."""

    bar: int
    price: Decimal
    at_ms: int
    reason: str
    is_maker: bool = False
    is_ambiguous: bool = False


class RecordedMarket:
    """The bars of one symbol, and what orders would have found there."""

    def __init__(self, listing: RecordedListing, candles: Sequence[Candle], rules: FillRules) -> None:
        self.listing = listing
        self.candles = candles
        self._rules = rules
        self.times = np.array([candle.time for candle in candles], dtype=np.int64)
        self._highs = np.array([float(candle.high) for candle in candles])
        self._lows = np.array([float(candle.low) for candle in candles])

    def closing_at(self, close_ms: int) -> int:
        """The bar that closes then, or is open then: the last one that opened by then; -1 before the first."""
        return int(np.searchsorted(self.times, close_ms, side="right")) - 1

    def bid_at(self, now_ms: int) -> Decimal:
        """The best bid at a bar's open, or what the last bar closed at."""
        bar = self.closing_at(now_ms)
        return self.ticker(bar).bid if self.times[bar] == now_ms else self.candles[bar].close

    def told_at(self, filled_ms: int) -> int:
        """When a fill is told of: a bar's open, or, for what happens inside of a bar, its close."""
        candle = self.candles[self.closing_at(filled_ms)]
        return candle.time if filled_ms - candle.time < INSIDE_MS else candle.close_time

    def is_doubtful(self, bar: int, stop: Decimal, target: Decimal) -> bool:
        """Whether a bar reached both, and does not say which first."""
        return self.candles[bar].low <= stop and self.candles[bar].high > target

    def ticker(self, bar: int) -> BookTicker:
        """The best prices at a bar's open, the slippage of an order among them; never outside of the bar."""
        return self._around(bar, self.candles[bar].open)

    def closing_ticker(self, bar: int) -> BookTicker:
        """The same at a bar's close."""
        return self._around(bar, self.candles[bar].close)

    def _around(self, bar: int, price: Decimal) -> BookTicker:
        candle = self.candles[bar]
        rules, slip = self.listing.rules, self._rules.slippage_percent / HUNDRED
        half = rules.tick * spread_ticks(self.listing.profile, price) / 2
        ask = ceil_to_step((price + half) * (ONE + slip), rules.tick)
        bid = floor_to_step((price - half) * (ONE - slip), rules.tick)
        offered = self.most(bar)
        return BookTicker(rules.symbol, max(bid, candle.low), offered, min(ask, candle.high), offered)

    def most(self, bar: int) -> Decimal:
        """Base units that one order may trade within a bar."""
        return self.candles[bar].volume * self._rules.volume_percent / HUNDRED

    def exit_of(self, entry_bar: int, stop: Decimal, target: Decimal, until_ms: int) -> ExitPoint | None:
        """How a position that was entered at a bar's open ends by itself; ``until_ms``: when it is too old.

        None when the data ends before.
        """
        old = int(np.searchsorted(self.times, until_ms))
        hit = self._reached(entry_bar, old, float(stop), float(target))
        if hit is not None:
            return self._exit_at(hit, stop, target, is_entry=hit == entry_bar)
        return self.sale(old, "time") if old < len(self.candles) else None

    def sale(self, bar: int, reason: str) -> ExitPoint:
        """A sale at market at a bar's open."""
        return ExitPoint(bar, self.ticker(bar).bid, self.candles[bar].time, reason)

    def last_sale(self, reason: str) -> ExitPoint:
        """A sale of all at the last close."""
        last = len(self.candles) - 1
        return ExitPoint(last, self.closing_ticker(last).bid, self.candles[last].close_time, reason)

    def _reached(self, begin: int, end: int, stop: float, target: float) -> int | None:
        """The first bar in a range that reaches the stop or trades over the target."""
        while begin < end:
            upto = min(begin + CHUNK, end)
            hit: NDArray[np.bool_] = (self._lows[begin:upto] <= stop) | (self._highs[begin:upto] > target)
            place = int(np.argmax(hit))
            if hit[place]:
                return begin + place
            begin = upto
        return None

    def _exit_at(self, bar: int, stop: Decimal, target: Decimal, *, is_entry: bool) -> ExitPoint:
        candle = self.candles[bar]
        if not is_entry and candle.open <= stop:
            return self.sale(bar, Purpose.STOP_LOSS.value)
        if not is_entry and self.ticker(bar).bid >= target:
            return ExitPoint(bar, target, candle.time, Purpose.TAKE_PROFIT.value, is_maker=True)
        doubtful = self.is_doubtful(bar, stop, target)
        if candle.low <= stop and not (doubtful and self._rules.doubt is Doubt.TARGET):
            price = max(candle.low, self.stopped_at(stop))
            return ExitPoint(bar, price, candle.close_time, Purpose.STOP_LOSS.value, is_ambiguous=doubtful)
        return ExitPoint(
            bar, target, candle.close_time, Purpose.TAKE_PROFIT.value, is_maker=True, is_ambiguous=doubtful
        )

    def stopped_at(self, stop: Decimal) -> Decimal:
        """What a stop at market sells at: half a spread and the slippage under its trigger."""
        rules = self.listing.rules
        half = rules.tick * spread_ticks(self.listing.profile, stop) / 2
        return floor_to_step((stop - half) * (ONE - self._rules.slippage_percent / HUNDRED), rules.tick)
