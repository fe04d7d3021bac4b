"""A candle as the numbers that features are made of; apart from the engine, so that reading them needs no TA-Lib."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

import numpy as np

from core.rules.frames import NAN, Column

CANDLE_COLUMNS: Final = ("time", "open", "high", "low", "close", "volume", "quote_asset_volume", "number_of_trades")


class CandleLike(Protocol):
    """What the engine reads of a candle (``shared.src.domain.candles.Candle`` has it)."""

    @property
    def time(self) -> int: ...
    @property
    def open(self) -> Decimal | float: ...
    @property
    def high(self) -> Decimal | float: ...
    @property
    def low(self) -> Decimal | float: ...
    @property
    def close(self) -> Decimal | float: ...
    @property
    def volume(self) -> Decimal | float: ...
    @property
    def quote_asset_volume(self) -> Decimal | float: ...
    @property
    def number_of_trades(self) -> int: ...


def bar_of(candle: CandleLike) -> tuple[float, ...]:
    """The numbers of a candle, its ``CANDLE_COLUMNS``. A quote volume of 0 beside a volume was not recorded."""
    volume = float(candle.volume)
    quote_asset_volume = float(candle.quote_asset_volume)
    trades = candle.number_of_trades
    return (
        float(candle.time),
        float(candle.open),
        float(candle.high),
        float(candle.low),
        float(candle.close),
        volume,
        quote_asset_volume if quote_asset_volume > 0 or volume == 0 else NAN,
        float(trades) if trades or volume == 0 else NAN,
    )


def columns_of(candles: Sequence[CandleLike]) -> dict[str, Column]:
    """Candles as columns, the input of ``batch``."""
    table = np.array([bar_of(candle) for candle in candles], dtype=np.float64).reshape(-1, len(CANDLE_COLUMNS))
    return {name: np.ascontiguousarray(table[:, place]) for place, name in enumerate(CANDLE_COLUMNS)}
