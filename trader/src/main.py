"""Turns approved intents into protected positions on the exchange, and tells what was executed."""

from __future__ import annotations

import argparse
import os

from shared.src.frame.service import Service, run_service
from shared.src.market.history import PostgresCandleHistory
from trader.src.adapters.account_lease import AccountLease
from trader.src.adapters.exchange_choice import exchange_for
from trader.src.adapters.portfolio_pockets import PortfolioPockets
from trader.src.adapters.postgres_store import PostgresStore
from trader.src.adapters.tick_prices import TickPrices
from trader.src.api.control import TraderControl
from trader.src.composition import compose
from trader.src.one_trader import OneTrader
from trader.src.rest_server import RestApiServer


async def build(service: Service) -> None:
    """Open the exchange and the store, and give the trader its REST API, in a thread of its own."""
    settings, clock, database = service.settings, service.clock, service.database
    lease = AccountLease.of(settings, clock)
    exchange = exchange_for(settings, clock, database, redis=service.bus.redis, notices=service.bus, fence=lease.check)
    alone = OneTrader(exchange, lease, clock)
    trader = compose(
        settings=settings,
        bus=service.bus,
        clock=clock,
        store=PostgresStore(database, clock, demo=settings.is_demo, confirm=lease.confirm),
        exchange=exchange,
        candles=PostgresCandleHistory(database),
        prices=TickPrices(service.last_values, exchange, clock),
    )
    for name, probe in (trader.probes() | alone.probes()).items():
        service.health.add(name, probe)
    for name, task in alone.tasks(trader.tasks()).items():
        service.add_task(name, task)
    pockets = PortfolioPockets(settings.url_of("portfolio"), settings.api_token.get_secret_value())
    service.on_stop(pockets.close)
    service.follow_symbols(alone.required(trader.set_symbols))
    server = RestApiServer(service, TraderControl(trader, database, service.auth, pockets, alone.require))
    service.add_task("rest", server.run)
    service.on_stop(trader.stop)
    service.on_stop(server.stop)


def main() -> None:
    parser = argparse.ArgumentParser(description="RootTrading trader")
    parser.add_argument("--port", type=int, help="port of the REST API (TRADER_PORT)")
    port = parser.parse_args().port
    if port is not None:
        os.environ["TRADER_PORT"] = str(port)
    run_service("trader", build, serve_app=False)


if __name__ == "__main__":
    main()
