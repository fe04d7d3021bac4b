"""What traded in a span of time: the statistics of tickers."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from simulator.market import series as column
from simulator.market.candles import SymbolCandles
from simulator.market.intervals import (
    candle_start,
)
from simulator.market.series import fixed, merge


@dataclass(frozen=True, slots=True)
class Window:
    """What traded in a span of time, in Binance's spelling (strings with eight decimals). Ids are -1 without
    trades."""

    open_time: int
    close_time: int
    previous_close: str
    open: str
    high: str
    low: str
    last: str
    last_quantity: str
    volume: str
    quote_volume: str
    weighted_average: str
    change: str
    change_percent: str
    count: int
    first_id: int
    last_id: int


def window_of(candles: SymbolCandles, from_ms: int, now_ms: int) -> Window:
    """Statistics of the minutes opening at or after ``from_ms``, the open one included."""
    candles.roll(now_ms)
    rows = candles.minutes.rows
    split = int(np.searchsorted(rows[:, column.OPEN_MS], candle_start("1m", from_ms)))
    everything = np.concatenate([rows[split:], np.array([candles.open.row()], dtype=np.int64)])
    total = merge(everything, np.zeros(1, dtype=np.int64))[0].tolist()
    opened, close = total[column.OPEN], total[column.CLOSE]
    previous = int(rows[split - 1, column.CLOSE]) if split else opened
    volume, change = total[column.VOLUME], close - opened
    average = total[column.QUOTE] * 10**candles.decimals // volume if volume else 0
    percent = (Decimal(change) * 100 / opened).quantize(Decimal("0.001")) if opened else Decimal("0.000")
    return Window(
        open_time=from_ms,
        close_time=now_ms,
        previous_close=fixed(previous),
        open=fixed(opened),
        high=fixed(total[column.HIGH]),
        low=fixed(total[column.LOW]),
        last=fixed(close),
        last_quantity=fixed(candles.last_quantity, candles.decimals),
        volume=fixed(volume, candles.decimals),
        quote_volume=fixed(total[column.QUOTE]),
        weighted_average=fixed(average),
        change=("-" if change < 0 else "") + fixed(abs(change)),
        change_percent=format(percent, "f"),
        count=total[column.COUNT],
        first_id=total[column.FIRST_ID],
        last_id=total[column.LAST_ID],
    )
