"""The portfolio put together, once: `main` gives it the real things, tests and one process for all their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from portfolio.src.balance_journal import BalanceJournal
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.booking import Booking
from portfolio.src.bookkeeper import SWEEP_EVERY_S, Bookkeeper
from portfolio.src.cycle_valuer import CycleValuer
from portfolio.src.equity_journal import EquityJournal
from portfolio.src.performance import PerformanceUpdater
from portfolio.src.pockets import PocketManager
from portfolio.src.ports import (
    AccountRecords,
    CapitalStore,
    CycleValues,
    DatedPrices,
    ExchangeAccount,
    PerformanceRows,
)
from shared.src.bus.ports import Bus, LastValues
from shared.src.config import Settings
from shared.src.domain.clock import Clock


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The parts that others speak to; ``tasks`` are the caller's to run."""

    bus: Bus
    books: Bookkeeper
    booking: Booking
    account: BinanceAccountManager
    performance: PerformanceUpdater

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """Work that goes on as long as the service."""
        return {
            "messages": self.bus.run,
            "sweep": self.books.run,
            "account": self.account.run,
            "performance": self.performance.run,
        }


def compose(
    *,
    settings: Settings,
    bus: Bus,
    clock: Clock,
    store: CapitalStore,
    records: AccountRecords,
    values: LastValues,
    results: PerformanceRows,
    cycle_values: CycleValues,
    exchange: ExchangeAccount,
    prices: DatedPrices,
    sweep_every_s: float = SWEEP_EVERY_S,
) -> Portfolio:
    """The portfolio on the running event loop, listening for fills and cycles.

    ``store`` has its pockets already (``found``). A sweep finds what no message told: where none is lost,
    it may be rare.
    """
    quote = settings.quote_asset
    equity = EquityJournal(records, store, prices, clock, quote_asset=quote)
    journal = BalanceJournal(records=records, values=values, prices=prices, notices=bus, clock=clock, quote_asset=quote)
    account = BinanceAccountManager(
        exchange, store, journal, clock, equity=equity, quote_asset=quote, symbols=settings.trading_symbols
    )
    valuer = CycleValuer(cycle_values, prices, clock, quote_asset=quote)
    performance = PerformanceUpdater(results, valuer, clock)
    pockets = PocketManager(store, quote_asset=quote)
    booking = Booking(pockets, store, bus, clock, quote_asset=quote)
    books = Bookkeeper(
        pockets,
        booking,
        clock,
        quote_asset=quote,
        wake_account=account.wake,
        wake_performance=performance.wake,
        halted=account.halted,
        sweep_every_s=sweep_every_s,
    )
    books.subscribe(bus)
    return Portfolio(bus, books, booking, account, performance)
