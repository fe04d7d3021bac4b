"""Trader and portfolio mean the same venue."""

from __future__ import annotations

import pytest

from portfolio.src.adapters.exchange_account import BinanceAccount, TraderAccount, account_for
from shared.src.clocks import SystemClock
from shared.src.config import Settings, load_settings
from shared.src.exchange.venue import Venue, venue_of
from shared.src.redis_client import redis_from

LIVE = {
    "trading_mode": "live",
    "trading_enabled": "true",
    "max_position_size": "100",
    "max_daily_loss": "10",
    "binance_api_key": "key",
    "binance_secret_key": "secret",
}


@pytest.mark.parametrize(
    ("settings", "venue"),
    [
        (load_settings(), Venue.PAPER),
        (load_settings(simulator_url="http://twin"), Venue.TWIN),
        (load_settings(**LIVE), Venue.BINANCE),
    ],
)
async def test_the_portfolio_looks_where_orders_are_matched(settings: Settings, venue: Venue) -> None:
    assert venue_of(settings) is venue
    account = account_for(settings, SystemClock(), redis_from(settings))
    assert isinstance(account, TraderAccount if venue is Venue.PAPER else BinanceAccount)
    await account.close()
