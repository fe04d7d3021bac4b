"""The order books of the symbols: snapshots from REST, differences from the stream, their depth for everyone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from prometheus_client import Counter

from gateway.src.frames import WRONG, broken, depth_of, levels_of
from gateway.src.order_book import Depth, OrderBook, Snapshot
from gateway.src.ports import MarketProducer, SnapshotSource
from shared.src.contracts.market import BookDepth, DepthBand
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError

logger = logging.getLogger(__name__)

SNAPSHOT_LEVELS = 5_000
PUBLISH_EVERY_S = 1.0
SNAPSHOT_GAP_S = 1.0  # a snapshot of one symbol at most this often: it costs a 24th of a minute's weight
BEHIND_S_MAX = 3.0
SHARE = Decimal("0.000001")
BASIS_POINTS = Decimal("0.0001")

REBUILDS = Counter("roottrading_books_rebuilt", "order books that lost a change and were rebuilt", ["symbol"])


class OrderBooks:
    """Keeps a book for each of ``set_symbols``."""

    def __init__(self, source: SnapshotSource, *, clock: Clock, producer: MarketProducer) -> None:
        self._source = source
        self._clock = clock
        self._producer = producer
        self._books: dict[str, OrderBook] = {}
        self._asked: set[str] = set()
        self._wanted: asyncio.Queue[str] = asyncio.Queue()
        self._fetched_s: dict[str, float] = {}
        self._behind_since: dict[str, float] = {}
        self.snapshots = 0

    def set_symbols(self, symbols: Iterable[str]) -> None:
        """Keep exactly these."""
        self._books = {symbol: self._books.get(symbol) or OrderBook(symbol) for symbol in symbols}

    def statistics(self) -> dict[str, Any]:
        return {
            "books": len(self._books),
            "ready": sum(book.ready for book in self._books.values()),
            "snapshots": self.snapshots,
            "rebuilds": sum(book.rebuilds for book in self._books.values()),
            "rebuilding": {book.symbol: book.reason for book in self._books.values() if not book.ready},
        }

    def on_event(self, symbol: str, data: Any) -> None:
        """Take in a depth event. Raises what ``frames.WRONG`` lists; the book it belongs to is rebuilt then."""
        book = self._books.get(symbol)
        if book is None:
            return
        was_ready = book.ready
        try:
            book.on_event(depth_of(data))
        finally:
            if was_ready and not book.ready:
                self._note_loss(book)
        if book.wants_snapshot and symbol not in self._asked:
            self._asked.add(symbol)
            self._wanted.put_nowait(symbol)

    def lose(self, symbol: str, reason: str) -> None:
        """A change may have been missed."""
        book = self._books.get(symbol)
        if book is not None and book.ready:
            book.lose(reason)
            self._note_loss(book)

    def _note_loss(self, book: OrderBook) -> None:
        REBUILDS.labels(book.symbol).inc()
        logger.warning("order book is rebuilt", extra={"symbol": book.symbol, "reason": book.reason})

    def book(self, symbol: str) -> OrderBook:
        """A book that may be shown.

        Raises:
            RejectedError: code 404, no book of this symbol is kept.
            TransientError: it is being rebuilt; the text says why.
        """
        book = self._books.get(symbol)
        if book is None:
            raise RejectedError(f"no order book of {symbol} is kept (GATEWAY_STREAMS must name depth)", code=404)
        if not book.ready:
            raise TransientError(f"the order book of {symbol} is being rebuilt: {book.reason}")
        return book

    async def run(self) -> None:
        """Fetch snapshots for the books that need one, one after another."""
        while True:
            symbol = await self._wanted.get()
            self._asked.discard(symbol)
            book = self._books.get(symbol)
            if book is not None and book.wants_snapshot:
                await self._load(book)

    async def _load(self, book: OrderBook) -> None:
        since = self._clock.monotonic() - self._fetched_s.get(book.symbol, float("-inf"))
        if since < SNAPSHOT_GAP_S:
            await self._clock.sleep(SNAPSHOT_GAP_S - since)
        self._fetched_s[book.symbol] = self._clock.monotonic()
        self.snapshots += 1
        try:
            connected = book.on_snapshot(snapshot_of(await self._source.depth(book.symbol, limit=SNAPSHOT_LEVELS)))
        except (TransientError, RejectedError, ContractError) as error:
            book.reason, connected = f"no snapshot: {error}", False
            logger.warning("no snapshot of the order book", extra={"symbol": book.symbol, "reason": str(error)})
        if not connected and book.wants_snapshot and book.symbol not in self._asked:
            self._asked.add(book.symbol)
            self._wanted.put_nowait(book.symbol)

    async def publish(self) -> None:
        """The depth of every book that is ready, once a second."""
        while True:
            await self._clock.sleep(PUBLISH_EVERY_S)
            messages = []
            for book in self._books.values():
                depth = book.depth()
                if depth is not None:
                    messages.append(message_of(book.symbol, depth, self._clock))
            self._producer.live(messages)

    def compare(self, symbol: str, newest_update: int) -> bool:
        """Best prices carry the book's update ids: a book that stays behind them misses depth events.

        Returns whether the book is behind, and has to be compared again.
        """
        book = self._books.get(symbol)
        if book is None or book.update_id is None or newest_update <= book.update_id:
            self._behind_since.pop(symbol, None)
            return False
        now = self._clock.monotonic()
        if now - self._behind_since.setdefault(symbol, now) > BEHIND_S_MAX:
            self._behind_since.pop(symbol)
            self.lose(symbol, "depth events stay behind best prices")
            return False
        return True


def snapshot_of(answer: dict[str, Any], limit: int = SNAPSHOT_LEVELS) -> Snapshot:
    """An answer of GET depth asked with ``limit``.

    Raises:
        ContractError: it is not what Binance documents.
    """
    try:
        bids, asks = levels_of(answer["bids"]), levels_of(answer["asks"])
        return Snapshot(int(answer["lastUpdateId"]), bids, asks, complete=max(len(bids), len(asks)) < limit)
    except WRONG as error:
        raise broken("depth", error) from error


def message_of(symbol: str, depth: Depth, clock: Clock) -> BookDepth:
    """The depth on the wire."""
    return BookDepth(
        message_id=f"{symbol}:depth:{depth.update_id}",
        occurred_at=clock.now(),
        symbol=symbol,
        bid=depth.bid[0],
        bid_quantity=depth.bid[1],
        ask=depth.ask[0],
        ask_quantity=depth.ask[1],
        spread_bps=depth.spread_bps.quantize(BASIS_POINTS),
        bands=[
            DepthBand(percent=percent, bid=amount, ask=depth.ask_depth[percent])
            for percent, amount in depth.bid_depth.items()
        ],
        imbalance=None if depth.imbalance is None else depth.imbalance.quantize(SHARE),
        update_id=depth.update_id,
    )
