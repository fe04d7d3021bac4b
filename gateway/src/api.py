"""The gateway's own routes: symbols and order books."""

import asyncio
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.src.service import GatewayService
from shared.src.bus.kafka_topics import create_market_topics
from shared.src.config import SYMBOLS_MAX, symbols_of
from shared.src.domain.errors import RejectedError
from shared.src.domain.money import wire
from shared.src.exchange.market_data import MarketData
from shared.src.frame.auth import Principal, Scope
from shared.src.frame.service import Service
from shared.src.market.symbol_choice import choose_symbols, chosen_symbols, held_symbols

TOPIC_WAIT_S = 10.0


class SymbolList(BaseModel):
    """The symbols to stream from now on."""

    model_config = ConfigDict(extra="forbid")

    symbols: list[str] = Field(min_length=1, max_length=SYMBOLS_MAX)


def add_routes(service: Service, gateway: GatewayService, exchange: MarketData) -> None:
    """Open the routes."""
    settings, database = service.settings, service.database

    @service.app.get("/symbols", tags=["market data"])
    async def symbols() -> dict[str, Any]:
        """What is wanted and what is live: a new symbol is live once its history is loaded."""
        wanted = await chosen_symbols(database, settings.trading_symbols)
        return {"wanted": list(wanted), "live": list(gateway.live_symbols)}

    @service.app.put("/symbols", tags=["market data"], status_code=202)
    async def change_symbols(
        body: SymbolList, principal: Annotated[Principal, Depends(service.auth.require(Scope.ADMIN))]
    ) -> dict[str, Any]:
        """Stream exactly these; the services follow within seconds. Holds until TRADING_SYMBOLS is changed."""
        try:
            wanted = symbols_of(body.symbols)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        held = sorted(await held_symbols(database) & set(gateway.symbols) - set(wanted))
        if held:
            raise HTTPException(409, f"close the positions in {', '.join(held)} first: they need its prices")
        await _check_listed(exchange, [symbol for symbol in wanted if symbol not in gateway.symbols])
        await asyncio.to_thread(create_market_topics, settings, wanted, wait_s=TOPIC_WAIT_S)
        await choose_symbols(database, settings.trading_symbols, wanted)
        await service.auth.record(principal, "symbols", {"symbols": list(wanted)})
        return {"wanted": list(wanted), "live": list(gateway.live_symbols)}

    @service.app.get("/orderbook/{symbol}", tags=["market data"])
    async def order_book(symbol: str, levels: Annotated[int, Query(ge=1, le=5000)] = 20) -> dict[str, Any]:
        """The local order book, best levels first; 503 with the reason while it is rebuilt."""
        book = gateway.books.book(symbol.upper())
        bids, asks = book.levels(levels)
        return {
            "symbol": book.symbol,
            "update_id": book.update_id,
            "bids": [[wire(price), wire(quantity)] for price, quantity in bids],
            "asks": [[wire(price), wire(quantity)] for price, quantity in asks],
        }


async def _check_listed(exchange: MarketData, symbols: list[str]) -> None:
    """Refuse what the exchange does not trade."""
    if not symbols:
        return
    try:
        entries = await exchange.exchange_info_entries(symbols)
    except RejectedError as error:
        raise HTTPException(422, f"the exchange refused the symbols: {error}") from error
    closed = [entry["symbol"] for entry in entries if entry.get("status") != "TRADING"]
    if closed:
        raise HTTPException(422, f"not traded at the moment: {', '.join(closed)}")
