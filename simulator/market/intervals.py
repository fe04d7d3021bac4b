"""The sixteen candle intervals of Binance: their names, lengths and where each candle begins.

Interval names are case-sensitive (``1m`` is a minute, ``1M`` a month). Candles are aligned to UTC, weeks begin on
Monday, months on the first; a time zone offset moves every border by that offset (parameter ``timeZone``, streams
``@+08:00``).
"""

import re
from datetime import UTC, datetime

SECOND_MS = 1_000
MINUTE_MS = 60_000
HOUR_MS = 3_600_000
DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS

# 1970-01-05 was the first Monday
MONDAY_OFFSET_MS = 4 * DAY_MS

FIXED_MS: dict[str, int] = {
    "1s": SECOND_MS,
    "1m": MINUTE_MS,
    "3m": 3 * MINUTE_MS,
    "5m": 5 * MINUTE_MS,
    "15m": 15 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "4h": 4 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "8h": 8 * HOUR_MS,
    "12h": 12 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
}
INTERVALS: tuple[str, ...] = (*FIXED_MS, "1w", "1M")
_ZONE = re.compile(r"^([+-]?)(\d{1,2})(?::([0-5]\d))?$")


def parse_zone(text: str) -> int:
    """Read Binance's ``timeZone`` (``0``, ``-1:00``, ``+05:45``, range -12:00..+14:00) as an offset in ms.

    Raises ValueError outside that form or range.
    """
    match = _ZONE.match(text)
    if match is None:
        raise ValueError(f"time zone {text!r} is not hours[:minutes]")
    minutes = int(match[2]) * 60 + int(match[3] or 0)
    offset = -minutes if match[1] == "-" else minutes
    if not -12 * 60 <= offset <= 14 * 60:
        raise ValueError(f"time zone {text!r} is outside -12:00..+14:00")
    return offset * MINUTE_MS


def candle_start(interval: str, time_ms: int, zone_ms: int = 0) -> int:
    """Open time (ms) of the candle of ``interval`` that contains ``time_ms``. Raises KeyError for an unknown
    interval."""
    local = time_ms + zone_ms
    if interval == "1M":
        moment = datetime.fromtimestamp(local / 1000, UTC)
        month = datetime(moment.year, moment.month, 1, tzinfo=UTC)
        return int(month.timestamp()) * 1000 - zone_ms
    if interval == "1w":
        return (local - MONDAY_OFFSET_MS) // WEEK_MS * WEEK_MS + MONDAY_OFFSET_MS - zone_ms
    length = FIXED_MS[interval]
    return local // length * length - zone_ms


def next_start(interval: str, start_ms: int, zone_ms: int = 0) -> int:
    """Open time (ms) of the candle that follows the one opening at ``start_ms``."""
    if interval == "1M":
        # 32 days after the first of a month always lies in the next month
        return candle_start("1M", start_ms + 32 * DAY_MS, zone_ms)
    if interval == "1w":
        return start_ms + WEEK_MS
    return start_ms + FIXED_MS[interval]
