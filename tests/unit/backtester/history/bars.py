"""Bars of a made-up market for these tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from backtester.history.bars import Bars
from shared.src.domain.candles import MINUTE_MS, Candle, Timeframe

START_MS = 1_704_067_200_000  # 2024-01-01


def candle(place: int, *, symbol: str = "BTCUSDC", start_ms: int = START_MS, frame: Timeframe = Timeframe.M1) -> Candle:
    price = Decimal("50000.01") + place % 7
    return Candle(
        symbol=symbol,
        timeframe=frame,
        time=start_ms + place * frame.milliseconds,
        open=price,
        high=price + 2,
        low=price - 2,
        close=price + 1,
        volume=Decimal("1.23456"),
        quote_asset_volume=Decimal("61729.37"),
        number_of_trades=12 + place,
        taker_buy_base_asset_volume=Decimal("0.5"),
        taker_buy_quote_asset_volume=Decimal("25000.5"),
    )


def candles(count: int, *, start_ms: int = START_MS) -> list[Candle]:
    return [candle(place, start_ms=start_ms) for place in range(count)]


def bars(made: Sequence[Candle]) -> Bars:
    return Bars.of_candles(made[0].symbol, made[0].timeframe, made)


def silent(made: Candle) -> Candle:
    """The bar without a trade."""
    nothing = Decimal(0)
    return replace(
        made,
        high=made.open,
        low=made.open,
        close=made.open,
        volume=nothing,
        quote_asset_volume=nothing,
        number_of_trades=0,
        taker_buy_base_asset_volume=nothing,
        taker_buy_quote_asset_volume=nothing,
    )


def without(made: Sequence[Candle], start: int, count: int) -> list[Candle]:
    return [item for place, item in enumerate(made) if not start <= place < start + count]


__all__ = ["MINUTE_MS", "START_MS", "bars", "candle", "candles", "silent", "without"]
