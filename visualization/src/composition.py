"""The dashboard's service put together, once: `main` gives it the real things, tests their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial

import httpx
from fastapi import APIRouter

from shared.src.bus.ports import Bus
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from visualization.src.api import health_routes, market_routes, performance_routes, trading_routes
from visualization.src.feeds import MarketFeed, feed_balances, feed_events, feed_health
from visualization.src.performance import PerformanceViews
from visualization.src.platform_health import PlatformHealthMonitor, Report
from visualization.src.ports import MarketReads, PerformanceReads, SystemReads, TradingReads
from visualization.src.proxy import proxy_routes
from visualization.src.system import SystemStatus, speed_of
from visualization.src.websocket import ClientHub, live_routes

Task = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class DashboardService:
    """Its routes are the caller's to serve, its tasks to run."""

    hub: ClientHub
    market: MarketFeed
    routers: tuple[APIRouter, ...]
    feeds: Mapping[str, Task]

    def tasks(self) -> dict[str, Task]:
        """Work that goes on as long as the service."""
        return {**self.market.tasks(), **self.feeds, "heartbeat": self.hub.beat}


def compose(
    *,
    settings: Settings,
    bus: Bus,
    clock: Clock,
    client: httpx.AsyncClient,
    market: MarketReads,
    trading: TradingReads,
    performance: PerformanceReads,
    system: SystemReads,
    report: Report,
) -> DashboardService:
    """REST reads, the live hub and its feeds. ``report`` is this service's own health, ``client`` asks the others."""
    monitor = PlatformHealthMonitor(settings, client, clock, report)
    status = SystemStatus(settings, clock, market=market, system=system)
    hub = ClientHub(clock, speed=speed_of(clock))
    symbols = partial(market.symbols, settings.trading_symbols, settings.quote_asset)
    return DashboardService(
        hub=hub,
        market=MarketFeed(hub, bus, clock, minutes=market.minutes_since, symbols=symbols),
        routers=(
            health_routes(monitor, status),
            market_routes(market, trading, settings),
            trading_routes(trading),
            performance_routes(PerformanceViews(performance, quote_asset=settings.quote_asset), clock),
            proxy_routes(client, trader_url=settings.url_of("trader"), portfolio_url=settings.url_of("portfolio")),
            live_routes(hub),
        ),
        feeds={
            "events": lambda: feed_events(hub, bus),
            "balances": lambda: feed_balances(hub, bus),
            "health": lambda: feed_health(hub, clock, monitor.check),
        },
    )
