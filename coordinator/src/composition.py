"""The coordinator, put together from whatever it is given: the real things, or those in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from coordinator.src.pocket_checker import PocketChecker
from coordinator.src.ports import AccountReader, DecisionStore, FundsClient
from coordinator.src.signal_handler import GROUP, SWEEP_EVERY_S, SignalHandler
from coordinator.src.universe import Universe
from core.risk.entry_decisions import DecisionRules
from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.contracts.topics import CONSENSUS
from shared.src.domain.clock import Clock
from shared.src.exchange.rules import RulesSource
from shared.src.market.ports import CandleHistory
from shared.src.market.recent_closes import recent_closes


@dataclass(frozen=True, slots=True)
class CoordinatorService:
    """The parts of a coordinator at work."""

    handler: SignalHandler
    checker: PocketChecker
    universe: Universe
    bus: Bus

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Work that goes on as long as the service."""
        return {"messages": self.bus.run, "sweep": self.handler.run, "universe": self.universe.run}


def compose(
    *,
    settings: Settings,
    bus: Bus,
    clock: Clock,
    store: DecisionStore,
    accounts: AccountReader,
    funds: FundsClient,
    rules: RulesSource,
    candles: CandleHistory | None = None,
    sweep_every_s: float = SWEEP_EVERY_S,
) -> CoordinatorService:
    """Put the coordinator together; it hears of consensus once ``tasks`` run.

    A sweep finds what no message told: where none is lost, it may be rare.
    """
    universe = Universe(rules, clock, settings.trading_symbols, quote_asset=settings.quote_asset)
    closes = recent_closes(candles, clock, minutes=settings.cluster_minutes)
    checker = PocketChecker(accounts, universe, clock, DecisionRules.of(settings), closes)
    trailing = settings.trailing_stop_percent
    handler = SignalHandler(
        store=store,
        funds=funds,
        bus=bus,
        clock=clock,
        checker=checker,
        trailing_delta_bips=None if trailing is None else int(trailing * 100),
        sweep_every_s=sweep_every_s,
    )
    bus.subscribe_batch(CONSENSUS, handler.on_signals, group=GROUP)
    return CoordinatorService(handler, checker, universe, bus)
