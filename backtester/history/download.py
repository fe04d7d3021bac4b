"""Histories from the exchange: whole past months from its archive, the rest and what the archive lacks by REST.

What is complete is not asked for again, so a download that was interrupted goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from backtester.history.bars import Bars
from backtester.history.certificate import UNTOUCHED, ReadingNotes
from backtester.history.months import Month, months_between
from backtester.history.store import NOTHING, Added, HistoryStore
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.market.recorded_history import RecordedHistory
from shared.src.retry import Backoff

T = TypeVar("T")

PAGE = 1000  # Binance's maximum
TRIES = 5
AWAY = Backoff(first_s=0.5, max_s=8.0)
GRACE_MS = 30_000  # a candle that has just ended may still be corrected


class Archive(Protocol):
    async def month(self, symbol: str, timeframe: Timeframe, month: Month) -> RecordedHistory | None:
        """A whole month; None where there is none. Raises TransientError, ContractError."""
        ...


class MarketHistory(Protocol):
    async def server_time(self) -> int:
        """Now, by the exchange's clock (ms). Raises TransientError."""
        ...

    async def klines(
        self, symbol: str, interval: Timeframe, *, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[Candle]:
        """Candles in order. Raises TransientError, RejectedError."""
        ...


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to download: bars that open from ``start_ms`` up to and excluding ``end_ms``."""

    symbol: str
    timeframe: Timeframe
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class MonthDone:
    """What a month brought. ``source``: kept, archive, rest, or none where the market was not there yet."""

    month: Month
    source: str
    added: Added = NOTHING
    notes: ReadingNotes = UNTOUCHED


class Downloader:
    """``archive`` None: everything by REST."""

    def __init__(
        self, store: HistoryStore, market: MarketHistory, clock: Clock, *, archive: Archive | None = None
    ) -> None:
        self._store = store
        self._market = market
        self._archive = archive
        self._clock = clock

    async def download(self, wanted: Wanted, on_month: Callable[[MonthDone], None] = lambda done: None) -> Added:
        """Download what is not kept yet; ``on_month`` is told after each month.

        Raises:
            TransientError: the exchange did not answer, several times over; what was read is kept.
            RejectedError: the exchange refuses, as for a symbol that it does not have.
            ContractError: the archive's file is damaged.
            OSError: the disk takes no more.
        """
        symbol, frame = wanted.symbol, wanted.timeframe
        now_ms = await self._patient(self._market.server_time)
        end_ms = min(wanted.end_ms, frame.open_of(now_ms - GRACE_MS))
        first = await self._patient(
            lambda: self._market.klines(symbol, frame, start_ms=wanted.start_ms, end_ms=None, limit=1)
        )
        added = Added()
        start_ms = max(wanted.start_ms, first[0].time) if first else end_ms
        for month in months_between(start_ms, end_ms):
            part = replace(wanted, start_ms=max(start_ms, month.start_ms), end_ms=min(end_ms, month.end_ms))
            done = await self._month(part, month, is_over=month.end_ms <= now_ms - GRACE_MS)
            added += done.added
            on_month(done)
        return added

    async def _month(self, wanted: Wanted, month: Month, *, is_over: bool) -> MonthDone:
        symbol, frame = wanted.symbol, wanted.timeframe
        if self._store.is_complete(symbol, frame, month):
            return MonthDone(month, "kept")
        archive = self._archive
        if archive is not None and is_over:
            history = await self._patient(lambda: archive.month(symbol, frame, month))
            if history is not None and history.timeframe is frame:
                added = self._store.add(Bars.of(history), complete=frozenset({month}))
                notes = ReadingNotes(history.repeated, history.corrected, history.moved)
                return MonthDone(month, "archive", added, notes)
        added = await self._by_rest(wanted, month)
        if is_over and (wanted.start_ms, wanted.end_ms) == (month.start_ms, month.end_ms):
            self._store.complete(symbol, frame, month)
        return MonthDone(month, "rest" if added.new or added.changed else "none", added)

    async def _by_rest(self, wanted: Wanted, month: Month) -> Added:
        symbol, frame = wanted.symbol, wanted.timeframe
        last_ms = self._store.last_ms(symbol, frame, month)
        cursor = wanted.start_ms if last_ms is None else max(wanted.start_ms, last_ms + 1)
        added = Added()
        while cursor < wanted.end_ms:
            page = await self._page(wanted, cursor)
            if page:
                added += self._store.add(Bars.of_candles(symbol, frame, page))
                cursor = frame.next_open(page[-1].time)
            if len(page) < PAGE:
                break
        return added

    async def _page(self, wanted: Wanted, start_ms: int) -> list[Candle]:
        return await self._patient(
            lambda: self._market.klines(
                wanted.symbol, wanted.timeframe, start_ms=start_ms, end_ms=wanted.end_ms - 1, limit=PAGE
            )
        )

    async def _patient(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask again what failed in a way that may pass, but not for ever: somebody waits for the command."""
        for failures in range(1, TRIES):
            try:
                return await ask()
            except TransientError:
                await self._clock.sleep(AWAY.after(failures))
        return await ask()
