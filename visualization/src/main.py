"""visualization: shows the platform on port 5009. Reads the tables, follows the bus, forwards actions to the trader."""

from __future__ import annotations

import shared.src.frame.lean_imports  # noqa: F401 - first, before anything imports httpx

# isort: split
from pathlib import Path

import httpx

from shared.src.frame.service import Service, run_service
from visualization.src.adapters.postgres_market import PostgresMarketReads
from visualization.src.adapters.postgres_performance import PostgresPerformanceReads
from visualization.src.adapters.postgres_system import PostgresSystemReads
from visualization.src.adapters.postgres_trading import PostgresTradingReads
from visualization.src.api import serve_pages
from visualization.src.composition import compose
from visualization.src.sign_in import SignedIn, sign_in_routes

DIST = Path(__file__).resolve().parent.parent / "frontend" / "dist"


async def build(service: Service) -> None:
    """Open what the dashboard reads, and serve its routes and its pages."""
    database = service.database
    client = httpx.AsyncClient(follow_redirects=False, trust_env=False)
    service.on_stop(client.aclose)
    dashboard = compose(
        settings=service.settings,
        bus=service.bus,
        clock=service.clock,
        client=client,
        market=PostgresMarketReads(database),
        trading=PostgresTradingReads(database),
        performance=PostgresPerformanceReads(database),
        system=PostgresSystemReads(database),
        report=service.health.report,
    )
    for router in dashboard.routers:
        service.app.include_router(router)
    if service.settings.reads_need_token:
        service.app.include_router(sign_in_routes(service.auth.check))
        service.app.add_middleware(SignedIn, admit=service.auth.check)
    serve_pages(service.app, DIST)
    for name, task in dashboard.tasks().items():
        service.add_task(name, task)
    hub, market = dashboard.hub, dashboard.market
    service.add_diagnostic("dashboards", lambda: {"clients": hub.clients, "channels": hub.channels})
    service.add_diagnostic("candles", lambda: {"received": market.received, "refused": market.refused})


if __name__ == "__main__":
    run_service("visualization", build)
