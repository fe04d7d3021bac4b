"""From stream frames to an unbroken, ordered line of candles in Kafka.

Each symbol has a lane: a queue and a worker, so that one symbol's repair does not hold up the others, and the order
of a symbol never changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from prometheus_client import Counter

from gateway.src.frames import parse_frame
from gateway.src.gap_detector import GapDetector
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.kafka_producer import MarketProducer
from gateway.src.series import HIGHER, MINUTE_MS, Built, CandleSeries, Gap
from shared.src.contracts.market import MarketTick
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError

logger = logging.getLogger(__name__)

LATE_S = 3.0  # wall seconds after which a candle that should have closed is asked for
GAP_SCAN_S = 60.0
LIVE_EVERY_S = 0.1  # open candles and ticks: the newest of each symbol this often
BACKFILL_MINUTES_MAX = 7 * 1440
HOLE_TRIES = 3

REPAIRED = Counter("roottrading_candles_repaired", "candles fetched because the stream did not deliver them")
BAD_FRAMES = Counter("roottrading_bad_frames", "stream frames that are not what Binance documents")


class GatewayService:
    """Owns the market data connection: history, stream, gaps."""

    def __init__(
        self,
        symbols: Sequence[str],
        *,
        clock: Clock,
        fetcher: HistoricalDataFetcher,
        producer: MarketProducer,
        gaps: GapDetector,
        warmup_candles: int,
    ) -> None:
        self._clock = clock
        self._fetcher = fetcher
        self._producer = producer
        self._gaps = gaps
        self._warmup = warmup_candles
        self._series = {symbol: CandleSeries(symbol) for symbol in symbols}
        self._locks = {symbol: asyncio.Lock() for symbol in symbols}
        self._lanes: dict[str, asyncio.Queue[Candle]] = {symbol: asyncio.Queue() for symbol in symbols}
        self._held_back: dict[str, int] = {}
        self._live: dict[tuple[str, str], Candle | MarketTick] = {}
        self.bad_frames: list[str] = []
        self.repaired = 0
        self.ready = asyncio.Event()

    @property
    def streams(self) -> list[str]:
        """What to subscribe to."""
        return [f"{symbol.lower()}@{kind}" for symbol in self._series for kind in ("kline_1m", "bookTicker")]

    def statistics(self) -> dict[str, Any]:
        return {
            "symbols": len(self._series),
            "ready": self.ready.is_set(),
            "candles_published": self._producer.candles,
            "live_dropped": self._producer.dropped,
            "repaired": self.repaired,
            "requests": self._fetcher.requests,
            "bad_frames": self.bad_frames[-5:],
            "last_open_ms": {symbol: series.last_open_ms for symbol, series in self._series.items()},
        }

    async def run(self) -> None:
        """Load the history, then serve every symbol's lane until cancelled."""
        await self.load_history()
        async with asyncio.TaskGroup() as tasks:
            for symbol in self._series:
                tasks.create_task(self._serve_lane(symbol))

    async def _serve_lane(self, symbol: str) -> None:
        while True:
            candle = await self._lanes[symbol].get()
            async with self._locks[symbol]:
                await self._append(candle, source="stream")

    # History

    async def load_history(self) -> None:
        """Fetch what strategies need to warm up, and everything since the newest stored candle."""
        latest = await self._gaps.latest()
        limit = asyncio.Semaphore(8)

        async def load(symbol: str) -> None:
            async with limit, self._locks[symbol]:
                await self._load_symbol(symbol, latest.get(symbol))

        await asyncio.gather(*(load(symbol) for symbol in self._series))
        self.ready.set()
        logger.info("history loaded", extra={"symbols": len(self._series), "candles": self._producer.candles})

    async def _load_symbol(self, symbol: str, stored_ms: int | None) -> None:
        now_open = Timeframe.M1.open_of(self._clock.now_ms())
        start = now_open - self._warmup * MINUTE_MS
        if stored_ms is not None:
            oldest = now_open - BACKFILL_MINUTES_MAX * MINUTE_MS
            start = max(min(start, stored_ms + MINUTE_MS), oldest)
        for timeframe in HIGHER:
            await self._producer.closed(await self._fetcher.latest(symbol, timeframe, self._warmup), source="history")
        minutes = await self._fetcher.between(symbol, Timeframe.M1, start, now_open)
        series = self._series[symbol]
        for minute in minutes:
            if isinstance(series.append(minute), Gap):
                logger.warning("the exchange's own history has a hole", extra={"symbol": symbol})
                series.last_open_ms = None
                series.append(minute)
        fresh = [minute for minute in minutes if stored_ms is not None and minute.open_time_ms > stored_ms]
        await self._producer.closed(minutes[: len(minutes) - len(fresh)], source="history")
        await self._producer.closed(fresh, source="repair")

    # Stream

    async def on_frame(self, raw: str | bytes) -> None:
        """Take in one frame of the stream."""
        try:
            message = parse_frame(raw, received_ms=self._clock.now_ms())
        except ContractError as error:
            BAD_FRAMES.inc()
            self.bad_frames = [*self.bad_frames[-9:], str(error)]
            logger.error("bad frame", extra={"reason": str(error)})
            return
        if message is None or message.symbol not in self._series:
            return
        if isinstance(message, Candle) and message.is_closed:
            self._lanes[message.symbol].put_nowait(message)
        else:
            self._live[(message.symbol, type(message).__name__)] = message

    async def on_connect(self, streams: Sequence[str]) -> None:
        """A connection was opened: fetch what its symbols missed."""
        symbols = {stream.split("@", 1)[0].upper() for stream in streams}
        await self.ready.wait()
        for symbol in sorted(symbols & self._series.keys()):
            await self.catch_up(symbol)

    async def catch_up(self, symbol: str) -> None:
        """Fetch and publish every closed minute after the newest one published."""
        async with self._locks[symbol]:
            series = self._series[symbol]
            now_open = Timeframe.M1.open_of(self._clock.now_ms())
            start = (
                now_open - self._warmup * MINUTE_MS if series.last_open_ms is None else series.last_open_ms + MINUTE_MS
            )
            if start < now_open:
                await self._repair(symbol, Gap(start, now_open))

    async def _repair(self, symbol: str, gap: Gap) -> None:
        for candle in await self._fetcher.between(symbol, Timeframe.M1, gap.start_ms, gap.end_ms):
            self.repaired += 1
            REPAIRED.inc()
            await self._append(candle, source="repair")

    async def _append(self, candle: Candle, *, source: str) -> None:
        """Publish a closed candle and what it completes; fills the hole before it first. The lock is held."""
        result = self._series[candle.symbol].append(candle)
        if isinstance(result, Gap):
            await self._repair(candle.symbol, result)
            result = self._series[candle.symbol].append(candle)
            if isinstance(result, Gap):
                result = self._accept_hole(candle)
        if result is not None:
            await self._publish(candle.symbol, result, source)

    def _accept_hole(self, candle: Candle) -> Built | None:
        """Hold the candle back; when the exchange keeps answering without the missing minutes, it has none."""
        tries = self._held_back.get(candle.symbol, 0) + 1
        self._held_back[candle.symbol] = tries
        if tries < HOLE_TRIES:
            logger.error("candle held back: its predecessor is missing", extra={"symbol": candle.symbol})
            return None
        logger.error("the exchange has a hole in its history", extra={"symbol": candle.symbol})
        self._held_back.pop(candle.symbol)
        self._series[candle.symbol].last_open_ms = None
        result = self._series[candle.symbol].append(candle)
        assert isinstance(result, Built)
        return result

    async def _publish(self, symbol: str, built: Built, source: str) -> None:
        await self._producer.closed(built.candles, source=source)
        for timeframe, open_ms in built.incomplete:
            native = await self._fetcher.between(symbol, timeframe, open_ms, open_ms + timeframe.milliseconds)
            await self._producer.closed(native, source="native")

    # Timers

    async def publish_live(self) -> None:
        """The newest open candle and tick of each symbol, a few times a second."""
        while True:
            await self._clock.sleep(LIVE_EVERY_S)
            pending, self._live = list(self._live.values()), {}
            if pending:
                await self._producer.live(pending)

    async def watch_lateness(self) -> None:
        """Ask for candles that should have closed and were not delivered."""
        await self.ready.wait()
        late_since: dict[str, float] = {}
        while True:
            await self._clock.sleep(1.0)
            due = Timeframe.M1.open_of(self._clock.now_ms()) - MINUTE_MS
            for symbol, series in self._series.items():
                if series.last_open_ms is None or series.last_open_ms < due:
                    since = late_since.setdefault(symbol, self._clock.monotonic())
                    if self._clock.monotonic() - since > LATE_S:
                        logger.warning("candle is late", extra={"symbol": symbol})
                        await self.catch_up(symbol)
                        late_since.pop(symbol, None)
                else:
                    late_since.pop(symbol, None)

    async def watch_holes(self) -> None:
        """Repair holes inside the stored history."""
        await self.ready.wait()
        unfillable: set[tuple[str, int]] = set()
        while True:
            await self._clock.sleep(GAP_SCAN_S)
            for symbol, holes in (await self._gaps.holes()).items():
                for hole in holes:
                    if symbol in self._series and (symbol, hole.start_ms) not in unfillable:
                        candles = await self._fetcher.between(symbol, Timeframe.M1, hole.start_ms, hole.end_ms)
                        await self._producer.closed(candles, source="repair")
                        logger.warning("hole repaired", extra={"symbol": symbol, "candles": len(candles)})
                        unfillable.add((symbol, hole.start_ms))
