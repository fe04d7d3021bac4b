"""One symbol's way from closed candles, however they come, to an unbroken line in Kafka.

A feed has a queue and a worker of its own, so that one symbol's repair does not hold up the others, and a lock, so
that the order of a symbol never changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from prometheus_client import Counter

from core.market.series import HIGHER, Built, CandleSeries
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.ports import MarketProducer
from shared.src.domain.candles import MINUTE_MS, Candle, Gap, Timeframe
from shared.src.domain.clock import Clock

logger = logging.getLogger(__name__)

BACKFILL_MINUTES_MAX = 7 * 1440
HOLE_TRIES = 3

REPAIRED = Counter("roottrading_candles_repaired", "candles fetched because the stream did not deliver them")


class SymbolFeed:
    """Closed 1m candles of ``symbol``; ``load`` comes first, ``run`` serves the queue until cancelled."""

    def __init__(
        self, symbol: str, *, clock: Clock, fetcher: HistoricalDataFetcher, producer: MarketProducer, warmup: int
    ) -> None:
        self.symbol = symbol
        self.repaired = 0
        self.waiting: asyncio.Queue[Candle] = asyncio.Queue()
        self.lock = asyncio.Lock()
        self._clock = clock
        self._fetcher = fetcher
        self._producer = producer
        self._warmup = warmup
        self._series = CandleSeries(symbol)
        self._held_back = 0

    @property
    def last_open_ms(self) -> int | None:
        """Open time of the newest closed candle that was published."""
        return self._series.last_open_ms

    async def run(self) -> None:
        """Publish what the stream delivers."""
        while True:
            candle = await self.waiting.get()
            async with self.lock:
                await self._append(candle, source="stream")

    async def load(self, stored: Mapping[Timeframe, int]) -> None:
        """Publish what strategies need to warm up, and everything that closed since the newest stored candles.

        ``stored`` has the open time of the newest stored candle by time frame. What is newer is decided on; without
        any, all is history.
        """
        async with self.lock:
            minutes = await self._minutes(stored.get(Timeframe.M1))
            fresh: list[Candle] = []
            # one time frame at a time: what all symbols load at once is the most memory this process ever needs
            for timeframe in HIGHER:
                candles = await self._fetcher.latest(self.symbol, timeframe, self._warmup)
                fresh += await self._publish_known(candles, stored.get(timeframe))
            fresh += await self._publish_known(minutes, stored.get(Timeframe.M1))
            # as they would have come: by the time they closed, 1m first
            fresh.sort(key=lambda candle: (candle.close_time, candle.timeframe.milliseconds))
            await self._producer.closed(fresh, source="repair")

    async def _publish_known(self, candles: list[Candle], stored_ms: int | None) -> list[Candle]:
        """Publish as history what is stored already, or everything when nothing is; returns the rest."""
        known = [candle for candle in candles if stored_ms is None or candle.time <= stored_ms]
        await self._producer.closed(known, source="history")
        return candles[len(known) :]

    async def _minutes(self, stored_ms: int | None) -> list[Candle]:
        """The minutes to start from, taken into the series."""
        now_open = Timeframe.M1.open_of(self._clock.now_ms())
        start = now_open - self._warmup * MINUTE_MS
        if stored_ms is not None:
            oldest = now_open - BACKFILL_MINUTES_MAX * MINUTE_MS
            start = max(min(start, stored_ms + MINUTE_MS), oldest)
        minutes = await self._fetcher.between(self.symbol, Timeframe.M1, start, now_open)
        for minute in minutes:
            if isinstance(self._series.append(minute), Gap):
                logger.warning("the exchange's own history has a hole", extra={"symbol": self.symbol})
                self._series.last_open_ms = None
                self._series.append(minute)
        return minutes

    async def catch_up(self) -> None:
        """Fetch and publish every closed minute after the newest one published."""
        async with self.lock:
            now_open = Timeframe.M1.open_of(self._clock.now_ms())
            last = self._series.last_open_ms
            start = now_open - self._warmup * MINUTE_MS if last is None else last + MINUTE_MS
            if start < now_open:
                await self._repair(Gap(start, now_open))

    async def correct(self, candles: list[Candle], *, source: str) -> None:
        """Publish candles of the past that replace, or add to, what is stored."""
        async with self.lock:
            await self._producer.closed(candles, source=source)

    async def _repair(self, gap: Gap) -> None:
        for candle in await self._fetcher.between(self.symbol, Timeframe.M1, gap.start_ms, gap.end_ms):
            self.repaired += 1
            REPAIRED.inc()
            await self._append(candle, source="repair")

    async def _append(self, candle: Candle, *, source: str) -> None:
        """Publish a closed candle and what it completes; fills the hole before it first. The lock is held."""
        result = self._series.append(candle)
        if isinstance(result, Gap):
            await self._repair(result)
            result = self._series.append(candle)
            if isinstance(result, Gap):
                result = self._accept_hole(candle)
        if result is not None:
            self._held_back = 0
            await self._publish(result, source)

    def _accept_hole(self, candle: Candle) -> Built | None:
        """Hold the candle back; when the exchange keeps answering without the missing minutes, it has none."""
        self._held_back += 1
        if self._held_back < HOLE_TRIES:
            logger.error("candle held back: its predecessor is missing", extra={"symbol": self.symbol})
            return None
        logger.error("the exchange has a hole in its history", extra={"symbol": self.symbol})
        self._series.last_open_ms = None
        result = self._series.append(candle)
        assert isinstance(result, Built)
        return result

    async def _publish(self, built: Built, source: str) -> None:
        await self._producer.closed(built.candles, source=source)
        for timeframe, open_ms in built.incomplete:
            native = await self._fetcher.closed(self.symbol, timeframe, open_ms)
            await self._producer.closed(native, source="native")
