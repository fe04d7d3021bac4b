"""market_analyzer: closed candles become feature frames, one row per symbol, time frame and bar."""

from __future__ import annotations

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports TA-Lib

# isort: split
from core.features.indicators.base import IndicatorParameters
from market_analyzer.src.book_features import OrderBookReader
from market_analyzer.src.data_listener import DataListener
from market_analyzer.src.feature_store import FeatureStore
from shared.src.config import OptionalStream
from shared.src.contracts.topics import CANDLE_CLOSED
from shared.src.frame.service import Service, run_service


async def build(service: Service) -> None:
    """Compose the market analyzer."""
    settings = service.settings
    listener = DataListener(
        database=service.database,
        store=await FeatureStore.open(service.database),
        clock=service.clock,
        warmup=settings.warmup_candles,
        parameters=IndicatorParameters.of(settings),
        books=OrderBookReader(service.last_values) if OptionalStream.DEPTH in settings.gateway_streams else None,
    )
    service.bus.subscribe_fenced(
        CANDLE_CLOSED, listener.on_candles, group="market_analyzer", on_rebalance=listener.on_rebalance
    )
    service.add_task("candles", service.bus.run)
    service.add_diagnostic("indicators", listener.statistics)


if __name__ == "__main__":
    run_service("market_analyzer", build)
