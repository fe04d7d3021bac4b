"""The candle store as the REST API reads it: decimals instead of scaled integers."""

from collections.abc import Callable, Sequence
from decimal import Decimal

from simulator.api.state import CandleRow, WindowStats
from simulator.market import series as column
from simulator.market.candle_store import TwinCandles
from simulator.market.intervals import candle_start, next_start


class StoredMarketData:
    """Candles and statistics of one twin. ``horizon`` is the market time (ms) up to which the market has been
    played."""

    def __init__(self, candles: TwinCandles, horizon: Callable[[], int]) -> None:
        self._candles = candles
        self._horizon = horizon

    def klines(
        self, symbol: str, interval: str, *, start: int | None, end: int | None, limit: int, offset_ms: int = 0
    ) -> Sequence[CandleRow]:
        """Raises KeyError for an unknown symbol or interval."""
        candles = self._candles[symbol]
        rows = candles.rows(
            interval, start_ms=start, end_ms=end, limit=limit, now_ms=self._horizon(), zone_ms=offset_ms
        )
        decimals = candles.decimals
        return [_candle(row, interval, offset_ms, decimals) for row in rows]

    def stats(self, symbol: str, *, open_time: int, close_time: int) -> WindowStats:
        """What happened since ``open_time``; the past is read in whole minutes."""
        now_ms = self._horizon()
        window = self._candles.window(symbol, open_time, now_ms)
        return WindowStats(
            symbol,
            Decimal(window.open),
            Decimal(window.high),
            Decimal(window.low),
            Decimal(window.last),
            Decimal(window.previous_close),
            Decimal(window.last_quantity),
            Decimal(window.volume),
            Decimal(window.quote_volume),
            open_time,
            close_time,
            window.first_id,
            window.last_id,
            window.count,
        )


def _price(value: int) -> Decimal:
    return Decimal(value).scaleb(-8)


def _candle(row: list[int], interval: str, zone_ms: int, decimals: int) -> CandleRow:
    start = candle_start(interval, row[column.OPEN_MS], zone_ms)
    return CandleRow(
        start,
        _price(row[column.OPEN]),
        _price(row[column.HIGH]),
        _price(row[column.LOW]),
        _price(row[column.CLOSE]),
        Decimal(row[column.VOLUME]).scaleb(-decimals),
        next_start(interval, start, zone_ms) - 1,
        _price(row[column.QUOTE]),
        row[column.COUNT],
        Decimal(row[column.TAKER_BASE]).scaleb(-decimals),
        _price(row[column.TAKER_QUOTE]),
    )
