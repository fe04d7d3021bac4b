"""Names of market streams: what ``btcusdc@kline_1m`` or ``!miniTicker@arr`` asks for."""

from dataclasses import dataclass
from functools import lru_cache

from simulator.market.intervals import INTERVALS, parse_zone

DEPTHS = (5, 10, 20)
WINDOWS = {"1h": 3_600_000, "4h": 4 * 3_600_000, "1d": 86_400_000}
DAY_MS = WINDOWS["1d"]
PLAIN = frozenset(
    {"trade", "aggTrade", "bookTicker", "miniTicker", "ticker", "avgPrice", "referencePrice", "blockTrade"}
)


@dataclass(frozen=True, slots=True)
class StreamName:
    """A stream name taken apart. ``symbol`` is empty for streams of all symbols; ``fast`` means every 100 ms."""

    kind: str
    symbol: str = ""
    interval: str = ""
    zone_ms: int = 0
    limit: int = 0
    fast: bool = False


@lru_cache(maxsize=16_384)
def parse_name(name: str) -> StreamName | None:
    """Take a name apart; None for a stream that does not exist (which Binance accepts, and never feeds)."""
    if name.startswith("!"):
        return _all_symbols(name)
    symbol, mark, rest = name.partition("@")
    if not mark or not symbol or symbol != symbol.lower():
        return None
    return _one_symbol(symbol.upper(), rest)


def _all_symbols(name: str) -> StreamName | None:
    kind, _, arr = name[1:].partition("@")
    if arr != "arr":
        return None
    if kind == "miniTicker":
        return StreamName("miniTicker")
    if kind.startswith("ticker_") and kind[7:] in WINDOWS:
        return StreamName("rolling", interval=kind[7:])
    return None


def _one_symbol(symbol: str, rest: str) -> StreamName | None:
    if rest in PLAIN:
        return StreamName(rest, symbol)
    if rest.startswith("kline_"):
        return _kline(symbol, rest[6:])
    if rest.startswith("ticker_") and rest[7:] in WINDOWS:
        return StreamName("rolling", symbol, interval=rest[7:])
    kind, _, speed = rest.partition("@")
    if speed not in ("", "100ms", "1000ms"):
        return None
    if kind == "depth":
        return StreamName("depth", symbol, fast=speed == "100ms")
    if kind.startswith("depth") and kind[5:] in map(str, DEPTHS):
        return StreamName("partial", symbol, limit=int(kind[5:]), fast=speed == "100ms")
    return None


def _kline(symbol: str, rest: str) -> StreamName | None:
    interval, mark, zone = rest.partition("@")
    if interval not in INTERVALS:
        return None
    if not mark:
        return StreamName("kline", symbol, interval=interval)
    try:
        return StreamName("kline", symbol, interval=interval, zone_ms=parse_zone(zone))
    except ValueError:
        return None
