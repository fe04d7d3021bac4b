"""Generated candles with everything the rules look for: trends, ranges, spikes, crashes, dead stretches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.rules.frames import Column
from shared.src.domain.candles import Timeframe

START_MS = 1_700_006_400_000  # midnight UTC


@dataclass(frozen=True, slots=True)
class Bar:
    """A candle as the engine reads it."""

    time: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    quote_asset_volume: float = 0.0
    number_of_trades: int = 0


def generated(bars: int, *, seed: int = 7, price: float = 100.0, timeframe: str = "1m") -> list[Bar]:
    """A market that changes its character every 80 to 250 bars; a power-of-two ``price`` scales exactly."""
    random = np.random.default_rng(seed)
    drift, noise, busy = np.empty(bars), np.empty(bars), np.ones(bars)
    at = 0
    while at < bars:
        stop = min(bars, at + int(random.integers(80, 250)))
        drift[at:stop] = random.choice([-0.0006, -0.0002, 0.0, 0.0, 0.0002, 0.0006])
        noise[at:stop] = random.choice([0.0004, 0.001, 0.003])
        at = stop
    moves = drift + noise * random.standard_t(4, bars)
    for start in range(400, bars - 20, 700):
        kind = (start // 700) % 3
        if kind == 0:  # a dead stretch
            moves[start : start + 15] = 0.0
            busy[start : start + 15] = 0.0
        else:  # a pump or a crash on volume
            moves[start : start + 6] = (0.008 if kind == 1 else -0.008) * np.linspace(0.5, 1.5, 6)
            busy[start : start + 6] = 8.0
    closes = np.exp(np.cumsum(moves))
    opens = np.concatenate(([1.0], closes[:-1]))
    reach = np.abs(random.normal(0.0, noise * 0.6, (2, bars))) * (busy > 0)
    highs, lows = np.maximum(opens, closes) * (1 + reach[0]), np.minimum(opens, closes) * (1 - reach[1])
    volumes = random.lognormal(3.0, 0.6, bars) * busy * (1.0 + 200.0 * np.abs(moves))
    step = Timeframe(timeframe).milliseconds
    return [
        Bar(
            time=START_MS + index * step,
            open=float(opens[index] * price),
            high=float(highs[index] * price),
            low=float(lows[index] * price),
            close=float(closes[index] * price),
            volume=float(volumes[index]),
            quote_asset_volume=float(volumes[index] * closes[index] * price),
            number_of_trades=int(volumes[index] * 3),
        )
        for index in range(bars)
    ]


def merged(candles: Sequence[Bar], source: str, target: str) -> list[Bar]:
    """The complete higher candles of a history."""
    count = Timeframe(target).milliseconds // Timeframe(source).milliseconds
    result = []
    for start in range(0, len(candles) - count + 1, count):
        part = candles[start : start + count]
        result.append(
            Bar(
                time=part[0].time,
                open=part[0].open,
                high=max(bar.high for bar in part),
                low=min(bar.low for bar in part),
                close=part[-1].close,
                volume=sum(bar.volume for bar in part),
                quote_asset_volume=sum(bar.quote_asset_volume for bar in part),
                number_of_trades=sum(bar.number_of_trades for bar in part),
            )
        )
    return result


def close_times(columns: dict[str, Column], timeframe: str) -> Column:
    """Close times of the bars of a batch, as the exchange writes them."""
    return columns["time"] + Timeframe(timeframe).milliseconds - 1
