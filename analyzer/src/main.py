"""analyzer: feature frames become votes of strategies."""

from __future__ import annotations

import os

from analyzer.src import api
from analyzer.src.adapters.http_futures import HttpFutures
from analyzer.src.monitors import MonitorRunner
from analyzer.src.multiproc_manager import AnalyzerManager
from analyzer.src.opening import opened
from core.risk.fees import FeeModel
from shared.src.frame.service import Service, run_service


async def build(service: Service) -> None:
    """Compose the analyzer."""
    settings = service.settings
    analyzer, parameters, report = await opened(service, dict(os.environ))
    monitors = MonitorRunner(
        report.loaded,
        service.last_values,
        service.clock,
        symbols=settings.trading_symbols,
        futures=HttpFutures(settings.futures_data_url) if settings.futures_data_url else None,
        fees=FeeModel.of(settings),
    )
    service.add_task("monitors", monitors.run)
    if settings.analyzer_workers > 1:
        workers = AnalyzerManager(settings.analyzer_workers - 1, service.clock)
        service.add_task("workers", workers.run)
        service.add_diagnostic("workers", workers.statistics)
        service.health.add("workers", workers.check)
    api.install(service, analyzer.runner, parameters, monitors)
    service.add_diagnostic("strategies", analyzer.subscriber.statistics)
    service.add_diagnostic("refused", lambda: [f"{refused.source.name}: {refused.error}" for refused in report.refused])


if __name__ == "__main__":
    run_service("analyzer", build)
