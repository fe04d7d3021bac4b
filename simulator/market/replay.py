"""Recorded candles as a market: the bars of a file played again, their inside made up the same way every time.

Within a bar the price goes open, low, high, close when it rose, open, high, low, close when it fell; amounts spread
evenly. Bars longer than a minute become minutes along that path. Past the end of the data the market stands still.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from shared.src.market.candle_files import Recorded, bar_milliseconds
from simulator.market import series as column
from simulator.market.intervals import HOUR_MS, MINUTE_MS
from simulator.market.series import NO_ID, PRICE_SCALE, WIDTH, merge
from simulator.market.source import History, Tick, no_rows, step_times
from simulator.market.symbols import Profile

HISTORY_MINUTES = 1_500


@dataclass(frozen=True, slots=True)
class _Minute:
    """Four prices in ticks and four amounts in steps."""

    prices: tuple[int, int, int, int]
    amounts: tuple[int, int, int, int]


def split_bar(bar: Recorded, minutes: int, tick: Decimal, step: Decimal) -> list[_Minute]:
    """The minutes a bar is played in. Amounts add up to the bar's volume, cut to the step."""
    prices = [max(1, int((price / tick).to_integral_value())) for price in (bar.open, bar.high, bar.low, bar.close)]
    opened, high, low, close = prices
    knots = (opened, low, high, close) if close >= opened else (opened, high, low, close)
    count = 4 * minutes
    total = int(bar.volume / step)
    share, rest = divmod(total, count)
    amounts = [share + (1 if index < rest else 0) for index in range(count)]
    path = _path(knots, count)
    return [
        _Minute(_four(path[4 * place : 4 * place + 4]), _four(amounts[4 * place : 4 * place + 4]))
        for place in range(minutes)
    ]


def _path(knots: tuple[int, int, int, int], count: int) -> list[int]:
    """``count`` prices along straight lines between the knots, each knot being one of them."""
    if count == 4:
        return list(knots)
    places = [0, count // 3, 2 * count // 3, count - 1]
    return [round(float(value)) for value in np.interp(range(count), places, knots)]


def _four(values: Sequence[int]) -> tuple[int, int, int, int]:
    first, second, third, fourth = values
    return first, second, third, fourth


class ReplayMarket:
    """Recorded bars as a market source.

    ``prices`` are those at the start. ``start_ms`` is market time at the start; ``shift_ms`` is added to recorded times
    (a recording played as if it were now). Bars before the start are the history.
    """

    def __init__(
        self,
        bars: Mapping[str, Sequence[Recorded]],
        profiles: Mapping[str, Profile],
        *,
        start_ms: int,
        shift_ms: int,
        steps_per_minute: int,
    ) -> None:
        self.steps_per_minute = min(steps_per_minute, 4)
        self._profiles = profiles
        self._names = list(bars)
        self._start_ms = start_ms // MINUTE_MS * MINUTE_MS
        self._minutes: dict[str, dict[int, _Minute]] = {}
        self._history: dict[str, History] = {}
        self.prices: dict[str, Decimal] = {}
        for symbol, recorded in bars.items():
            self._load(symbol, recorded, shift_ms)

    def _load(self, symbol: str, recorded: Sequence[Recorded], shift_ms: int) -> None:
        profile = self._profiles[symbol]
        length = bar_minutes(recorded)
        minutes: dict[int, _Minute] = {}
        for bar in recorded:
            for place, minute in enumerate(split_bar(bar, length, profile.tick, profile.step)):
                minutes[bar.time + shift_ms + place * MINUTE_MS] = minute
        past = {open_ms: minute for open_ms, minute in minutes.items() if open_ms < self._start_ms}
        self._minutes[symbol] = {open_ms: m for open_ms, m in minutes.items() if open_ms >= self._start_ms}
        if past:
            self._history[symbol] = _history(profile, past, self._start_ms)
            self.prices[symbol] = profile.tick * past[max(past)].prices[3]
        else:
            self.prices[symbol] = profile.tick * minutes[min(minutes)].prices[0]

    def history(self, symbol: str) -> History:
        return self._history.get(symbol, History())

    def price(self, symbol: str) -> Decimal:
        return self.prices[symbol]

    def minute(self, open_ms: int) -> list[Tick]:
        ticks: list[Tick] = []
        for index, symbol in enumerate(self._names):
            minute = self._minutes[symbol].pop(open_ms, None)
            if minute is None:
                continue
            profile = self._profiles[symbol]
            times = step_times(open_ms, 4, index, len(self._names))
            before = minute.prices[0]
            for time_ms, price, amount in zip(times, minute.prices, minute.amounts, strict=True):
                buys = price > before or (price == before and minute.prices[3] >= minute.prices[0])
                ticks.append(Tick(time_ms, symbol, profile.tick * price, profile.step * amount, buys))
                before = price
        ticks.sort(key=lambda tick: tick.time_ms)
        return ticks


def bar_minutes(bars: Sequence[Recorded]) -> int:
    """The length of the bars in minutes, at least 1."""
    return max(1, (bar_milliseconds(bars) or MINUTE_MS) // MINUTE_MS)


def _history(profile: Profile, past: Mapping[int, _Minute], until_ms: int) -> History:
    """Candles of the past minutes; a minute that is missing from the recording is flat."""
    first_ms = min(past)
    first_ms += -first_ms % HOUR_MS if until_ms - first_ms > 2 * HOUR_MS else 0
    count = (until_ms - first_ms) // MINUTE_MS
    rows = np.zeros((count, WIDTH), dtype=np.int64)
    rows[:, column.FIRST_ID :] = NO_ID
    tick, step = int(profile.tick * PRICE_SCALE), int(profile.step.scaleb(profile.decimals))
    numerator, denominator = (profile.tick * profile.step * PRICE_SCALE).as_integer_ratio()
    close = 0
    for place in range(count):
        open_ms = first_ms + place * MINUTE_MS
        minute = past.get(open_ms)
        if minute is None:
            rows[place, : column.VOLUME] = (open_ms, close, close, close, close)
            continue
        prices, amounts = minute.prices, minute.amounts
        close = prices[3] * tick
        quote = sum(p * a for p, a in zip(prices, amounts, strict=True)) * numerator // denominator
        volume = sum(amounts) * step
        rows[place, : column.FIRST_ID] = (
            open_ms,
            prices[0] * tick,
            max(prices) * tick,
            min(prices) * tick,
            close,
            volume,
            quote,
            sum(1 for amount in amounts if amount),
            volume // 2,
            quote // 2,
        )
    recent = count - min(count, 9_000)
    whole = recent // 60 * 60
    hours = merge(rows[:whole], np.arange(0, whole, 60)) if whole else no_rows()
    return History(minutes=rows[whole:], hours=hours)


def play_start(bars: Mapping[str, Sequence[Recorded]]) -> int:
    """Where a recording starts to play when the fixture does not say: after the history, at most half of the data."""
    first = min(recorded[0].time for recorded in bars.values())
    last = max(recorded[-1].time for recorded in bars.values())
    past = min(HISTORY_MINUTES * MINUTE_MS, (last - first) // 2)
    return (first + past) // HOUR_MS * HOUR_MS if past > HOUR_MS else (first + past) // MINUTE_MS * MINUTE_MS
