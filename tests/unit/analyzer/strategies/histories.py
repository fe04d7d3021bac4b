"""Histories of candles as strategies see them on columns, with the time frames above and the other symbols beside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.rules.frames import Aligned, ColumnFrame, align
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES
from shared.src.domain.candles import Timeframe
from simulator.market.series import PRICE_SCALE, VOLUME
from simulator.market.symbols import DEFAULT_PROFILES
from simulator.market.synthetic import SyntheticMarket
from tests.unit.analyzer.strategies.markets import Features
from tests.unit.core.features.market import Bar, close_times, merged
from tests.unit.core.features.recordings import NAMES, recorded

SEEDS = (1, 2, 3)
COINS = DEFAULT_PROFILES[:3]
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


@dataclass(frozen=True)
class Series:
    """Candles of several symbols in one time frame, over the same time as far as they overlap."""

    timeframe: str
    candles: dict[str, tuple[Bar, ...]]

    def in_timeframe(self, timeframe: str) -> Series:
        """The same market, merged into a higher time frame."""
        return Series(
            timeframe,
            {symbol: tuple(_merged(bars, self.timeframe, timeframe)) for symbol, bars in self.candles.items()},
        )


def _merged(bars: Sequence[Bar], source: str, target: str) -> Sequence[Bar]:
    if source == target:
        return bars
    step = Timeframe(target).milliseconds
    first = next((at for at, bar in enumerate(bars) if bar.time % step == 0), len(bars))
    return merged(bars[first:], source, target)


def frames(series: Series) -> dict[str, ColumnFrame]:
    """A frame for each symbol."""
    names = (series.timeframe, *HIGHER_TIMEFRAMES[series.timeframe])
    features: dict[tuple[str, str], Features] = {}
    for symbol, bars in series.candles.items():
        for name in names:
            columns = columns_of(_merged(bars, series.timeframe, name))
            features[(symbol, name)] = IndicatorEngine(symbol, name).batch(columns)
    return {symbol: _frame(symbol, series, features) for symbol in series.candles}


def _frame(symbol: str, series: Series, features: dict[tuple[str, str], Features]) -> ColumnFrame:
    own = features[(symbol, series.timeframe)]
    close = close_times(own, series.timeframe)

    def aligned(other: str, timeframe: str) -> Aligned:
        found = features[(other, timeframe)]
        return align(found, close_times(found, timeframe), close)

    return ColumnFrame(
        own,
        length=len(close),
        symbol=symbol,
        timeframe=series.timeframe,
        higher={name: aligned(symbol, name) for name in HIGHER_TIMEFRAMES[series.timeframe]},
        peers={other: aligned(other, series.timeframe) for other in series.candles if other != symbol},
    )


@cache
def recordings(bars: int | None = None) -> dict[str, Series]:
    """The recorded markets, those of one time and time frame together."""
    groups: dict[str, dict[str, tuple[Bar, ...]]] = {}
    for name in NAMES:
        symbol, period = name.split("-", 1)
        groups.setdefault(period, {})[symbol] = tuple(recorded(name, bars))
    return {period: Series(period.split("-")[0], candles) for period, candles in groups.items()}


@cache
def synthetic(seed: int, minutes: int = 6_000) -> Series:
    """The twin's generated market of three coins."""
    market = SyntheticMarket(COINS, seed=seed, start_ms=START_MS, steps_per_minute=4, history_minutes=minutes)
    candles: dict[str, tuple[Bar, ...]] = {}
    for coin in COINS:
        rows = market.history(coin.symbol).minutes.tolist()
        first = START_MS - len(rows) * 60_000
        bars = []
        for place, row in enumerate(rows):
            opened, high, low, close = (float(Decimal(price) / PRICE_SCALE) for price in row[1:VOLUME])
            volume = float(Decimal(row[VOLUME]).scaleb(-coin.decimals))
            bars.append(Bar(first + place * 60_000, opened, high, low, close, volume))
        candles[coin.symbol] = tuple(bars)
    return Series("1m", candles)
