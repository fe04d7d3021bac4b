"""analyzer: feature frames become votes of strategies."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from analyzer.src import api
from analyzer.src.lockstep import Lockstep
from analyzer.src.monitors import MonitorRunner
from analyzer.src.multiproc_manager import AnalyzerManager
from analyzer.src.parameters import ParameterStore, ParameterWatch
from analyzer.src.redis_subscriber import RedisSubscriber
from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader
from shared.src.service import Service, run_service
from shared.src.symbol_choice import chosen_symbols

logger = logging.getLogger(__name__)


async def build(service: Service) -> None:
    """Compose the analyzer."""
    settings = service.settings
    folders = [BUILT_IN, *([Path(settings.strategies_dir)] if settings.strategies_dir else [])]
    store = ParameterStore(service.database)
    overrides = await store.current()
    report = StrategyLoader(folders, environment=dict(os.environ), overrides=overrides, only=settings.strategies).load()
    for refused in report.refused:
        logger.error("strategy refused", extra={"file": str(refused.source), "reason": refused.error})
    logger.info("strategies loaded", extra={"count": len(report.loaded), "strategies": list(report.names)})

    manager = AnalyzerManager(report.loaded, service.clock, min_volume=settings.min_volume)
    symbols = await chosen_symbols(service.database, settings.trading_symbols)
    lockstep = Lockstep(symbols, monotonic=service.clock.monotonic)
    subscriber = RedisSubscriber(service.bus, manager, lockstep, service.database, timeframes=settings.interval)
    subscriber.subscribe()
    service.add_task("features", service.bus.run)
    service.add_task("parameters", ParameterWatch(store, manager.apply, service.clock).run)
    monitors = MonitorRunner(
        report.loaded,
        service.bus.redis,
        service.clock,
        symbols=settings.trading_symbols,
        futures=settings.futures_data_url,
    )
    service.add_task("monitors", monitors.run)
    api.install(service, manager, store, monitors)
    service.add_diagnostic("strategies", subscriber.statistics)
    service.add_diagnostic("refused", lambda: [f"{refused.source.name}: {refused.error}" for refused in report.refused])


if __name__ == "__main__":
    run_service("analyzer", build)
