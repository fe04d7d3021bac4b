"""Prices for valuation out of the platform's own stores and the exchange's list."""

from __future__ import annotations

from functools import partial

from portfolio.src.prices import LastPrices
from shared.src.bus.ports import LastValues
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.exchange.calls import PublicCalls
from shared.src.exchange.market_data import MarketData
from shared.src.market.last_closes import closes_at, last_closes


def asset_prices(
    database: Database, values: LastValues, clock: Clock, market: PublicCalls, *, quote_asset: str
) -> LastPrices:
    """Ticks from ``values``, candles from ``database``, and ``market`` for what is not followed."""
    return LastPrices(
        values,
        partial(last_closes, database),
        quote_asset=quote_asset,
        clock=clock,
        closes_at=partial(closes_at, database),
        listed=MarketData(market, clock).last_prices,
    )
