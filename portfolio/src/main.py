"""portfolio: executions become balanced postings; capital is leased to intents; balances and results are shown."""

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx

# isort: split
from portfolio.src.adapters.asset_prices import asset_prices
from portfolio.src.adapters.exchange_account import account_for
from portfolio.src.adapters.postgres_account import PostgresAccountRecords
from portfolio.src.adapters.postgres_capital import PostgresCapital
from portfolio.src.adapters.postgres_cycle_values import PostgresCycleValues
from portfolio.src.adapters.postgres_performance import PostgresPerformance
from portfolio.src.api import create_router
from portfolio.src.api_pockets import create_pocket_router
from portfolio.src.composition import compose
from portfolio.src.models import PortfolioModel, SharedCache
from shared.src.exchange.public_client import PublicClient
from shared.src.exchange.weights import WeightBudget
from shared.src.frame.service import Service, run_service


async def build(service: Service) -> None:
    """Open the stores and the account, and give the portfolio its API."""
    settings, database, clock, redis = service.settings, service.database, service.clock, service.bus.redis
    quote = settings.quote_asset
    store = PostgresCapital(database)
    await store.found(settings.pocket_shares(), clock.now())
    exchange = account_for(settings, clock, redis)
    market = PublicClient(settings.rest_url, WeightBudget(redis))
    prices = asset_prices(database, service.last_values, clock, market, quote_asset=quote)
    portfolio = compose(
        settings=settings,
        bus=service.bus,
        clock=clock,
        store=store,
        records=PostgresAccountRecords(database),
        values=service.last_values,
        results=PostgresPerformance(database),
        cycle_values=PostgresCycleValues(database),
        exchange=exchange,
        prices=prices,
    )
    for name, task in portfolio.tasks().items():
        service.add_task(name, task)
    cache = SharedCache(clock)
    model = PortfolioModel(database, prices, clock, quote_asset=quote, cache=cache)
    service.app.include_router(create_router(model, portfolio.account, portfolio.booking))
    service.app.include_router(create_pocket_router(portfolio.books, portfolio.account, service.auth, cache))
    service.health.add("exchange", portfolio.account.probe)
    service.health.add("executions", portfolio.booking.summary)
    service.follow_symbols(portfolio.account.add_symbols)
    service.on_stop(exchange.close)
    service.on_stop(market.close)


if __name__ == "__main__":
    run_service("portfolio", build)
