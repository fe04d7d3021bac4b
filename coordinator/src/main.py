"""coordinator: a consensus becomes a funded order intent, or a refusal with its reason."""

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx
from coordinator.src.adapters.postgres_account import PostgresAccount
from coordinator.src.adapters.postgres_decisions import PostgresDecisionStore
from coordinator.src.api import create_router
from coordinator.src.composition import CoordinatorService, compose
from coordinator.src.portfolio_client import PortfolioClient
from core.risk.limits import RiskLimits
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.public_client import PublicClient
from shared.src.exchange.weights import WeightBudget
from shared.src.frame.service import Service, run_service
from shared.src.market.history import PostgresCandleHistory

__all__ = ["CoordinatorService", "build"]


async def build(service: Service) -> None:
    """Compose the coordinator of the real database, portfolio and exchange."""
    settings, clock = service.settings, service.clock
    exchange = PublicClient(settings.rest_url, WeightBudget(service.bus.redis))
    portfolio = PortfolioClient(settings.url_of("portfolio"), settings.api_token.get_secret_value(), clock)
    store = PostgresDecisionStore(service.database)
    coordinator = compose(
        settings=settings,
        bus=service.bus,
        clock=clock,
        store=store,
        accounts=PostgresAccount(
            service.database, quote_asset=settings.quote_asset, history=RiskLimits.of(settings).history
        ),
        funds=portfolio,
        rules=MarketData(exchange, clock),
        candles=PostgresCandleHistory(service.database),
    )
    for name, task in coordinator.tasks().items():
        service.add_task(name, task)
    service.follow_symbols(coordinator.universe.choose)
    service.add_diagnostic("decisions", coordinator.handler.statistics)
    service.health.add("portfolio", portfolio.probe)
    service.health.add("entries", coordinator.checker.entries)
    service.app.include_router(
        create_router(
            store=store,
            handler=coordinator.handler,
            checker=coordinator.checker,
            universe=coordinator.universe,
            clock=clock,
            circuit=lambda: portfolio.breaker.state.value,
        )
    )
    service.on_stop(portfolio.close)
    service.on_stop(exchange.close)


if __name__ == "__main__":
    run_service("coordinator", build)
