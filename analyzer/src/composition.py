"""What a process of the analyzer consists of, be it the service or one of its workers."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analyzer.src.parameters import ParameterStore, ParameterWatch
from analyzer.src.redis_subscriber import RedisSubscriber
from analyzer.src.strategy_loader import BUILT_IN, LoadReport, StrategyLoader
from analyzer.src.strategy_runner import StrategyRunner
from core.consensus.watermark import Watermark
from shared.src.bus.ports import Delivery
from shared.src.contracts.market import FeatureFrame
from shared.src.frame.service import Service
from shared.src.market.symbol_choice import chosen_symbols

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Components:
    """What was composed."""

    runner: StrategyRunner
    subscriber: RedisSubscriber
    store: ParameterStore
    report: LoadReport


async def compose(service: Service, environment: Mapping[str, str]) -> Components:
    """Strategies, their parameters, and the subscription that feeds them."""
    settings, database, clock = service.settings, service.database, service.clock
    folders = [BUILT_IN, *([Path(settings.strategies_dir)] if settings.strategies_dir else [])]
    store = ParameterStore(database)
    overrides = await store.current()
    report = StrategyLoader(
        folders,
        environment=environment,
        overrides=overrides,
        only=settings.strategies,
        bound=settings.exit_rules(),
    ).load()
    for refused in report.refused:
        logger.error("strategy refused", extra={"file": str(refused.source), "reason": refused.error})
    logger.info("strategies loaded", extra={"count": len(report.loaded), "strategies": list(report.names)})

    runner = StrategyRunner(report.loaded, clock, min_volume=settings.min_volume)
    symbols = await chosen_symbols(database, settings.trading_symbols)
    watermark = Watermark[Delivery[FeatureFrame]](symbols)
    subscriber = RedisSubscriber(
        runner=runner, watermark=watermark, database=database, clock=clock, timeframes=settings.interval
    )
    subscriber.subscribe(service.bus)

    async def expect(chosen: tuple[str, ...]) -> None:
        watermark.expect(chosen)

    service.add_task("features", service.bus.run)
    service.add_task("parameters", ParameterWatch(store, runner.apply, clock).run)
    service.follow_symbols(expect, current=symbols)
    return Components(runner, subscriber, store, report)
