"""Closed candles in, feature rows out: keeps one engine for each symbol and time frame.

An engine that lost its place (restart, late repair, gap) is rebuilt from the stored candles: nothing is computed on a
bar whose predecessor is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from prometheus_client import Counter, Histogram

from market_analyzer.src.feature_store import FeatureStore
from market_analyzer.src.indicators.base import IndicatorParameters
from market_analyzer.src.indicators.engine import FeatureRow, IndicatorEngine
from shared.src.config import Settings
from shared.src.contracts.market import CandleMessage, FeatureFrame
from shared.src.contracts.topics import FEATURES
from shared.src.database import Database
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock
from shared.src.history import stored_candles, unbroken_tail
from shared.src.redis_client import RedisBus

logger = logging.getLogger(__name__)

REBUILT = Counter("roottrading_engines_rebuilt", "indicator engines rebuilt from stored candles")
COMPUTE_S = Histogram(
    "roottrading_indicator_seconds",
    "indicator set, one bar",
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25),
)


class DataListener:
    """Consumes closed candles in batches, so that symbols that close together cost one round trip together."""

    def __init__(
        self,
        *,
        database: Database,
        bus: RedisBus,
        store: FeatureStore,
        clock: Clock,
        symbols: Iterable[str],
        warmup: int,
        parameters: IndicatorParameters | None = None,
    ) -> None:
        self._database = database
        self._bus = bus
        self._store = store
        self._clock = clock
        self._symbols = frozenset(symbols)
        self._warmup = warmup
        self._parameters = parameters or IndicatorParameters()
        self._engines: dict[tuple[str, Timeframe], IndicatorEngine] = {}
        self.frames = 0
        self.rebuilt = 0
        self.skipped = 0

    def statistics(self) -> dict[str, Any]:
        return {
            "engines": len(self._engines),
            "frames": self.frames,
            "rebuilt": self.rebuilt,
            "repeated_candles": self.skipped,
        }

    async def on_candles(self, messages: list[CandleMessage]) -> None:
        """Compute and publish the features of each new bar, then store them."""
        rows: list[tuple[CandleMessage, FeatureRow]] = []
        for message in messages:
            if message.symbol in self._symbols:
                row = await self._features_of(message)
                if row is not None:
                    rows.append((message, row))
        if not rows:
            return
        await self._bus.publish_many(
            FEATURES, [feature_frame(message, row, occurred_at=self._clock.now()) for message, row in rows]
        )
        await self._store.store(rows)
        self.frames += len(rows)

    async def _features_of(self, message: CandleMessage) -> FeatureRow | None:
        key = (message.symbol, message.timeframe)
        engine = self._engines.get(key)
        last = engine.last_open_time_ms if engine else None
        if engine is None or last is None or message.time != last + message.timeframe.milliseconds:
            if last is not None and message.time == last and engine is not None:
                self.skipped += 1
                return engine.last_row()
            return await self._rebuild(message)
        with COMPUTE_S.time():
            return engine.update(message.candle())

    async def _rebuild(self, message: CandleMessage) -> FeatureRow | None:
        """Start over from the stored history up to and including this bar; later bars follow by themselves."""
        candles = await stored_candles(
            self._database, message.symbol, message.timeframe, until_ms=message.time, count=self._warmup
        )
        tail = [candle for candle in candles if candle.open_time_ms < message.time]
        tail.append(message.candle())
        engine = IndicatorEngine(message.symbol, message.timeframe.value, self._parameters)
        engine.warm_up(unbroken_tail(tail))
        row = engine.last_row()
        self._engines[(message.symbol, message.timeframe)] = engine
        self.rebuilt += 1
        REBUILT.inc()
        return row


def feature_frame(message: CandleMessage, row: FeatureRow, *, occurred_at: datetime) -> FeatureFrame:
    """The message that carries the features of one bar."""
    return FeatureFrame(
        message_id=f"features:{message.symbol}:{message.timeframe}:{message.time}",
        correlation_id=message.correlation_id,
        occurred_at=occurred_at,
        symbol=message.symbol,
        timeframe=message.timeframe,
        time=message.time,
        close_time=message.close_time,
        values=row,
    )


def parameters_of(settings: Settings) -> IndicatorParameters:
    """The user's windows."""
    return IndicatorParameters(
        rsi_window=settings.rsi_window,
        short_window=settings.short_window,
        long_window=settings.long_window,
        bb_window=settings.bb_window,
        bb_std=settings.bb_std,
    )
