"""Feature frames in, one message of votes per symbol, time frame and bar out."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from analyzer.src.multiproc_manager import AnalyzerManager
from shared.src.contracts.market import FeatureFrame
from shared.src.contracts.topics import FEATURES, VOTES
from shared.src.domain.candles import Timeframe
from shared.src.redis_client import RedisBus

logger = logging.getLogger(__name__)


class RedisSubscriber:
    """The analyzer's end of the bus."""

    def __init__(self, bus: RedisBus, manager: AnalyzerManager, *, timeframes: Iterable[Timeframe]) -> None:
        self._bus = bus
        self._manager = manager
        self._timeframes = frozenset(timeframes)
        self.frames = 0
        self.votes = 0

    def subscribe(self) -> None:
        self._bus.subscribe_batch(FEATURES, self.on_features, group="analyzer")

    def statistics(self) -> dict[str, Any]:
        return {"frames": self.frames, "votes": self.votes} | self._manager.statistics()

    async def on_features(self, frames: list[FeatureFrame]) -> None:
        """Let every strategy see the bars; decide on the time frames asked for."""
        results = []
        for frame in frames:
            self._manager.see(frame)
            if frame.timeframe in self._timeframes and frame.values.get("close") is not None:
                results.append(self._manager.evaluate(frame))
        if results:
            await self._bus.publish_many(VOTES, results)
        self.frames += len(frames)
        self.votes += sum(len(result.votes) for result in results)
