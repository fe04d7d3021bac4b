"""A generated market as strategies see it: columns with other timeframes and symbols, and the same bar by bar."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

import numpy as np

from analyzer.src.strategy_loader import StrategyLoader
from analyzer.strategies.base_strategy import RuleStrategy
from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.features.window import FeatureWindow
from core.rules.frames import Column, ColumnFrame, align, wire_row
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES
from tests.unit.core.features.market import Bar, close_times, generated, merged

# the last one stands for the leading coin
SYMBOLS = {"AAAUSDC": 41, "BBBUSDC": 42, "BTCUSDC": 43}
Features = dict[str, Column]


@dataclass(frozen=True, slots=True)
class Market:
    """Features of every symbol in one timeframe and those above it."""

    timeframe: str
    features: dict[tuple[str, str], Features]

    def frame(self, symbol: str, only: Collection[str] | None = None) -> ColumnFrame:
        """The symbol's columns, or some of them, with those above and beside."""
        features = self.features[(symbol, self.timeframe)]
        own = features if only is None else {name: column for name, column in features.items() if name in only}
        close = close_times(features, self.timeframe)
        above = HIGHER_TIMEFRAMES[self.timeframe]
        return ColumnFrame(
            own,
            length=len(close),
            symbol=symbol,
            timeframe=self.timeframe,
            higher={
                name: align(self.features[(symbol, name)], close_times(self.features[(symbol, name)], name), close)
                for name in above
            },
            peers={
                other: align(
                    self.features[(other, self.timeframe)],
                    close_times(self.features[(other, self.timeframe)], self.timeframe),
                    close,
                )
                for other in SYMBOLS
                if other != symbol
            },
        )

    def window_until(self, symbol: str, index: int, rows: int = 12) -> FeatureWindow:
        """What the analyzer holds when bar ``index`` has closed, other series as far as they have closed too."""
        window = FeatureWindow()
        now = close_times(self.features[(symbol, self.timeframe)], self.timeframe)[index]
        for (name, timeframe), features in self.features.items():
            closes = close_times(features, timeframe)
            last = int(np.searchsorted(closes, now, side="right"))
            for at in range(max(0, last - rows), last):
                row = wire_row({feature: float(column[at]) for feature, column in features.items()})
                window.push(name, timeframe, int(closes[at]), row)
        return window


@cache
def market(timeframe: str = "1m", bars: int = 2500) -> Market:
    features = {}
    for symbol, seed in SYMBOLS.items():
        candles: list[Bar] = generated(bars, seed=seed, timeframe=timeframe)
        for name in (timeframe, *HIGHER_TIMEFRAMES[timeframe]):
            series = candles if name == timeframe else merged(candles, timeframe, name)
            features[(symbol, name)] = IndicatorEngine(symbol, name).batch(columns_of(series))
    return Market(timeframe, features)


@cache
def rules() -> dict[str, RuleStrategy]:
    """One instance of every built-in rule."""
    made = {loaded.name: loaded.create() for loaded in StrategyLoader().load().loaded}
    return {name: strategy for name, strategy in made.items() if isinstance(strategy, RuleStrategy)}


def timeframe_of(strategy: RuleStrategy) -> str:
    return strategy.timeframes[0] if strategy.timeframes else "1m"
