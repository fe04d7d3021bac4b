"""What is traded, in which mode, and what a decision needs."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, field_validator, model_validator

from shared.src.domain.candles import STORED_TIMEFRAMES, Timeframe
from shared.src.domain.symbols import DEFAULT_SYMBOLS, is_symbol
from shared.src.settings.fields import Frames, Words, setting, words

SYMBOLS_MAX = 400


class TradingMode(StrEnum):
    PAPER = "paper"
    LIVE = "live"


class TradingSettings(BaseModel):
    """Mode, symbols, strategies and their consensus."""

    trading_mode: TradingMode = setting(
        TradingMode.PAPER, "TRADING_MODE", description="paper (default) or live; demo means paper"
    )
    demo_mode: bool = setting(False, "DEMO_MODE", description="true means TRADING_MODE=paper")
    trading_enabled: bool | None = setting(
        None,
        "TRADING_ENABLED",
        description="may new positions be opened; paper: true unless told otherwise; live: must be set",
    )
    trading_symbols: Words = setting(
        DEFAULT_SYMBOLS, "TRADING_SYMBOLS", "SYMBOLS", "SYMBOL", description="symbols traded, comma separated"
    )
    interval: Frames = setting(
        (Timeframe.M1, Timeframe.M5, Timeframe.M15),
        "INTERVAL",
        description="time frames that strategies decide on",
    )
    quote_asset: str = setting("USDC", "QUOTE_ASSET", description="asset the portfolio is valued in")
    paper_balance: Decimal = setting(
        Decimal(10_000),
        "PAPER_BALANCE",
        description="starting quote balance of in-process paper trading",
        gt=0,
    )
    strategies: Words = setting((), "STRATEGIES", description="only these strategies, comma separated; empty: all")
    min_volume: Decimal = setting(
        Decimal(0), "MIN_VOLUME", description="bars with less base volume decide nothing", ge=0
    )
    trade_quantity: Decimal | None = setting(
        None, "TRADE_QUANTITY", description="fixed base quantity of an entry instead of risk-based sizing"
    )
    min_votes: int = setting(2, "MIN_VOTES", description="agreeing strategies a consensus needs", ge=1)
    market_mode: str = setting(
        "auto",
        "MARKET_MODE",
        description="ride, react or auto: which families lead",
        pattern="^(ride|react|auto)$",
    )
    rsi_window: int = setting(14, "RSI_WINDOW", description="period of RSI_Strategy's RSI", ge=2, le=500)
    rsi_overbought: float = setting(
        70.0, "RSI_OVERBOUGHT", description="RSI from which it counts as overbought", ge=55, le=95
    )
    rsi_oversold: float = setting(
        30.0, "RSI_OVERSOLD", description="RSI under which it counts as oversold", ge=5, le=45
    )
    short_window: int = setting(5, "SHORT_WINDOW", description="shorter average of SimpleMA_Cross", ge=2, le=500)
    long_window: int = setting(20, "LONG_WINDOW", description="longer average of SimpleMA_Cross", ge=2, le=500)
    bb_window: int = setting(20, "BB_WINDOW", description="period of Bollinger_Bands", ge=2, le=500)
    bb_std: float = setting(2.0, "BB_STD", description="width of Bollinger_Bands, standard deviations", ge=0.1, le=10)

    @field_validator("trading_mode", mode="before")
    @classmethod
    def _demo_is_paper(cls, value: Any) -> Any:
        text = str(value).strip().lower()
        return "paper" if text == "demo" else text

    @field_validator("trading_symbols", mode="before")
    @classmethod
    def _symbols(cls, value: Any) -> Any:
        return symbols_of(value)

    @field_validator("interval", "strategies", mode="before")
    @classmethod
    def _list_of_words(cls, value: Any) -> Any:
        return words(value)

    @field_validator("interval")
    @classmethod
    def _stored(cls, frames: tuple[Timeframe, ...]) -> tuple[Timeframe, ...]:
        unknown = [frame.value for frame in frames if frame not in STORED_TIMEFRAMES]
        if unknown:
            raise ValueError(f"{', '.join(unknown)}: the platform decides on {', '.join(STORED_TIMEFRAMES)}")
        return frames

    @model_validator(mode="after")
    def _averages_differ(self) -> Self:
        if self.short_window >= self.long_window:
            raise ValueError("SHORT_WINDOW must be smaller than LONG_WINDOW")
        return self

    @property
    def entries_enabled(self) -> bool:
        """Whether new positions may be opened: explicit in live mode, on by default in paper mode."""
        return self.trading_mode is TradingMode.PAPER if self.trading_enabled is None else self.trading_enabled

    @property
    def is_demo(self) -> bool:
        """Rows written in this mode concern no real money."""
        return self.trading_mode is TradingMode.PAPER


def symbols_of(value: Any) -> tuple[str, ...]:
    """Symbols from a list or from text separated by commas, in upper case.

    Raises:
        ValueError: one of them is no symbol, or there are none, too many, or the same twice.
    """
    symbols = words(value, upper=True)
    for symbol in symbols:
        if not is_symbol(symbol):
            raise ValueError(f"{symbol!r} is not a symbol such as BTCUSDC (separate symbols by commas)")
    if not symbols or len(symbols) > SYMBOLS_MAX or len(set(symbols)) != len(symbols):
        raise ValueError(f"between 1 and {SYMBOLS_MAX} different symbols are needed")
    return symbols
