"""The market analyzer without its neighbours: which bars get features, when, and from which candles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from core.features.engine import IndicatorEngine
from market_analyzer.src.adapters.memory_features import MemoryFeatureStore
from market_analyzer.src.composition import compose
from market_analyzer.src.data_listener import DataListener
from market_analyzer.src.ports import Confirm
from shared.memory.bus import InMemoryBus
from shared.memory.candles import MemoryCandleStore
from shared.memory.features import MemoryFeatureTable
from shared.memory.last_values import MemoryLastValues
from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.contracts.market import CORRECTION, CandleMessage, FeatureFrame
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.errors import TransientError
from shared.src.domain.features import BarFeatures
from tests.integration.pipeline.recorded import candle

SYMBOL = "BTCUSDT"


class Frames:
    """Takes what the listener publishes."""

    def __init__(self) -> None:
        self.frames: list[FeatureFrame] = []

    async def publish(self, topic: Any, message: Any) -> None:
        self.frames.append(message)

    async def publish_many(self, topic: Any, messages: Iterable[Any]) -> None:
        self.frames += messages

    async def confirm(self) -> None:
        """Nobody else has the candles."""

    def places(self) -> list[str]:
        """The bars of the frames by their number, with an asterisk where they were revised."""
        first = candle(SYMBOL, 0).time
        return [f"{(frame.time - first) // 60_000}{'*' if frame.revised else ''}" for frame in self.frames]


class FailingOnce(MemoryFeatureStore):
    failures = 1

    async def store(self, rows: Sequence[BarFeatures], confirm: Confirm) -> None:
        if self.failures:
            self.failures -= 1
            raise TransientError("the database is away")
        await super().store(rows, confirm)


class World:
    """A listener on memory, and the dispatcher that stores a candle before the listener hears of it."""

    def __init__(self, *, fails: bool = False) -> None:
        self.candles = MemoryCandleStore()
        self.table = MemoryFeatureTable(self.candles)
        self.out = Frames()
        self._store = FailingOnce(self.table) if fails else MemoryFeatureStore(self.table)
        self.listener = self.started()

    def started(self) -> DataListener:
        """A new process on the same tables."""
        clock = ManualClock()
        return compose(
            settings=load_settings(warmup_candles=200),
            bus=InMemoryBus(),
            clock=clock,
            candles=self.candles,
            store=self._store,
            values=MemoryLastValues(clock),
        )

    async def hear(self, *candles: Candle, source: str = "stream") -> None:
        messages = [
            CandleMessage.of(one, source=source, occurred_at_ms=one.close_time + (source == CORRECTION))
            for one in candles
        ]
        await self.candles.store(messages)
        await self.listener.on_candles(messages, self.out)

    def newest(self) -> BarFeatures:
        (row,) = self.table.tail(count=1, before_ms=10**14)
        return row


def bar(number: int, factor: str = "1") -> Candle:
    return candle(SYMBOL, number, factor=factor)


def computed(candles: list[Candle]) -> dict[str, object]:
    engine = IndicatorEngine(SYMBOL, "1m")
    return dict([engine.update(one) for one in candles][-1])


async def test_each_new_bar_gets_one_frame_and_one_row() -> None:
    world = World()
    for number in range(5):
        await world.hear(bar(number))
    assert world.out.places() == ["0", "1", "2", "3", "4"]
    assert dict(world.newest().values) == computed([bar(number) for number in range(5)])


async def test_a_restarted_process_goes_on_from_the_stored_candles() -> None:
    world = World()
    for number in range(30):
        await world.hear(bar(number))
    world.listener = world.started()
    await world.hear(bar(30))
    assert world.listener.statistics()["rebuilt"] == 1
    assert dict(world.newest().values) == computed([bar(number) for number in range(31)])


async def test_nothing_is_computed_on_a_bar_whose_predecessor_is_missing() -> None:
    world = World()
    await world.hear(*(bar(number) for number in range(30)))
    await world.hear(bar(31))
    assert dict(world.newest().values) == computed([bar(31)])


async def test_a_candle_that_comes_again_changes_nothing() -> None:
    world = World()
    await world.hear(bar(0), bar(1))
    await world.hear(bar(1))
    assert world.out.places() == ["0", "1"]
    assert world.listener.statistics()["repeated_candles"] == 1


async def test_a_corrected_bar_and_what_follows_it_are_computed_again_and_not_decided_on() -> None:
    world = World()
    await world.hear(*(bar(number) for number in range(20)))
    await world.hear(bar(18, "1.04"), source=CORRECTION)
    assert world.out.places()[20:] == ["18*", "19*"]
    await world.hear(bar(20))
    corrected = [bar(number, "1.04" if number == 18 else "1") for number in range(21)]
    assert dict(world.newest().values) == computed(corrected)


async def test_a_correction_within_a_batch_counts_before_what_follows_it() -> None:
    world = World()
    await world.hear(*(bar(number) for number in range(10)))
    right = bar(10, "1.04")
    messages = [
        CandleMessage.of(bar(10), source="stream", occurred_at_ms=bar(10).close_time),
        CandleMessage.of(right, source=CORRECTION, occurred_at_ms=right.close_time + 1),
        CandleMessage.of(bar(11), source="stream", occurred_at_ms=bar(11).close_time),
    ]
    await world.candles.store(messages)
    await world.listener.on_candles(messages, world.out)
    assert world.out.places()[10:] == ["10", "10*", "11"]
    assert dict(world.newest().values) == computed([*(bar(number) for number in range(10)), right, bar(11)])


async def test_a_batch_that_is_tried_again_does_not_move_an_engine_twice() -> None:
    world = World(fails=True)
    with pytest.raises(TransientError):
        await world.hear(bar(0), bar(1))
    await world.hear(bar(0), bar(1))
    await world.hear(bar(2))
    assert dict(world.newest().values) == computed([bar(0), bar(1), bar(2)])
    assert world.table.newest(SYMBOL, Timeframe.M1) == bar(2).time


async def test_symbols_that_another_process_has_are_forgotten() -> None:
    world = World()
    await world.hear(bar(0))
    world.listener.on_rebalance(lambda symbol: symbol != SYMBOL)
    assert world.listener.statistics()["engines"] == 0
