"""A seeded market: every price and volume follows from the seed, the symbols and the start, the same on every run.

The model, per minute and symbol (returns are of log prices, sigma is the profile's volatility):

* regimes: one for the market and one per symbol, out of range, up, down, volatile; they last on average 80, 60, 60
  and 20 minutes (geometric). A trend drifts by 0.2 sigma a minute, a range pulls prices back to where it began by 3 %
  a minute, volatile times multiply sigma by 2.
* correlation: a common factor carries 55 % of the variance; BTC's beta is 1, others 0.8..1.3 drawn once.
* clustering: log volatility is an AR(1) (0.95, shocks 0.12), so that quiet and loud stretches alternate.
* bursts: with 1/400 a minute a symbol triples sigma for 3..8 minutes, volume rises with it.
* crashes: with 1/1440 a minute the factor loses 2..5 % over 4..12 minutes and wins half back over three times as
  long.
* gaps: with 1/1500 a minute a symbol opens 0.3..0.8 % off its last close.
* volume: the profile's turnover, log-normal (0.5), scaled by the square of volatility's excess and by each second's
  move.
* quiet minutes: with the profile's share a calm symbol does not trade at all for a minute.

Random numbers come from numpy's RandomState, whose streams are frozen by contract.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from simulator.market import series as column
from simulator.market.intervals import HOUR_MS, MINUTE_MS, candle_start
from simulator.market.series import PRICE_SCALE, WIDTH, Rows
from simulator.market.source import History, Tick, step_times, thin
from simulator.market.symbols import Profile

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SECONDS = 60
MINUTES_PER_HOUR = 60
# A candle of the past is made of its open, its two extremes and its close.
CORNERS = 4
HISTORY_MINUTES = 4_320
HISTORY_HOURS = 1_440

RANGE, UP, DOWN, VOLATILE = range(4)
_STAY_MINUTES = np.array([80.0, 60.0, 60.0, 20.0])
# Where a regime goes when it ends
_NEXT = np.array([[0.0, 0.38, 0.38, 0.24], [0.5, 0.0, 0.3, 0.2], [0.5, 0.3, 0.0, 0.2], [0.5, 0.25, 0.25, 0.0]])
_VOLATILITY = np.array([0.8, 1.0, 1.0, 2.0])
_DRIFT = np.array([0.0, 0.2, -0.2, 0.0])
_PULL = np.array([0.03, 0.0, 0.0, 0.01])
_FACTOR_SHARE = 0.55
_HOME_PULL = 0.0003


class SyntheticModel:
    """The state of the model; ``step`` moves it by one minute. Index 0 of every array is the common factor."""

    def __init__(self, profiles: Sequence[Profile], seed: int) -> None:
        self._random = np.random.RandomState(seed % 2**32)
        count = len(profiles)
        self._sigma = np.array([0.001] + [profile.volatility for profile in profiles])
        self._turnover = np.array([profile.turnover for profile in profiles])
        self._quiet = np.array([profile.quiet for profile in profiles])
        betas = 0.8 + 0.5 * self._random.random_sample(count)
        is_anchor = np.array([profile.base == "BTC" for profile in profiles])
        self._beta = np.where(is_anchor, 1.0, betas) * self._sigma[1:] / 0.001
        self._regime: Ints = self._random.choice(4, count + 1, p=[0.4, 0.25, 0.25, 0.1])
        self._anchor = np.zeros(count + 1)
        self._level = np.zeros(count + 1)
        self._cluster = np.zeros(count + 1)
        self._burst = np.zeros(count + 1)
        self._crash_minutes = 0
        self._crash_drift = 0.0
        self._rebound = (0, 0.0)
        self._price = np.zeros(count)

    def step(self) -> tuple[Floats, Floats]:
        """One minute: log prices per second relative to the model's start, and quote amounts per second."""
        random = self._random
        count = len(self._sigma)
        self._change_regimes()
        self._cluster = 0.95 * self._cluster + 0.12 * random.standard_normal(count)
        starts = random.random_sample(count) < 1 / 400
        self._burst = np.where(starts, random.randint(3, 9, count), np.maximum(self._burst - 1, 0))
        loud = _VOLATILITY[self._regime] * np.exp(self._cluster - 0.07) * np.where(self._burst > 0, 3.0, 1.0)
        drift = _DRIFT[self._regime] * self._sigma - _PULL[self._regime] * (self._level - self._anchor)
        drift -= _HOME_PULL * self._level
        drift[0] += self._crash()
        noise = random.standard_normal((count, SECONDS))
        moves = (self._sigma * loud / np.sqrt(SECONDS))[:, None] * noise + (drift / SECONDS)[:, None]
        jumps = random.random_sample(count) < 1 / 1500
        sizes = random.uniform(0.003, 0.008, count) * np.where(random.random_sample(count) < 0.5, -1, 1)
        jumps[0] = False
        moves[:, 0] += np.where(jumps, sizes, 0.0)
        self._level += moves.sum(axis=1)
        own = np.sqrt(1 - _FACTOR_SHARE) * moves[1:]
        own[:, 0] += (1 - np.sqrt(1 - _FACTOR_SHARE)) * np.where(jumps, sizes, 0.0)[1:]
        total = np.sqrt(_FACTOR_SHARE) * self._beta[:, None] * moves[0] + own
        volumes = self._volumes(total, np.sqrt(_FACTOR_SHARE * loud[0] ** 2 + (1 - _FACTOR_SHARE) * loud[1:] ** 2))
        quiet = (random.random_sample(count - 1) < self._quiet) & (loud[1:] < 1.2)
        total[quiet] = 0.0
        volumes[quiet] = 0.0
        path = self._price[:, None] + np.cumsum(total, axis=1)
        self._price = path[:, -1].copy()
        return path, volumes

    def _change_regimes(self) -> None:
        ends = self._random.random_sample(len(self._regime)) < 1 / _STAY_MINUTES[self._regime]
        draws = self._random.random_sample(len(self._regime))
        for index in np.flatnonzero(ends):
            chances = np.cumsum(_NEXT[self._regime[index]])
            self._regime[index] = min(int(np.searchsorted(chances, draws[index], side="right")), VOLATILE)
            self._anchor[index] = self._level[index]

    def _crash(self) -> float:
        """The factor's extra drift of this minute."""
        chance, size, minutes = self._random.random_sample(3)
        if self._crash_minutes > 0:
            self._crash_minutes -= 1
            return self._crash_drift
        left, drift = self._rebound
        if left > 0:
            self._rebound = (left - 1, drift)
            return drift
        if chance < 1 / 1440:
            length = 4 + int(minutes * 9)
            loss = 0.02 + 0.03 * size
            self._crash_minutes, self._crash_drift = length, -loss / length
            self._rebound = (3 * length, loss / 2 / (3 * length))
        return 0.0

    def _volumes(self, moves: Floats, loud: Floats) -> Floats:
        usual = self._sigma[1:] / np.sqrt(SECONDS)
        activity = 0.3 + 0.7 * np.minimum(np.abs(moves) / usual[:, None], 8.0)
        mood = np.exp(0.5 * self._random.standard_normal(len(loud)) - 0.125)
        minute = self._turnover * mood * (0.4 + 0.6 * loud**2)
        volumes: Floats = (minute / SECONDS)[:, None] * activity
        return volumes


class SyntheticMarket:
    """The model as a market source: ``HISTORY_MINUTES`` of past, then live minutes without end.

    The price right before the start is exactly the profile's.
    """

    def __init__(
        self,
        profiles: Sequence[Profile],
        *,
        seed: int,
        start_ms: int,
        steps_per_minute: int,
        history_minutes: int = HISTORY_MINUTES,
    ) -> None:
        self.steps_per_minute = steps_per_minute
        self._profiles = list(profiles)
        self._model = SyntheticModel(profiles, seed)
        self._price = np.array([float(profile.price) for profile in profiles])
        self._tick = np.array([float(profile.tick) for profile in profiles])
        self._step = np.array([float(profile.step) for profile in profiles])
        self._next_ms = candle_start("1m", start_ms)
        self._history = self._play_history(history_minutes, seed)

    def history(self, symbol: str) -> History:
        return self._history.get(symbol, History())

    def price(self, symbol: str) -> Decimal:
        for profile in self._profiles:
            if profile.symbol == symbol:
                return profile.price
        raise KeyError(symbol)

    def minute(self, open_ms: int) -> list[Tick]:
        """Raises ValueError when a minute is asked for twice or out of order; skipped minutes are played through."""
        if open_ms < self._next_ms:
            raise ValueError(f"minute {open_ms} has been played already")
        while self._next_ms < open_ms:
            self._model.step()
            self._next_ms += MINUTE_MS
        self._next_ms += MINUTE_MS
        path, volumes = self._model.step()
        amounts = self._amounts(*self._quantities(path, volumes, self.steps_per_minute))
        return self._ticks(open_ms, self._grid(path), amounts)

    def _grid(self, path: Floats) -> Ints:
        """Prices in ticks, at least one."""
        prices = np.exp(path - self._offset[:, None]) * (self._price / self._tick)[:, None]
        grid: Ints = np.maximum(np.rint(prices), 1).astype(np.int64)
        return grid

    def _quantities(self, path: Floats, volumes: Floats, steps: int) -> tuple[Floats, Floats]:
        """Per step: quote amounts, and mean log prices to turn them into base amounts."""
        quote = volumes.reshape(len(volumes), steps, -1).sum(axis=2)
        return quote, path.reshape(len(path), steps, -1).mean(axis=2)

    def _amounts(self, quote: Floats, mean: Floats) -> Ints:
        """Base amounts in quantity steps; a step with turnover trades at least one."""
        price = np.exp(mean - self._offset[:, None]) * self._price[:, None]
        amounts = np.rint(quote / price / self._step[:, None]).astype(np.int64)
        kept: Ints = np.where(quote > 0, np.maximum(amounts, 1), 0)
        return kept

    def _ticks(self, open_ms: int, grid: Ints, traded: Ints) -> list[Tick]:
        steps = self.steps_per_minute
        amounts = traded.tolist()
        ticks: list[Tick] = []
        for index, (profile, path) in enumerate(zip(self._profiles, grid.tolist(), strict=True)):
            before = path[0]
            times = step_times(open_ms, steps, index, len(self._profiles))
            for time_ms, price, amount in zip(times, thin(path, steps), amounts[index], strict=True):
                buys = price > before or (price == before and (price + amount) % 2 == 0)
                ticks.append(Tick(time_ms, profile.symbol, profile.tick * price, profile.step * amount, buys))
                before = price
        ticks.sort(key=lambda tick: tick.time_ms)
        return ticks

    def _play_history(self, minutes: int, seed: int) -> Mapping[str, History]:
        corners, quotes, means = [], [], []
        path = np.zeros((len(self._profiles), SECONDS))
        for _ in range(minutes):
            path, volumes = self._model.step()
            # rounding to ticks keeps the order of prices, so the corners of the path are those of the candle
            corners.append(np.stack([path[:, 0], path.max(axis=1), path.min(axis=1), path[:, -1]], axis=1))
            quote, mean = self._quantities(path, volumes, CORNERS)
            quotes.append(quote)
            means.append(mean)
        self._offset = path[:, -1].copy()
        if not minutes:
            return {}
        grids = np.stack([self._grid(corner) for corner in corners], axis=1)
        amounts = np.stack([self._amounts(quote, mean) for quote, mean in zip(quotes, means, strict=True)], axis=1)
        first_ms = self._next_ms - minutes * MINUTE_MS
        hours_random = np.random.RandomState((seed + 1) % 2**32)
        return {
            profile.symbol: self._symbol_history(profile, grids[index], amounts[index], first_ms, hours_random)
            for index, profile in enumerate(self._profiles)
        }

    def _symbol_history(
        self, profile: Profile, grid: Ints, amounts: Ints, first_ms: int, random: np.random.RandomState
    ) -> History:
        times = first_ms + MINUTE_MS * np.arange(len(grid))
        rows = candle_rows(profile, times, grid, amounts)
        # as many trades as the same minute has when it is played
        rows[:, column.COUNT] *= self.steps_per_minute // CORNERS
        # whole hours only, so that built and stored higher candles agree
        keep = int(np.searchsorted(times, -(-first_ms // HOUR_MS) * HOUR_MS))
        rows = rows[keep:]
        if not len(rows):
            return History(minutes=rows)
        hours = _earlier_hours(profile, rows, random)
        hours[:, column.COUNT] *= MINUTES_PER_HOUR * self.steps_per_minute // CORNERS
        return History(minutes=rows, hours=hours)


def candle_rows(profile: Profile, times: Ints, grid: Ints, amounts: Ints) -> Rows:
    """Candles from price paths in ticks (one row per candle) and amounts in steps (four or so per candle).

    Amounts are taken to trade at the open, the extremes and the close.
    """
    unit, decimals = PRICE_SCALE, profile.decimals
    tick = int(profile.tick * unit)
    step = int(profile.step.scaleb(decimals))
    rows = np.zeros((len(grid), WIDTH), dtype=np.int64)
    rows[:, column.OPEN_MS] = times
    opened, close = grid[:, 0], grid[:, -1]
    high, low = grid.max(axis=1), grid.min(axis=1)
    for place, prices in ((column.OPEN, opened), (column.HIGH, high), (column.LOW, low), (column.CLOSE, close)):
        rows[:, place] = prices * tick
    rows[:, column.VOLUME] = amounts.sum(axis=1) * step
    numerator, denominator = (profile.tick * profile.step * unit).as_integer_ratio()
    points = np.stack([opened, high, low, close], axis=1)
    rows[:, column.QUOTE] = (points * amounts).sum(axis=1) * numerator // denominator
    rows[:, column.COUNT] = (amounts > 0).sum(axis=1)
    rising = np.where(close > opened, 3, np.where(close < opened, 1, 2))
    rows[:, column.TAKER_BASE] = rows[:, column.VOLUME] * rising // 4
    rows[:, column.TAKER_QUOTE] = rows[:, column.QUOTE] * rising // 4
    rows[:, column.FIRST_ID :] = column.NO_ID
    return rows


def _earlier_hours(profile: Profile, minutes: Rows, random: np.random.RandomState) -> Rows:
    """Hours before the first minute: a walk backwards from its open, with an hour's volatility."""
    sigma = profile.volatility * 60**0.5
    moves = random.standard_normal((HISTORY_HOURS, SECONDS)) * sigma / SECONDS**0.5
    moves = moves[::-1] * (1 + random.standard_normal((HISTORY_HOURS, 1)) * 0.3)
    walk = np.cumsum(moves.ravel())
    # pulled home a little, so that two months back the price is of the same order
    walk = (walk - walk[-1]) * 0.6
    opened_ticks = int(minutes[0, column.OPEN]) / float(profile.tick) / PRICE_SCALE
    grid = np.maximum(np.rint(np.exp(walk) * opened_ticks), 1).astype(np.int64).reshape(HISTORY_HOURS, SECONDS)
    quote = profile.turnover * 60 * np.exp(0.4 * random.standard_normal((HISTORY_HOURS, 4))) / 4
    mean = grid.mean(axis=1, keepdims=True) * float(profile.tick)
    amounts = np.maximum(np.rint(quote / mean / float(profile.step)), 1).astype(np.int64)
    first_ms = int(minutes[0, column.OPEN_MS]) - HISTORY_HOURS * HOUR_MS
    return candle_rows(profile, first_ms + HOUR_MS * np.arange(HISTORY_HOURS), grid, amounts)
