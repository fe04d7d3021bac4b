"""From stream frames to Kafka: closed candles in an unbroken order, the newest of everything else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from prometheus_client import Counter

from gateway.src.frames import WRONG, broken, candle_of, open_frame
from gateway.src.gap_detector import GapDetector
from gateway.src.historical_data_fetcher import HistoricalDataFetcher
from gateway.src.live import SymbolLive
from gateway.src.order_books import OrderBooks
from gateway.src.ports import MarketProducer, Socket
from gateway.src.repairs import Repairs
from gateway.src.stream_watch import StreamWatch
from gateway.src.symbol_feed import SymbolFeed
from gateway.src.verifier import CandleVerifier
from shared.src.config import OptionalStream
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, TransientError

logger = logging.getLogger(__name__)

SILENCE_SCAN_S = 5.0
LIVE_EVERY_S = 0.1  # the newest of each symbol this often
LOADS_AT_ONCE = 4

BAD_FRAMES = Counter("roottrading_bad_frames", "stream frames that are not what Binance documents")

Handler = Callable[[Any], None]
STREAMS = {
    OptionalStream.AGG_TRADE: "aggTrade",
    OptionalStream.DEPTH: "depth@100ms",
    OptionalStream.MINI_TICKER: "miniTicker",
}


class GatewayService:
    """Owns the market data connection: history, stream, gaps, order books, and which symbols they are of."""

    def __init__(
        self,
        *,
        clock: Clock,
        fetcher: HistoricalDataFetcher,
        producer: MarketProducer,
        gaps: GapDetector,
        books: OrderBooks,
        verifier: CandleVerifier,
        warmup_candles: int,
        verify_every_s: float,
        optional: Sequence[OptionalStream] = (),
    ) -> None:
        self._clock = clock
        self._fetcher = fetcher
        self._producer = producer
        self._gaps = gaps
        self.books = books
        self._verifier = verifier
        self._warmup = warmup_candles
        self._optional = tuple(optional)
        self._feeds: dict[str, SymbolFeed] = {}
        self._live: dict[str, SymbolLive] = {}
        self._handlers: dict[str, Handler] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self._changing = asyncio.Lock()
        self._watch = StreamWatch(clock)
        self.bad_frames: list[str] = []
        self.ready = asyncio.Event()
        # a frame came since the newest of each symbol was published last
        self._came = asyncio.Event()
        self._repairs = Repairs(
            self._feeds,
            self.ready,
            clock=clock,
            fetcher=fetcher,
            gaps=gaps,
            verifier=verifier,
            verify_every_s=verify_every_s,
        )

    @property
    def symbols(self) -> tuple[str, ...]:
        return tuple(self._feeds)

    @property
    def live_symbols(self) -> tuple[str, ...]:
        """Those whose history is loaded."""
        return tuple(self._workers)

    @property
    def streams(self) -> list[str]:
        """What to subscribe to."""
        return list(self._handlers)

    def statistics(self) -> dict[str, Any]:
        return {
            "symbols": len(self._feeds),
            "not_listed": sorted(self._fetcher.unlisted),
            "ready": self.ready.is_set(),
            "candles_published": self._producer.candles,
            "live_taken": sum(live.taken for live in self._live.values()),
            "live_published": sum(live.published for live in self._live.values()),
            "live_dropped": self._producer.dropped,
            "trades_missed": sum(live.trades_missed for live in self._live.values()),
            "repaired": sum(feed.repaired for feed in self._feeds.values()),
            "requests": self._fetcher.requests,
            "bad_frames": self.bad_frames[-5:],
            "silent_streams": self._watch.silent(),
            "renewed_streams": self._watch.renewed,
            "books": self.books.statistics(),
            "verified": self._verifier.statistics(),
            "last_open_ms": {symbol: feed.last_open_ms for symbol, feed in self._feeds.items()},
        }

    def tasks(self, socket: Socket) -> dict[str, Callable[[], Awaitable[None]]]:
        """What runs as long as the service."""
        tasks: dict[str, Callable[[], Awaitable[None]]] = {
            "stream": socket.run,
            "feeds": self.run,
            "live": self.publish_live,
            "silence": lambda: self.watch_silence(socket),
        }
        tasks |= self._repairs.tasks()
        if OptionalStream.DEPTH in self._optional:
            tasks |= {"books": self.books.run, "depth": self.books.publish}
        return tasks

    # Symbols

    def add_symbols(self, symbols: Sequence[str]) -> None:
        """Take symbols in; their history comes with ``run`` or ``set_symbols``."""
        for symbol in symbols:
            feed = SymbolFeed(
                symbol, clock=self._clock, fetcher=self._fetcher, producer=self._producer, warmup=self._warmup
            )
            self._feeds[symbol] = feed
            self._live[symbol] = SymbolLive(symbol, lambda feed=feed: feed.last_open_ms)  # type: ignore[misc]
            self._handlers |= self._handlers_of(symbol)
        if OptionalStream.DEPTH in self._optional:
            self.books.set_symbols(self._feeds)
        self._watch.set_streams(self.streams)

    def _handlers_of(self, symbol: str) -> dict[str, Handler]:
        lower, feed, live = symbol.lower(), self._feeds[symbol], self._live[symbol]

        def on_kline(data: Any) -> None:
            if data["k"]["x"] is False:
                live.on_open_candle(data)
            else:
                feed.waiting.put_nowait(candle_of(data))

        def on_depth(data: Any) -> None:
            self.books.on_event(symbol, data)

        optional: dict[OptionalStream, Handler] = {
            OptionalStream.AGG_TRADE: live.on_trade,
            OptionalStream.DEPTH: on_depth,
            OptionalStream.MINI_TICKER: live.on_day,
        }
        return {f"{lower}@kline_1m": on_kline, f"{lower}@bookTicker": live.on_tick} | {
            f"{lower}@{STREAMS[kind]}": optional[kind] for kind in self._optional
        }

    async def set_symbols(self, symbols: Sequence[str], socket: Socket) -> None:
        """Stream exactly these from now on. A new symbol's history and gaps come before it is live; a removed one
        stops at once.
        """
        async with self._changing:
            await self.ready.wait()
            gone = [symbol for symbol in self._feeds if symbol not in symbols]
            new = [symbol for symbol in symbols if symbol not in self._feeds]
            for symbol in gone:
                await self._remove(symbol)
            if gone:
                await socket.set_streams(self.streams)
            self.add_symbols(new)
            await self._load(new)
            await socket.set_streams(self.streams)

    async def _remove(self, symbol: str) -> None:
        worker = self._workers.pop(symbol, None)
        if worker is not None:
            worker.cancel()
        for stream in self._handlers_of(symbol):
            self._handlers.pop(stream)
        del self._feeds[symbol], self._live[symbol]
        self.books.set_symbols(self._feeds if OptionalStream.DEPTH in self._optional else ())
        self._watch.set_streams(self.streams)

    async def run(self) -> None:
        """Load the history, then serve every symbol's feed until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await self._load(self.symbols)
            self.ready.set()
            logger.info("history loaded", extra={"symbols": len(self._feeds), "candles": self._producer.candles})
            await asyncio.Event().wait()

    async def _load(self, symbols: Sequence[str]) -> None:
        limit = asyncio.Semaphore(LOADS_AT_ONCE)

        async def load(symbol: str) -> None:
            async with limit:
                await self._feeds[symbol].load(await self._stored(symbol))

        await asyncio.gather(*(load(symbol) for symbol in symbols))
        assert self._tasks is not None, "symbols are loaded while the service runs"
        for symbol in symbols:
            self._workers[symbol] = self._tasks.create_task(self._feeds[symbol].run())

    async def _stored(self, symbol: str) -> dict[Timeframe, int]:
        while True:
            try:
                return await self._gaps.latest(symbol)
            except TransientError as error:
                logger.warning("history waits", extra={"symbol": symbol, "reason": str(error)})
                await self._clock.sleep(1.0)

    # Stream

    async def on_frame(self, raw: str | bytes) -> None:
        """Take in one frame of the stream."""
        try:
            opened = open_frame(raw)
            if opened is None:
                return
            stream, data = opened
            handler = self._handlers.get(stream)
            if handler is None:
                return
            self._watch.saw(stream)
            try:
                handler(data)
            except WRONG as error:
                raise broken(stream, error) from error
            self._came.set()
        except ContractError as error:
            self._note_bad(error)

    def _note_bad(self, error: ContractError) -> None:
        BAD_FRAMES.inc()
        self.bad_frames = [*self.bad_frames[-9:], str(error)]
        logger.error("bad frame", extra={"reason": str(error)})

    async def on_connect(self, streams: Sequence[str]) -> None:
        """Streams were (re)subscribed: fetch what their symbols missed."""
        await self.ready.wait()
        symbols = sorted({stream.split("@", 1)[0].upper() for stream in streams} & self._feeds.keys())
        for symbol in symbols:
            self._live[symbol].forget_order()
            self.books.lose(symbol, "the stream was interrupted")
        await self._repairs.catch_up(symbols)

    # Timers

    async def publish_live(self) -> None:
        """The newest of each symbol, a few times a second while anything comes."""
        while True:
            await self._came.wait()
            self._came.clear()
            await self._clock.sleep(LIVE_EVERY_S)
            now_ms = self._clock.now_ms()
            for live in list(self._live.values()):
                messages, errors = live.take(now_ms)
                self._producer.live(messages)
                if self.books.compare(live.symbol, live.update_id):
                    self._came.set()  # to look again, also when nothing comes
                for error in errors:
                    self._note_bad(error)

    async def watch_silence(self, socket: Socket) -> None:
        """Subscribe again to single streams that went silent."""
        while True:
            await self._clock.sleep(SILENCE_SCAN_S)
            silent = self._watch.due_for_renewal()
            if silent:
                logger.warning("silent streams are subscribed again", extra={"streams": silent})
                await socket.renew(silent)
