"""visualization: shows the platform on port 5009. Reads the tables, follows the bus, forwards actions to the trader."""

from __future__ import annotations

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx

# isort: split
from functools import partial
from pathlib import Path

import httpx

from shared.src.frame.service import Service, run_service
from visualization.src.api import health_routes, market_routes, performance_routes, serve_pages, trading_routes
from visualization.src.feeds import MarketFeed, feed_balances, feed_events, feed_health
from visualization.src.performance import PerformanceQueries
from visualization.src.platform_health import PlatformHealthMonitor
from visualization.src.proxy import proxy_routes
from visualization.src.queries import Queries
from visualization.src.system import SystemStatus, speed_of
from visualization.src.websocket import ClientHub, live_routes

DIST = Path(__file__).resolve().parent.parent / "frontend" / "dist"


async def build(service: Service) -> None:
    """Compose the service: REST reads, the live hub and its feeds, the pages."""
    settings, clock, app = service.settings, service.clock, service.app
    client = httpx.AsyncClient(follow_redirects=False, trust_env=False)
    service.on_stop(client.aclose)
    queries = Queries(service.database)
    monitor = PlatformHealthMonitor(settings, client, clock, service.health.report)
    hub = ClientHub(clock, speed=speed_of(clock))
    traded = partial(queries.symbols, settings.trading_symbols, settings.quote_asset)
    market = MarketFeed(hub, service.bus, clock, minutes=queries.minutes_since, symbols=traded)

    app.include_router(health_routes(monitor, SystemStatus(settings, clock, queries)))
    app.include_router(market_routes(queries, settings))
    app.include_router(trading_routes(queries))
    app.include_router(performance_routes(PerformanceQueries(queries, settings.quote_asset), clock))
    app.include_router(
        proxy_routes(client, trader_url=settings.url_of("trader"), portfolio_url=settings.url_of("portfolio"))
    )
    app.include_router(live_routes(hub))
    serve_pages(app, DIST)

    for name, task in market.tasks().items():
        service.add_task(name, task)
    service.add_task("events", lambda: feed_events(hub, service.bus))
    service.add_task("balances", lambda: feed_balances(hub, service.bus))
    service.add_task("health", lambda: feed_health(hub, clock, monitor.check))
    service.add_task("heartbeat", hub.beat)
    service.add_diagnostic("dashboards", lambda: {"clients": hub.clients, "channels": hub.channels})
    service.add_diagnostic("candles", lambda: {"received": market.received, "refused": market.refused})


if __name__ == "__main__":
    run_service("visualization", build)
