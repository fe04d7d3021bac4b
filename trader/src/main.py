"""Turns approved intents into protected positions on the exchange, and tells what was executed."""

from __future__ import annotations

import argparse
import os

from shared.src.frame.service import Service, run_service
from shared.src.market.history import PostgresCandleHistory
from trader.src.adapters.exchange_choice import exchange_for
from trader.src.adapters.portfolio_pockets import PortfolioPockets
from trader.src.adapters.postgres_store import PostgresStore
from trader.src.adapters.tick_prices import TickPrices
from trader.src.api.control import TraderControl
from trader.src.composition import compose
from trader.src.rest_server import RestApiServer


async def build(service: Service) -> None:
    """Open the exchange and the store, and give the trader its REST API, in a thread of its own."""
    exchange = await exchange_for(
        service.settings, service.clock, service.database, redis=service.bus.redis, notices=service.bus
    )
    trader = compose(
        settings=service.settings,
        bus=service.bus,
        clock=service.clock,
        store=PostgresStore(service.database, service.clock, demo=service.settings.is_demo),
        exchange=exchange,
        prices=TickPrices(service.last_values, exchange, service.clock),
        candles=PostgresCandleHistory(service.database),
    )
    service.health.add("exchange", exchange.ping)
    service.health.add("holdings", trader.difference)
    service.health.add("entries", trader.entries)
    service.health.add("symbols", trader.listing)
    service.health.add("quarantine", trader.quarantine.summary)
    for name, task in trader.tasks().items():
        service.add_task(name, task)
    service.follow_symbols(trader.set_symbols)
    token = service.settings.api_token.get_secret_value()
    pockets = PortfolioPockets(service.settings.url_of("portfolio"), token)
    server = RestApiServer(service, TraderControl(trader, service.database, service.auth, pockets))
    service.on_stop(pockets.close)
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
