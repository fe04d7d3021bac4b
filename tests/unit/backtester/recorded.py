"""Bars written by hand: what a test of fills reads as a table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from backtester.fast_engine.fills import Doubt, FillRules, RecordedMarket
from backtester.listings import listing_of
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe
from shared.src.market.recorded_history import RecordedHistory

START_MS = 1_767_225_600_000
SYMBOL = "BTCUSDC"


def bar(place: int, prices: str, volume: str = "100.001") -> Candle:
    """A minute by its place and "open high low close"."""
    opened, high, low, close = (Decimal(price) for price in prices.split())
    time = START_MS + place * MINUTE_MS
    return Candle(SYMBOL, Timeframe.M1, time, opened, high, low, close, Decimal(volume))


def history(rows: Sequence[str], volume: str = "100.001") -> RecordedHistory:
    return RecordedHistory(SYMBOL, Timeframe.M1, tuple(bar(place, prices, volume) for place, prices in enumerate(rows)))


def market(
    rows: Sequence[str], *, doubt: Doubt = Doubt.STOP, slippage: str = "0", volume: str = "100.001"
) -> RecordedMarket:
    recorded = history(rows, volume)
    return RecordedMarket(
        listing_of(recorded), recorded.candles, FillRules(slippage_percent=Decimal(slippage), doubt=doubt)
    )
