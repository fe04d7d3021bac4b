"""Every candle the twin can show, kept from trades: the minute is the root, all other intervals are built from it.

Invariants: minutes follow each other without holes (a minute without trades is flat with volume 0), the newest candle
is the open one, sums are exact, and memory is bounded: MINUTES_MAX minutes, HOURS_MAX hours and SECONDS_MAX seconds a
symbol.
"""

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.market import series as column
from simulator.market.intervals import (
    DAY_MS,
    FIXED_MS,
    HOUR_MS,
    MINUTE_MS,
    MONDAY_OFFSET_MS,
    SECOND_MS,
    WEEK_MS,
    candle_start,
    next_start,
)
from simulator.market.series import Bar, Rows, Series, merge, scaled

MINUTES_MAX = 10_000
HOURS_MAX = 10_000
SECONDS_MAX = 1_000


class SymbolCandles:
    """The candles of one symbol. Times in ms of the market clock, prices and amounts as in ``series``."""

    def __init__(self, symbol: str, *, decimals: int, start_ms: int, price: Decimal) -> None:
        self.symbol = symbol
        self.decimals = decimals
        self.minutes = Series(MINUTES_MAX)
        self.hours = Series(HOURS_MAX)
        self.open = Bar.flat(candle_start("1m", start_ms), scaled(price))
        self.last_quantity = 0
        self.closed_count = 0
        self._hours_until = candle_start("1h", start_ms)
        self._seconds: deque[Bar] = deque(maxlen=SECONDS_MAX)
        self._closed_so_far: dict[tuple[str, int], tuple[int, Rows]] = {}

    def state(self) -> tuple[dict[str, Any], Rows, Rows]:
        """Everything to build the same candles from: plain values, closed minutes, closed hours."""
        values = {
            "decimals": self.decimals,
            "open": self.open.row(),
            "last_quantity": self.last_quantity,
            "closed_count": self.closed_count,
            "hours_until": self._hours_until,
            "seconds": [bar.row() for bar in self._seconds],
        }
        return values, self.minutes.rows, self.hours.rows

    @classmethod
    def restored(cls, symbol: str, values: dict[str, Any], minutes: Rows, hours: Rows) -> "SymbolCandles":
        """The candles that ``state`` described."""
        candles = cls(symbol, decimals=values["decimals"], start_ms=0, price=Decimal(0))
        candles.minutes.extend(minutes)
        candles.hours.extend(hours)
        candles.open = Bar(*values["open"])
        candles.last_quantity, candles.closed_count = values["last_quantity"], values["closed_count"]
        candles._hours_until = values["hours_until"]
        candles._seconds.extend(Bar(*row) for row in values["seconds"])
        return candles

    def load(self, minutes: Rows, hours: Rows | None = None) -> None:
        """Put closed history before the open candle: older whole hours, then minutes up to the open one."""
        if hours is not None and len(hours):
            self.hours.extend(hours)
        if len(minutes):
            self._hours_until = candle_start("1h", int(minutes[0, column.OPEN_MS]))
            self._extend(minutes)
            newest = minutes[-1]
            self.open = Bar.flat(int(newest[column.OPEN_MS]) + MINUTE_MS, int(newest[column.CLOSE]))

    def add_trade(self, price: Decimal, quantity: Decimal, time_ms: int, taker_buys: bool, trade_id: int) -> None:
        """Count one trade into the open candle, closing older ones first when its time is later."""
        self.roll(time_ms)
        amount = scaled(quantity, self.decimals)
        scaled_price = scaled(price)
        quote = scaled(price * quantity)
        self.last_quantity = amount
        second_ms = time_ms // SECOND_MS * SECOND_MS
        if not self._seconds or self._seconds[-1].open_ms != second_ms:
            self._seconds.append(Bar.flat(second_ms, self.open.close))
        for bar in (self.open, self._seconds[-1]):
            bar.add(price=scaled_price, quantity=amount, quote=quote, taker_buys=taker_buys, trade_id=trade_id)

    def put(self, row: Sequence[int]) -> None:
        """Replace a minute, open or closed, by what someone who knows better says of it (columns of ``series``).

        A later minute closes the ones before it; one that is no longer kept is ignored.
        """
        start = row[column.OPEN_MS]
        self.roll(start)
        self._closed_so_far.clear()
        if start == self.open.open_ms:
            self.open = Bar(*row)
            return
        times = self.minutes.rows[:, column.OPEN_MS]
        place = int(np.searchsorted(times, start))
        if place >= len(times) or int(times[place]) != start:
            return
        self.minutes.rows[place] = row
        if place == len(times) - 1 and not self.open.count:
            self.open = Bar.flat(self.open.open_ms, row[column.CLOSE])
        self._rebuild_hour(candle_start("1h", start))

    def _rebuild_hour(self, start: int) -> None:
        """Sum an hour up again from its minutes, if it has been summed up and they are all kept."""
        place = int(np.searchsorted(self.hours.rows[:, column.OPEN_MS], start))
        part = self._slice(self.minutes.rows, start, start + HOUR_MS)
        known = place < len(self.hours) and int(self.hours.rows[place, column.OPEN_MS]) == start
        if known and len(part) == HOUR_MS // MINUTE_MS:
            self.hours.rows[place] = merge(part, np.zeros(1, dtype=np.int64))[0]

    def roll(self, now_ms: int) -> int:
        """Close every minute that ended by ``now_ms``; returns how many closed."""
        closed = (now_ms - self.open.open_ms) // MINUTE_MS
        if closed <= 0:
            return 0
        rows = np.zeros((closed, column.WIDTH), dtype=np.int64)
        rows[:, column.OPEN_MS] = self.open.open_ms + MINUTE_MS * np.arange(closed)
        rows[:, column.OPEN : column.CLOSE + 1] = self.open.close
        rows[:, column.FIRST_ID :] = column.NO_ID
        rows[0] = self.open.row()
        self.open = Bar.flat(self.open.open_ms + closed * MINUTE_MS, self.open.close)
        self._extend(rows)
        return int(closed)

    def _extend(self, rows: Rows) -> None:
        self.minutes.extend(rows)
        self.closed_count += len(rows)
        end = int(rows[-1, column.OPEN_MS]) + MINUTE_MS
        if end // HOUR_MS * HOUR_MS > self._hours_until:
            until = end // HOUR_MS * HOUR_MS
            tail = self._slice(self.minutes.rows, self._hours_until, until)
            if len(tail):
                self.hours.extend(merge(tail, _borders(tail, "1h", 0)))
            self._hours_until = until

    @staticmethod
    def _slice(rows: Rows, from_ms: int, until_ms: int) -> Rows:
        times = rows[:, column.OPEN_MS]
        low, high = np.searchsorted(times, [from_ms, until_ms])
        return rows[low:high]

    def _base(self, interval: str, zone_ms: int, from_ms: int, until_ms: int) -> Rows:
        """Closed rows of the finest stored kind that builds ``interval``, opening in [from_ms, until_ms)."""
        minutes = self.minutes.rows
        long = interval in ("1w", "1M") or FIXED_MS[interval] >= HOUR_MS
        if not long or zone_ms % HOUR_MS:
            return self._slice(minutes, from_ms, until_ms)
        hours = self._slice(self.hours.rows, from_ms, until_ms)
        tail = self._slice(minutes, max(self._hours_until, from_ms), until_ms)
        return np.concatenate([hours, tail])

    def current(self, interval: str, zone_ms: int = 0) -> tuple[Rows, int]:
        """The open candle of ``interval`` as one row, and the open time of the candle after it."""
        start = candle_start(interval, self.open.open_ms, zone_ms)
        row = np.array([self.open.row()], dtype=np.int64)
        if interval != "1m":
            row = self._with_closed_part(interval, zone_ms, start, row)
        return row, next_start(interval, start, zone_ms)

    def _with_closed_part(self, interval: str, zone_ms: int, start: int, row: Rows) -> Rows:
        version, part = self._closed_so_far.get((interval, zone_ms), (-1, row))
        if version != self.closed_count:
            rows = self._base(interval, zone_ms, start, self.open.open_ms)
            part = merge(rows, np.zeros(1, dtype=np.int64)) if len(rows) else rows
            self._closed_so_far[interval, zone_ms] = (self.closed_count, part)
        if not len(part):
            row[0, column.OPEN_MS] = start
            return row
        merged = merge(np.concatenate([part, row]), np.zeros(1, dtype=np.int64))
        merged[0, column.OPEN_MS] = start
        return merged

    def open_row(self, interval: str, start_ms: int, zone_ms: int = 0) -> list[int]:
        """The candle of ``interval`` that is open and began at ``start_ms``."""
        if interval == "1s":
            return self._second(start_ms)
        row, _ = self.current(interval, zone_ms)
        return [int(value) for value in row[0]]

    def closed_row(self, interval: str, start_ms: int, zone_ms: int = 0) -> list[int] | None:
        """The candle that began at ``start_ms`` and has ended; None when it is no longer kept."""
        if interval == "1s":
            return self._second(start_ms)
        rows = self._interval_rows(interval, start_ms, start_ms, 1, zone_ms)
        if not len(rows) or candle_start(interval, int(rows[0, column.OPEN_MS]), zone_ms) != start_ms:
            return None
        values = [int(value) for value in rows[0]]
        values[column.OPEN_MS] = start_ms
        return values

    def _second(self, start_ms: int) -> list[int]:
        """The second that began at ``start_ms``; flat at the price before it when nothing traded."""
        for bar in reversed(self._seconds):
            if bar.open_ms == start_ms:
                return list(bar.row())
            if bar.open_ms < start_ms:
                return list(Bar.flat(start_ms, bar.close).row())
        return list(Bar.flat(start_ms, self.open.open).row())

    def rows(
        self, interval: str, *, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int, zone_ms: int = 0
    ) -> list[list[int]]:
        """Candles as rows of scaled integers (columns of ``series``), chronological, the open candle last.

        Only a start: the oldest from there on; otherwise the newest up to the end (or now).
        """
        if interval == "1s":
            found = self._second_rows(start_ms, end_ms, limit, now_ms)
        else:
            self.roll(now_ms)
            found = self._interval_rows(interval, start_ms, end_ms, limit, zone_ms)
        rows: list[list[int]] = found.tolist()
        return rows

    def _interval_rows(self, interval: str, start_ms: int | None, end_ms: int | None, limit: int, zone_ms: int) -> Rows:
        length = {"1w": WEEK_MS, "1M": 31 * DAY_MS}.get(interval) or FIXED_MS[interval]
        until = self.open.open_ms if end_ms is None else min(end_ms, self.open.open_ms)
        if start_ms is not None:
            first = candle_start(interval, max(start_ms, 0), zone_ms)
            if first < start_ms:
                first = next_start(interval, first, zone_ms)
            first = max(first, candle_start(interval, self._oldest(interval, zone_ms), zone_ms))
            past = min(
                first + (limit + 1) * length, next_start(interval, candle_start(interval, until, zone_ms), zone_ms)
            )
        else:
            past = next_start(interval, candle_start(interval, until, zone_ms), zone_ms)
            first = candle_start(interval, past - limit * length, zone_ms)
        rows = self._base(interval, zone_ms, first, min(past, self.open.open_ms))
        if first <= self.open.open_ms < past:
            rows = np.concatenate([rows, np.array([self.open.row()], dtype=np.int64)])
        built = merge(rows, _borders(rows, interval, zone_ms)) if len(rows) and interval != "1m" else rows
        if end_ms is not None:
            built = built[built[:, column.OPEN_MS] <= end_ms]
        return built[:limit] if start_ms is not None else built[-limit:]

    def _oldest(self, interval: str, zone_ms: int) -> int:
        base = self._base(interval, zone_ms, 0, self.open.open_ms)
        return int(base[0, column.OPEN_MS]) if len(base) else self.open.open_ms

    def _second_rows(self, start_ms: int | None, end_ms: int | None, limit: int, now_ms: int) -> Rows:
        """Second candles: those with trades are kept, the flat ones between them are filled in here."""
        until = min(now_ms, now_ms if end_ms is None else end_ms) // SECOND_MS * SECOND_MS
        first = until - (limit - 1) * SECOND_MS if start_ms is None else -(-start_ms // SECOND_MS) * SECOND_MS
        oldest = self._seconds[0].open_ms if self._seconds else until
        first = max(first, oldest, until - (SECONDS_MAX - 1) * SECOND_MS)
        traded = {bar.open_ms: bar for bar in self._seconds}
        rows: list[tuple[int, ...]] = []
        before = [bar.close for bar in self._seconds if bar.open_ms < first]
        close = before[-1] if before else (self._seconds[0].open if self._seconds else self.open.close)
        for open_ms in range(first, min(until, first + (limit - 1) * SECOND_MS) + 1, SECOND_MS):
            bar = traded.get(open_ms) or Bar.flat(open_ms, close)
            close = bar.close
            rows.append(bar.row())
        return np.array(rows, dtype=np.int64).reshape(len(rows), column.WIDTH)

    def average_price(self, minutes: int, now_ms: int) -> Decimal:
        """Volume-weighted average over the last ``minutes``; without trades the last price."""
        self.roll(now_ms)
        rows = self._slice(self.minutes.rows, self.open.open_ms - (minutes - 1) * MINUTE_MS, self.open.open_ms)
        quote = int(rows[:, column.QUOTE].sum()) + self.open.quote
        volume = int(rows[:, column.VOLUME].sum()) + self.open.volume
        value = quote * 10**self.decimals // volume if volume else self.open.close
        return Decimal(value).scaleb(-8)


def _borders(rows: Rows, interval: str, zone_ms: int) -> NDArray[np.int64]:
    """Indices at which a new candle of ``interval`` begins."""
    local = rows[:, column.OPEN_MS] + zone_ms
    if interval == "1M":
        bucket = local.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    elif interval == "1w":
        bucket = (local - MONDAY_OFFSET_MS) // WEEK_MS
    else:
        bucket = local // FIXED_MS[interval]
    changes = np.flatnonzero(np.diff(bucket)) + 1
    return np.concatenate([np.zeros(1, dtype=np.int64), changes])
