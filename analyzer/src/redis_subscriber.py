"""Feature frames in, one message of votes per symbol, time frame and bar out.

Every replica sees the frames of all symbols, since strategies may read those of others; it votes on its own symbols.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

from analyzer.src.ports import END_OF_TIME_MS, StoredFeatures
from analyzer.src.strategy_runner import StrategyRunner
from core.consensus.watermark import Watermark
from shared.src.bus.ports import BATCH_MAX, Delivery, FencedPublisher, Subscriptions
from shared.src.contracts.market import FeatureFrame
from shared.src.contracts.signals import StrategyVotes
from shared.src.contracts.topics import FEATURES, VOTES
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import Clock

logger = logging.getLogger(__name__)

GROUP = "analyzer"


class RedisSubscriber:
    """The analyzer's end of the bus."""

    def __init__(
        self,
        *,
        runner: StrategyRunner,
        watermark: Watermark[Delivery[FeatureFrame]],
        stored: StoredFeatures,
        clock: Clock,
        timeframes: Iterable[Timeframe],
    ) -> None:
        self._runner = runner
        self._watermark = watermark
        self._stored = stored
        self._clock = clock
        self._timeframes = frozenset(timeframes)
        self._due: deque[Delivery[FeatureFrame]] = deque()
        self._acted: list[Delivery[FeatureFrame]] = []
        self._results: list[StrategyVotes] = []
        self._newest: dict[tuple[str, Timeframe], int] = {}
        self.frames = 0
        self.votes = 0

    def subscribe(self, bus: Subscriptions) -> None:
        bus.follow(FEATURES, self, group=GROUP)

    def statistics(self) -> dict[str, Any]:
        return {"frames": self.frames, "votes": self.votes} | self._watermark.statistics() | self._runner.statistics()

    async def restart(self, waiting: Sequence[FeatureFrame]) -> None:
        """Begin anew before the first bar that is not decided on: from the stored features, then from the topic."""
        before = min((frame.close_time for frame in waiting), default=END_OF_TIME_MS)
        self._due.clear()
        self._acted.clear()
        self._results.clear()
        self._newest.clear()
        self._watermark.reset()
        for bar in await self._runner.remember(self._stored, before_ms=before):
            self._watermark.reached(bar.symbol, bar.timeframe, bar.time)

    def take(self, deliveries: Sequence[Delivery[FeatureFrame]]) -> None:
        for delivery in deliveries:
            frame = delivery.message
            self._watermark.hold(delivery, frame.symbol, frame.timeframe, frame.time)

    async def act(self, publisher: FencedPublisher) -> None:
        """Decide on what is due, in the order of market time."""
        while self._due or self._acted or self._next():
            while self._due:
                self._decide(self._due[0])
                self._acted.append(self._due.popleft())
            if self._results:
                await publisher.publish_many(VOTES, self._results)
            for delivery in self._acted:
                delivery.done = True
            self.frames += len(self._acted)
            self.votes += sum(len(result.votes) for result in self._results)
            self._acted, self._results = [], []

    def give_up(self) -> FeatureFrame | None:
        """Drop the frame that cannot be decided on."""
        if not self._due:
            return None
        self._acted.append(self._due.popleft())
        return self._acted[-1].message

    def _next(self) -> bool:
        self._due.extend(self._watermark.release(BATCH_MAX, now_s=self._clock.monotonic()))
        return bool(self._due)

    def _decide(self, delivery: Delivery[FeatureFrame]) -> None:
        frame = delivery.message
        key = (frame.symbol, frame.timeframe)
        if frame.revised:
            self._runner.see(frame)
        elif frame.time > self._newest.get(key, -1):  # a frame that comes twice was decided on
            self._newest[key] = frame.time
            self._runner.see(frame)
            decides = delivery.mine and frame.timeframe in self._timeframes
            if decides and frame.values.get("close") is not None:
                self._results.append(self._runner.evaluate(frame))
