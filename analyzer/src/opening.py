"""What a process of the analyzer opens before it is composed: the strategies, PostgreSQL, the symbols in force."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from analyzer.src.adapters.postgres_features import PostgresStoredFeatures
from analyzer.src.adapters.postgres_parameters import PostgresParameterStore
from analyzer.src.composition import Analyzer, compose
from analyzer.src.strategy_loader import BUILT_IN, LoadReport, StrategyLoader
from shared.src.frame.service import Service
from shared.src.market.symbol_choice import chosen_symbols

logger = logging.getLogger(__name__)


async def opened(
    service: Service, environment: Mapping[str, str]
) -> tuple[Analyzer, PostgresParameterStore, LoadReport]:
    """The analyzer on the service's connections, its tasks added; the service and each of its workers call this."""
    settings, database = service.settings, service.database
    parameters = PostgresParameterStore(database)
    folders = [BUILT_IN, *([Path(settings.strategies_dir)] if settings.strategies_dir else [])]
    overrides = await parameters.current()
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
    symbols = await chosen_symbols(database, settings.trading_symbols)
    analyzer = compose(
        settings=settings,
        bus=service.bus,
        clock=service.clock,
        strategies=report.loaded,
        symbols=symbols,
        parameters=parameters,
        features=PostgresStoredFeatures(database),
    )
    for name, task in analyzer.tasks().items():
        service.add_task(name, task)
    service.follow_symbols(analyzer.set_symbols, current=symbols)
    return analyzer, parameters, report
