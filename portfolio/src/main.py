"""portfolio: executions become balanced postings; capital is leased to intents; balances and results are shown."""

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx
from portfolio.src.api import create_router
from portfolio.src.api_pockets import create_pocket_router
from portfolio.src.binance_account_manager import BinanceAccountManager
from portfolio.src.bookkeeper import Bookkeeper
from portfolio.src.exchange_account import account_for
from portfolio.src.ledger_store import LedgerStore
from portfolio.src.models import PortfolioModel, SharedCache
from portfolio.src.performance import PerformanceKeeper
from portfolio.src.pockets import PocketManager
from portfolio.src.prices import LastPrices
from shared.src.frame.service import Service, run_service


async def build(service: Service) -> None:
    """Compose the portfolio."""
    settings, database, clock, redis = service.settings, service.database, service.clock, service.bus.redis
    quote = settings.quote_asset
    pockets, ledger = PocketManager(database, quote_asset=quote), LedgerStore(quote_asset=quote)
    prices = LastPrices(database, redis, quote_asset=quote)
    exchange = account_for(settings, clock, redis)
    account = BinanceAccountManager(
        exchange, database, redis, service.bus, clock, quote_asset=quote, symbols=settings.trading_symbols
    )
    performance = PerformanceKeeper(database, clock)
    books = Bookkeeper(
        pockets,
        ledger,
        clock,
        quote_asset=quote,
        wake_account=account.wake,
        wake_performance=performance.wake,
        halted=account.halted,
    )
    books.subscribe(service.bus)
    await pockets.found(settings.pocket_shares(), clock.now())

    cache = SharedCache(clock)
    model = PortfolioModel(database, prices, clock, quote_asset=quote, cache=cache)
    service.app.include_router(create_router(model, account))
    service.app.include_router(create_pocket_router(books, account, service.auth, cache))
    service.health.add("exchange", account.probe)
    service.add_task("messages", service.bus.run)
    service.add_task("sweep", books.run)
    service.add_task("account", account.run)
    service.add_task("performance", performance.run)
    service.follow_symbols(account.add_symbols)
    service.on_stop(exchange.close)


if __name__ == "__main__":
    run_service("portfolio", build)
