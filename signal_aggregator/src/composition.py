"""The signal aggregator put together, once: for the service, for tests and for the platform in one process."""

from __future__ import annotations

from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.contracts.topics import VOTES
from shared.src.domain.clock import Clock
from signal_aggregator.src.consensus import SignalAggregatorService
from signal_aggregator.src.critical_filters import consensus_rules
from signal_aggregator.src.ports import SignalStore

GROUP = "signal_aggregator"


def compose(*, settings: Settings, bus: Bus, clock: Clock, store: SignalStore) -> SignalAggregatorService:
    """The aggregator, listening for votes; its ``tasks`` are the caller's to run."""
    aggregator = SignalAggregatorService(
        store=store, bus=bus, clock=clock, rules=consensus_rules(settings), market_mode=settings.market_mode
    )
    bus.subscribe_fenced(VOTES, aggregator.on_votes, group=GROUP)
    return aggregator
