"""coordinator: a consensus becomes a funded order intent, or a refusal with its reason."""

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx
from coordinator.src.api import create_router
from coordinator.src.decision_store import DecisionStore
from coordinator.src.exchange_rules import ExchangeRules
from coordinator.src.limits import limits_of
from coordinator.src.pocket_checker import PocketChecker
from coordinator.src.portfolio_client import PortfolioClient
from coordinator.src.signal_handler import GROUP, SignalHandler
from coordinator.src.universe import Universe
from shared.src.contracts.topics import CONSENSUS
from shared.src.exchange.weights import WeightBudget
from shared.src.frame.service import Service, run_service


class CoordinatorService:
    """The parts of the coordinator, put together on a service frame."""

    def __init__(self, service: Service) -> None:
        settings, clock = service.settings, service.clock
        quote, token = settings.quote_asset, settings.api_token.get_secret_value()
        self.limits = limits_of(settings)
        self.rules = ExchangeRules(settings.rest_url, WeightBudget(service.bus.redis))
        self.universe = Universe(self.rules, clock, settings.trading_symbols, quote_asset=quote)
        self.portfolio = PortfolioClient(settings.url_of("portfolio"), token, clock)
        self.store = DecisionStore(service.database, quote_asset=quote)
        trailing = settings.trailing_stop_percent
        self.handler = SignalHandler(
            store=self.store,
            funds=self.portfolio,
            bus=service.bus,
            clock=clock,
            checker=PocketChecker(self.limits),
            universe=self.universe,
            trailing_delta_bips=None if trailing is None else int(trailing * 100),
        )


async def build(service: Service) -> None:
    """Compose the coordinator."""
    parts = CoordinatorService(service)
    service.bus.subscribe_batch(CONSENSUS, parts.handler.on_signals, group=GROUP)
    service.add_task("messages", service.bus.run)
    service.add_task("sweep", parts.handler.run)
    service.add_task("universe", parts.universe.run)
    service.follow_symbols(parts.universe.choose)
    service.add_diagnostic("decisions", parts.handler.statistics)
    service.health.add("portfolio", parts.portfolio.probe)
    service.app.include_router(
        create_router(store=parts.store, handler=parts.handler, universe=parts.universe, portfolio=parts.portfolio,
                      limits=parts.limits, clock=service.clock)
    )  # fmt: skip
    service.on_stop(parts.portfolio.close)
    service.on_stop(parts.rules.close)


if __name__ == "__main__":
    run_service("coordinator", build)
