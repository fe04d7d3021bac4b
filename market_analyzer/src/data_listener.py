"""Closed candles in, feature rows out: keeps one engine for each symbol and time frame.

An engine that lost its place (restart, another replica's symbol, gap) is rebuilt from the stored candles: nothing is
computed on a bar whose predecessor is missing. A bar gets one frame that is decided on, when it is new; a bar whose
features are stored is only looked at again, and computed again when its candle was corrected since.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any

from prometheus_client import Counter, Histogram

from core.features.engine import FeatureRow, IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.features.revisions import REVISED_FRAMES, recompute
from market_analyzer.src.book_features import OrderBookReader, book_features
from market_analyzer.src.feature_store import FeatureStore
from shared.src.bus.ports import FencedPublisher
from shared.src.contracts.market import CandleMessage, FeatureFrame
from shared.src.contracts.topics import FEATURES
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.features import BarFeatures
from shared.src.market.history import stored_candles, unbroken_tail

logger = logging.getLogger(__name__)

REBUILT = Counter("roottrading_engines_rebuilt", "indicator engines rebuilt from stored candles")
REVISED = Counter("roottrading_features_revised", "feature rows computed again after a correction")
COMPUTE_S = Histogram(
    "roottrading_indicator_seconds",
    "indicator set, one bar",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25),
)
Key = tuple[str, Timeframe]
NEVER = -1


class DataListener:
    """Consumes closed candles in batches, so that symbols that close together cost one round trip together."""

    def __init__(
        self,
        *,
        database: Database,
        store: FeatureStore,
        clock: Clock,
        warmup: int,
        parameters: IndicatorParameters | None = None,
        books: OrderBookReader | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._clock = clock
        self._warmup = warmup
        self._parameters = parameters or IndicatorParameters()
        # None: no order books are kept
        self._books = books
        self._engines: dict[Key, IndicatorEngine] = {}
        # open time of the newest bar whose features are stored
        self._stored: dict[Key, int] = {}
        # computed but not stored: a batch that is tried again must not move the engines again
        self._unsent: dict[tuple[str, Timeframe, int], tuple[CandleMessage, FeatureRow]] = {}
        self.frames = 0
        self.rebuilt = 0
        self.repeated = 0
        self.revised = 0

    def statistics(self) -> dict[str, Any]:
        return {
            "engines": len(self._engines),
            "frames": self.frames,
            "rebuilt": self.rebuilt,
            "repeated_candles": self.repeated,
            "revised_rows": self.revised,
        }

    def on_rebalance(self, owns: Callable[[str], bool]) -> None:
        """Forget the symbols that another replica has now: it moves on, our engines would not."""
        for kept in (self._engines, self._stored):
            for key in [key for key in kept if not owns(key[0])]:
                del kept[key]
        self._unsent = {place: found for place, found in self._unsent.items() if owns(place[0])}

    async def on_candles(self, messages: list[CandleMessage], publisher: FencedPublisher) -> None:
        """Compute, publish and store the features of new bars; look at the others again. In order."""
        new: dict[tuple[str, Timeframe, int], tuple[CandleMessage, FeatureRow]] = {}
        old: list[CandleMessage] = []
        depths = await self._books.newest({message.symbol for message in messages}) if self._books else {}
        for message in messages:
            if message.time <= await self._stored_until(message):
                old.append(message)
                continue
            if old:  # what is corrected comes before what follows it
                await self._flush(new, publisher)
                await self._look_again(old, publisher)
                new, old = {}, []
            place = (message.symbol, message.timeframe, message.time)
            if place in new and new[place][0].candle() != message.candle():
                await self._flush(new, publisher)
                new, old = {}, [message]
                continue
            if place not in self._unsent:
                row = await self._features_of(message)
                if self._books is not None:
                    row |= book_features(depths.get(message.symbol), close_time=message.close_time)
                self._unsent[place] = message, row
            new[place] = self._unsent[place]
        await self._flush(new, publisher)
        await self._look_again(old, publisher)

    async def _flush(
        self, new: dict[tuple[str, Timeframe, int], tuple[CandleMessage, FeatureRow]], publisher: FencedPublisher
    ) -> None:
        """Publish first: the decision does not wait for the database, the acknowledgement does."""
        if not new:
            return
        rows = list(new.values())
        now = self._clock.now()
        await publisher.publish_many(FEATURES, [_frame(message, row, occurred_at=now) for message, row in rows])
        await self._store.store(rows, publisher.confirm)
        for place, (message, _) in new.items():
            self._stored[(message.symbol, message.timeframe)] = message.time
            self._unsent.pop(place, None)
        self.frames += len(rows)

    async def _stored_until(self, message: CandleMessage) -> int:
        key = (message.symbol, message.timeframe)
        if key not in self._stored:
            self._stored[key] = await self._store.newest(message.symbol, message.timeframe) or NEVER
        return self._stored[key]

    async def _features_of(self, message: CandleMessage) -> FeatureRow:
        engine = self._engines.get((message.symbol, message.timeframe))
        last = engine.last_open_time_ms if engine else None
        if engine is None or last is None or message.time != last + message.timeframe.milliseconds:
            return await self._rebuild(message)
        with COMPUTE_S.time():
            return engine.update(message.candle())

    async def _rebuild(self, message: CandleMessage) -> FeatureRow:
        """Start over from the stored history up to and including this bar; later bars follow by themselves."""
        candles = await stored_candles(
            self._database, message.symbol, message.timeframe, until_ms=message.time, count=self._warmup
        )
        tail = [candle for candle in candles if candle.time < message.time]
        tail.append(message.candle())
        engine = IndicatorEngine(message.symbol, message.timeframe.value, self._parameters)
        engine.warm_up(unbroken_tail(tail))
        row = engine.last_row()
        assert row is not None, "there is at least this bar"
        self._engines[(message.symbol, message.timeframe)] = engine
        self.rebuilt += 1
        REBUILT.inc()
        return row

    async def _look_again(self, messages: list[CandleMessage], publisher: FencedPublisher) -> None:
        """Candles of bars that have features: repeated, or corrected since these were computed."""
        if not messages:
            return
        first: dict[Key, int] = {}
        for message in await self._store.outdated(messages):
            key = (message.symbol, message.timeframe)
            first[key] = min(message.time, first.get(key, message.time))
        self.repeated += len(messages)
        for key, time_ms in first.items():
            await self._revise(key, time_ms, publisher)

    async def _revise(self, key: Key, time_ms: int, publisher: FencedPublisher) -> None:
        symbol, timeframe = key
        newest = self._stored[key]
        until = min(newest, time_ms + self._warmup * timeframe.milliseconds)
        count = self._warmup + (until - time_ms) // timeframe.milliseconds + 1
        candles = await stored_candles(self._database, symbol, timeframe, until_ms=until, count=count)
        engine, rows = recompute(candles, since_ms=time_ms, parameters=self._parameters)
        frames = rows[-REVISED_FRAMES:] if until == newest else []
        now = self._clock.now()
        messages = [
            CandleMessage.of(candle, source="revision", occurred_at_ms=self._clock.now_ms()) for candle, _ in rows
        ]
        revised = [(message, row) for message, (_, row) in zip(messages, rows, strict=True)]
        await self._store.store(revised, publisher.confirm)
        await publisher.publish_many(
            FEATURES,
            [
                _frame(message, row, occurred_at=now, revised=True)
                for message, (_, row) in zip(messages[len(rows) - len(frames) :], frames, strict=True)
            ],
        )
        if until == newest and engine is not None:
            self._engines[key] = engine
        self.revised += len(rows)
        REVISED.inc(len(rows))
        logger.info("features revised", extra={"symbol": symbol, "timeframe": timeframe.value, "rows": len(rows)})


def _frame(message: CandleMessage, row: FeatureRow, *, occurred_at: datetime, revised: bool = False) -> FeatureFrame:
    return FeatureFrame.of(
        BarFeatures(message.symbol, message.timeframe, message.time, row),
        correlation_id=message.correlation_id,
        occurred_at=occurred_at,
        revised=revised,
    )
