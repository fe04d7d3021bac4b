"""The market analyzer put together, once: for the service, for tests and for the platform in one process."""

from __future__ import annotations

from core.features.indicators.base import IndicatorParameters
from market_analyzer.src.book_features import OrderBookReader
from market_analyzer.src.data_listener import DataListener
from market_analyzer.src.ports import FeatureStore
from shared.src.bus.ports import Bus, LastValues
from shared.src.config import OptionalStream, Settings
from shared.src.contracts.topics import CANDLE_CLOSED
from shared.src.domain.clock import Clock
from shared.src.market.ports import CandleHistory

GROUP = "market_analyzer"


def compose(
    *,
    settings: Settings,
    bus: Bus,
    clock: Clock,
    candles: CandleHistory,
    store: FeatureStore,
    values: LastValues,
) -> DataListener:
    """The market analyzer, listening for closed candles; its ``tasks`` are the caller's to run."""
    listener = DataListener(
        bus=bus,
        clock=clock,
        candles=candles,
        store=store,
        warmup=settings.warmup_candles,
        parameters=IndicatorParameters.of(settings),
        books=OrderBookReader(values) if OptionalStream.DEPTH in settings.gateway_streams else None,
    )
    bus.subscribe_fenced(CANDLE_CLOSED, listener.on_candles, group=GROUP, on_rebalance=listener.on_rebalance)
    return listener
