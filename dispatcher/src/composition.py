"""The dispatcher put together, once: for the service and for tests."""

from __future__ import annotations

from dispatcher.src.ports import DeadLetterStore, EventLog, MarketRecords
from dispatcher.src.service import DispatcherService
from shared.src.bus.ports import Bus, LastValues
from shared.src.domain.clock import Clock
from shared.src.market.ports import CandleWriter


def compose(
    *,
    bus: Bus,
    clock: Clock,
    records: MarketRecords,
    event_log: EventLog,
    values: LastValues,
    candles: CandleWriter,
    dead_letters: DeadLetterStore,
) -> DispatcherService:
    """The dispatcher, listening for what it mirrors; its ``tasks`` are the caller's to run."""
    dispatcher = DispatcherService(
        records=records,
        event_log=event_log,
        bus=bus,
        values=values,
        candles=candles,
        dead_letters=dead_letters,
        clock=clock,
    )
    dispatcher.subscribe_mirrors()
    return dispatcher
