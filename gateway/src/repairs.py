"""What brings candles that the stream did not: after an interruption, when one is late, in holes, and on a timer.

Every repair goes through the feed of its symbol, which keeps the order.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from gateway.src.gap_detector import GapDetector
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.stream_watch import LateAsks
from gateway.src.symbol_feed import SymbolFeed
from gateway.src.verifier import CandleVerifier
from shared.src.domain.candles import MINUTE_MS, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError

logger = logging.getLogger(__name__)

GAP_SCAN_S = 60.0
LATE_SCAN_S = 1.0
REPAIRS_AT_ONCE = 4


class Repairs:
    """Repairs the feeds of a gateway.

    Args:
        feeds: the gateway's own: symbols come and go.
        ready: set when their history is loaded; nothing is repaired before.
    """

    def __init__(
        self,
        feeds: Mapping[str, SymbolFeed],
        ready: asyncio.Event,
        *,
        clock: Clock,
        fetcher: HistoricalDataFetcher,
        gaps: GapDetector,
        verifier: CandleVerifier,
        verify_every_s: float,
    ) -> None:
        self._feeds = feeds
        self._ready = ready
        self._clock = clock
        self._fetcher = fetcher
        self._gaps = gaps
        self._verifier = verifier
        self._verify_every_s = verify_every_s

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on as long as the service."""
        return {"lateness": self.watch_lateness, "holes": self.watch_holes, "verify": self.verify}

    async def catch_up(self, symbols: Iterable[str]) -> None:
        """Fetch what these symbols missed, several at a time: one after the other, hundreds would take minutes."""
        limit = asyncio.Semaphore(REPAIRS_AT_ONCE)

        async def one(symbol: str) -> None:
            async with limit:
                feed = self._feeds.get(symbol)
                if feed is not None:
                    await feed.catch_up()

        await asyncio.gather(*(one(symbol) for symbol in symbols))

    async def watch_lateness(self) -> None:
        """Ask for candles that should have closed and were not delivered."""
        await self._ready.wait()
        asks = LateAsks()
        late: set[str] = set()
        while True:
            await self._clock.sleep(LATE_SCAN_S if late else self._until_next_minute_s())
            due = Timeframe.M1.open_of(self._clock.now_ms()) - MINUTE_MS
            late = {
                symbol for symbol, feed in self._feeds.items() if feed.last_open_ms is None or feed.last_open_ms < due
            }
            overdue = asks.due(late, self._clock.monotonic())
            if overdue:
                logger.warning("candles are late", extra={"symbols": overdue})
                await self.catch_up(overdue)

    def _until_next_minute_s(self) -> float:
        """Wall seconds until the next minute of market time begins: before, no candle can become late."""
        return (MINUTE_MS - self._clock.now_ms() % MINUTE_MS) / 1000 / self._clock.speed

    async def watch_holes(self) -> None:
        """Repair holes inside the stored history; one that the exchange has itself is asked for once."""
        await self._ready.wait()
        asked: set[tuple[str, int]] = set()
        while True:
            await self._clock.sleep(GAP_SCAN_S)
            try:
                found = await self._gaps.holes()
            except TransientError as error:
                logger.warning("holes not looked for", extra={"reason": str(error)})
                continue
            for symbol, holes in found.items():
                for hole in holes:
                    feed = self._feeds.get(symbol)
                    if feed is None or (symbol, hole.start_ms) in asked:
                        continue
                    candles = await self._fetcher.between(symbol, Timeframe.M1, hole.start_ms, hole.end_ms)
                    await feed.correct(candles, source="repair")
                    logger.warning("hole repaired", extra={"symbol": symbol, "candles": len(candles)})
                    asked.add((symbol, hole.start_ms))

    async def verify(self) -> None:
        """Compare what is stored with the exchange's own candles, at start and on a timer."""
        await self._ready.wait()
        while True:
            for feed in list(self._feeds.values()):
                try:
                    await self._verifier.check(feed)
                except TransientError as error:
                    logger.warning("candles not verified", extra={"symbol": feed.symbol, "reason": str(error)})
            await self._clock.sleep(self._verify_every_s)
