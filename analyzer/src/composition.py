"""The analyzer put together, once: for the service, its workers, tests and the platform in one process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from analyzer.src.parameters import ParameterWatch
from analyzer.src.ports import ParameterStore, StoredFeatures
from analyzer.src.redis_subscriber import RedisSubscriber
from analyzer.src.strategy_loader import LoadedStrategy
from analyzer.src.strategy_runner import StrategyRunner
from core.consensus.watermark import Watermark
from shared.src.bus.ports import Bus, Delivery
from shared.src.config import Settings
from shared.src.contracts.market import FeatureFrame
from shared.src.domain.clock import Clock


@dataclass(frozen=True, slots=True)
class Analyzer:
    """A process that votes."""

    runner: StrategyRunner
    subscriber: RedisSubscriber
    watermark: Watermark[Delivery[FeatureFrame]]
    watch: ParameterWatch
    bus: Bus

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """What goes on as long as the service."""
        return {"features": self.bus.run, "parameters": self.watch.run}

    async def set_symbols(self, symbols: tuple[str, ...]) -> None:
        """Wait for the bars of these from now on."""
        self.watermark.expect(symbols)


def compose(
    *,
    settings: Settings,
    bus: Bus,
    clock: Clock,
    strategies: Sequence[LoadedStrategy],
    symbols: Sequence[str],
    parameters: ParameterStore,
    features: StoredFeatures,
) -> Analyzer:
    """The analyzer, following the feature frames; its ``tasks`` are the caller's to run.

    ``strategies`` are loaded with the parameters that hold now; what is changed later comes from ``parameters``.
    """
    runner = StrategyRunner(strategies, clock, min_volume=settings.min_volume)
    watermark = Watermark[Delivery[FeatureFrame]](symbols)
    subscriber = RedisSubscriber(
        runner=runner, watermark=watermark, stored=features, clock=clock, timeframes=settings.interval
    )
    subscriber.subscribe(bus)
    return Analyzer(runner, subscriber, watermark, ParameterWatch(parameters, runner.apply, clock), bus)
