"""Where orders are matched: the one place that reads this from the settings."""

from __future__ import annotations

from enum import StrEnum

from shared.src.config import Settings, TradingMode


class Venue(StrEnum):
    """Whoever matches our orders also keeps our account: the trader and the portfolio must mean the same one."""

    BINANCE = "binance"  # the exchange itself, real money
    TWIN = "twin"  # a Binance compatible exchange at SIMULATOR_URL, spoken to as Binance is
    PAPER = "paper"  # inside the trader, on the exchange's live prices


def venue_of(settings: Settings) -> Venue:
    """The venue that the settings choose. Live trading excludes a twin: such settings do not load."""
    if settings.trading_mode is TradingMode.LIVE:
        return Venue.BINANCE
    return Venue.TWIN if settings.simulator_url else Venue.PAPER
