"""Stored candles against the exchange's own: what differs is corrected, what is missing is added.

Higher time frames are built here from minutes; the exchange has the last word on all of them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter

from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.symbol_feed import SymbolFeed
from shared.src.contracts.market import CORRECTION
from shared.src.domain.candles import STORED_TIMEFRAMES, Candle, Timeframe
from shared.src.market.ports import CandleHistory

logger = logging.getLogger(__name__)

VERIFIED_BARS = 100

CORRECTED = Counter("roottrading_candles_corrected", "stored candles that were not the exchange's", ["timeframe"])


def differing(stored: Sequence[Candle], exchange: Sequence[Candle]) -> tuple[list[Candle], list[Candle]]:
    """The exchange's candles that are stored with other values, and those missing between stored ones. Pure."""
    by_open = {candle.time: candle for candle in stored}
    if not by_open:
        return [], []
    oldest, newest = min(by_open), max(by_open)
    wrong, missing = [], []
    for candle in exchange:
        known = by_open.get(candle.time)
        if known is None:
            if oldest < candle.time < newest:
                missing.append(candle)
        elif known != candle:
            wrong.append(candle)
    return wrong, missing


class CandleVerifier:
    """Checks the last ``bars`` candles of each time frame."""

    def __init__(self, candles: CandleHistory, fetcher: HistoricalDataFetcher, *, bars: int) -> None:
        self._candles = candles
        self._fetcher = fetcher
        self._bars = bars
        self.checked = 0
        self.corrected = 0
        self.added = 0

    def statistics(self) -> dict[str, Any]:
        return {"checked": self.checked, "corrected": self.corrected, "added": self.added}

    async def check(self, feed: SymbolFeed) -> None:
        """Compare one symbol's time frames and publish the exchange's candles where they differ.

        Raises:
            TransientError: the database or the exchange is away.
        """
        for timeframe in STORED_TIMEFRAMES:
            exchange = await self._fetcher.latest(feed.symbol, timeframe, self._bars)
            if exchange:
                await self._check(feed, timeframe, exchange)

    async def _check(self, feed: SymbolFeed, timeframe: Timeframe, exchange: list[Candle]) -> None:
        stored = await self._candles.candles(feed.symbol, timeframe, until_ms=exchange[-1].time, count=self._bars)
        wrong, missing = differing(stored, exchange)
        self.checked += len(exchange)
        for candle in wrong:
            CORRECTED.labels(timeframe.value).inc()
            logger.error(
                "stored candle was not the exchange's",
                extra={"symbol": candle.symbol, "timeframe": timeframe.value, "open_time_ms": candle.time},
            )
        if missing:
            logger.warning("missing candles added", extra={"symbol": feed.symbol, "timeframe": timeframe.value})
        self.corrected += len(wrong)
        self.added += len(missing)
        await feed.correct(wrong, source=CORRECTION)
        await feed.correct(missing, source="repair")
