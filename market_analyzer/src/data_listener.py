"""Closed candles in, feature rows out: keeps one engine for each symbol and time frame.

What is computed, and in which order, is core's (``core.features``). This adds the messages, the rows and the engines'
history: an engine that lost its place (restart, another replica's symbol, gap) is rebuilt from the stored candles, so
that nothing is computed on a bar whose predecessor is missing. A bar gets one frame that is decided on, when it is new;
a bar whose features are stored is only looked at again, and computed again when its candle was corrected since.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from prometheus_client import Counter, Histogram

from core.features.batches import KnownBars, NewBars, Series, planned
from core.features.engine import FeatureRow, IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.features.revisions import REVISED_FRAMES, recompute
from core.market.series import unbroken
from market_analyzer.src.book_features import OrderBookReader, book_features
from market_analyzer.src.ports import FeatureStore, Place
from shared.src.bus.ports import Bus, FencedPublisher
from shared.src.contracts.market import CORRECTION, BookDepth, CandleMessage, FeatureFrame
from shared.src.contracts.topics import FEATURES
from shared.src.domain.candles import Candle
from shared.src.domain.clock import Clock
from shared.src.domain.features import BarFeatures
from shared.src.market.ports import CandleHistory

logger = logging.getLogger(__name__)

REBUILT = Counter("roottrading_engines_rebuilt", "indicator engines rebuilt from stored candles")
REVISED = Counter("roottrading_features_revised", "feature rows computed again after a correction")
COMPUTE_S = Histogram(
    "roottrading_indicator_seconds",
    "indicator set, one bar",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25),
)
NEVER: Final = -1


class DataListener:
    """Consumes closed candles in batches, so that symbols that close together cost one round trip together.

    Args:
        candles: the stored ones, which engines are rebuilt from.
        store: where the features go.
        warmup: how many candles an engine looks back on.
        books: None where no order books are kept.
    """

    def __init__(
        self,
        *,
        bus: Bus,
        clock: Clock,
        candles: CandleHistory,
        store: FeatureStore,
        warmup: int,
        parameters: IndicatorParameters,
        books: OrderBookReader | None = None,
    ) -> None:
        self._bus = bus
        self._clock = clock
        self._candles = candles
        self._store = store
        self._warmup = warmup
        self._parameters = parameters
        self._books = books
        self._engines: dict[Series, IndicatorEngine] = {}
        # open time of the newest bar whose features are stored
        self._stored: dict[Series, int] = {}
        # computed but not stored: a batch that is tried again must not move the engines again
        self._unsent: dict[Place, BarFeatures] = {}
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

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on as long as the service."""
        return {"candles": self._bus.run}

    def on_rebalance(self, owns: Callable[[str], bool]) -> None:
        """Forget the symbols that another replica has now: it moves on, our engines would not."""
        self._engines = {series: engine for series, engine in self._engines.items() if owns(series[0])}
        self._stored = {series: time_ms for series, time_ms in self._stored.items() if owns(series[0])}
        self._unsent = {place: row for place, row in self._unsent.items() if owns(place[0])}

    async def on_candles(self, messages: list[CandleMessage], publisher: FencedPublisher) -> None:
        """Compute, publish and store the features of new bars; look at the others again. In order."""
        depths = await self._books.newest({message.symbol for message in messages}) if self._books else {}
        await self._learn_what_is_stored(messages)
        for step in planned(messages, self._stored):
            match step:
                case NewBars(candles):
                    await self._add(candles, depths, publisher)
                case KnownBars(candles):
                    await self._look_again(candles, publisher)

    async def _learn_what_is_stored(self, messages: Iterable[CandleMessage]) -> None:
        for message in messages:
            series = (message.symbol, message.timeframe)
            if series not in self._stored:
                self._stored[series] = await self._store.newest(*series) or NEVER

    # New bars

    async def _add(
        self, messages: Sequence[CandleMessage], depths: Mapping[str, BookDepth], publisher: FencedPublisher
    ) -> None:
        """Publish first: the decision does not wait for the database, the acknowledgement does."""
        rows = []
        for message in messages:
            place = (message.symbol, message.timeframe, message.time)
            if place not in self._unsent:
                self._unsent[place] = await self._features_of(message, depths)
            rows.append(self._unsent[place])
        await self._publish(messages, rows, publisher)
        await self._store.store(rows, publisher.confirm)
        for row in rows:
            series = (row.symbol, row.timeframe)
            self._stored[series] = max(row.time, self._stored[series])
            self._unsent.pop((*series, row.time), None)
        self.frames += len(rows)

    async def _features_of(self, message: CandleMessage, depths: Mapping[str, BookDepth]) -> BarFeatures:
        row = await self._computed(message.candle())
        if self._books is not None:
            row = row | book_features(depths.get(message.symbol), close_time=message.close_time)
        return BarFeatures(message.symbol, message.timeframe, message.time, row)

    async def _computed(self, candle: Candle) -> FeatureRow:
        engine = self._engines.get((candle.symbol, candle.timeframe))
        if engine is None or engine.last_open_time_ms != candle.time - candle.timeframe.milliseconds:
            return await self._rebuilt(candle)
        with COMPUTE_S.time():
            return engine.update(candle)

    async def _rebuilt(self, candle: Candle) -> FeatureRow:
        """Start over from the stored history up to and including this bar; later bars follow by themselves."""
        stored = await self._candles.candles(candle.symbol, candle.timeframe, until_ms=candle.time, count=self._warmup)
        (*_, tail) = unbroken([*(one for one in stored if one.time < candle.time), candle])
        engine = IndicatorEngine(candle.symbol, candle.timeframe.value, self._parameters)
        engine.warm_up(tail)
        row = engine.last_row()
        assert row is not None, "there is at least this bar"
        self._engines[(candle.symbol, candle.timeframe)] = engine
        self.rebuilt += 1
        REBUILT.inc()
        return row

    # Bars that have features

    async def _look_again(self, messages: Sequence[CandleMessage], publisher: FencedPublisher) -> None:
        """Candles of bars that have features: repeated, or corrected since these were computed."""
        places = {(message.symbol, message.timeframe, message.time): message for message in messages}
        outdated = await self._store.outdated(list(places))
        first: dict[Series, int] = {}
        for (symbol, timeframe, time_ms), message in places.items():
            if message.source == CORRECTION or (symbol, timeframe, time_ms) in outdated:
                series = (symbol, timeframe)
                first[series] = min(time_ms, first.get(series, time_ms))
        self.repeated += len(messages)
        for series, time_ms in first.items():
            await self._revise(series, time_ms, publisher)

    async def _revise(self, series: Series, time_ms: int, publisher: FencedPublisher) -> None:
        """Compute a bar and what follows it again; the newest of these go out, for strategies that look back."""
        symbol, timeframe = series
        newest = self._stored[series]
        until = min(newest, time_ms + self._warmup * timeframe.milliseconds)
        count = self._warmup + (until - time_ms) // timeframe.milliseconds + 1
        candles = await self._candles.candles(symbol, timeframe, until_ms=until, count=count)
        engine, computed = recompute(candles, since_ms=time_ms, parameters=self._parameters)
        rows = [BarFeatures(symbol, timeframe, candle.time, row) for candle, row in computed]
        await self._store.store(rows, publisher.confirm)
        if until == newest:
            frames = [self._revised_frame(row) for row in rows[-REVISED_FRAMES:]]
            await publisher.publish_many(FEATURES, frames)
            if engine is not None:
                self._engines[series] = engine
        self.revised += len(rows)
        REVISED.inc(len(rows))
        logger.info("features revised", extra={"symbol": symbol, "timeframe": timeframe.value, "rows": len(rows)})

    def _revised_frame(self, row: BarFeatures) -> FeatureFrame:
        correlation = f"{row.symbol}:{row.timeframe}:{row.time}"
        return FeatureFrame.of(row, correlation_id=correlation, occurred_at=self._clock.now(), revised=True)

    async def _publish(
        self, messages: Sequence[CandleMessage], rows: Sequence[BarFeatures], publisher: FencedPublisher
    ) -> None:
        now = self._clock.now()
        await publisher.publish_many(
            FEATURES,
            [
                FeatureFrame.of(row, correlation_id=message.correlation_id, occurred_at=now)
                for message, row in zip(messages, rows, strict=True)
            ],
        )
