"""Market data on the wire."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from shared.src.contracts.base import Amount, Message, NonNegative, Positive, Symbol
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.features import BarFeatures, FeatureValue

HISTORY = "history"  # source of a closed candle that nothing is decided on
CORRECTION = "correction"  # source of a closed candle that replaces one published before with other values


class CandleMessage(Message):
    """One candle. ``time`` and ``close_time`` in ms UTC; prices in quote, ``volume`` in base units.

    ``source`` says where it comes from: stream, history (nothing is decided on it), repair (the stream did not deliver
    it), native (fetched since its minutes were not all seen), correction.
    """

    type: Literal["candle"] = "candle"
    symbol: Symbol
    timeframe: Timeframe
    time: int = Field(ge=0)
    close_time: int = Field(ge=0)
    open: Positive
    high: Positive
    low: Positive
    close: Positive
    volume: NonNegative
    quote_asset_volume: NonNegative
    number_of_trades: int = Field(ge=0)
    taker_buy_base_asset_volume: NonNegative
    taker_buy_quote_asset_volume: NonNegative
    is_closed: bool
    source: str

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        if not self.low <= min(self.open, self.close) <= max(self.open, self.close) <= self.high:
            raise ValueError(f"low <= open, close <= high does not hold for {self.symbol} at {self.time}")
        return self

    @classmethod
    def of(cls, candle: Candle, *, source: str, occurred_at_ms: int) -> CandleMessage:
        state = "closed" if candle.is_closed else f"open:{occurred_at_ms}"
        if source == CORRECTION:
            state = f"corrected:{occurred_at_ms}"
        identity = f"{candle.symbol}:{candle.timeframe}:{candle.time}:{state}"
        return cls(
            message_id=identity,
            correlation_id=f"{candle.symbol}:{candle.timeframe}:{candle.time}",
            occurred_at=from_ms(occurred_at_ms),
            symbol=candle.symbol,
            timeframe=candle.timeframe,
            time=candle.time,
            close_time=candle.close_time,
            open=candle.open,
            high=candle.high,
            low=candle.low,
            close=candle.close,
            volume=candle.volume,
            quote_asset_volume=candle.quote_asset_volume,
            number_of_trades=candle.number_of_trades,
            taker_buy_base_asset_volume=candle.taker_buy_base_asset_volume,
            taker_buy_quote_asset_volume=candle.taker_buy_quote_asset_volume,
            is_closed=candle.is_closed,
            source=source,
        )

    @property
    def is_decided_on(self) -> bool:
        """Whether strategies see this candle as it comes; what is history they only look back on."""
        return self.is_closed and self.source != HISTORY

    def candle(self) -> Candle:
        return Candle(
            symbol=self.symbol,
            timeframe=self.timeframe,
            time=self.time,
            open=self.open,
            high=self.high,
            low=self.low,
            close=self.close,
            volume=self.volume,
            quote_asset_volume=self.quote_asset_volume,
            number_of_trades=self.number_of_trades,
            taker_buy_base_asset_volume=self.taker_buy_base_asset_volume,
            taker_buy_quote_asset_volume=self.taker_buy_quote_asset_volume,
            is_closed=self.is_closed,
        )


class MarketTick(Message):
    """Best bid and ask of a symbol."""

    type: Literal["tick"] = "tick"
    symbol: Symbol
    bid: Positive
    bid_quantity: NonNegative
    ask: Positive
    ask_quantity: NonNegative
    update_id: int = Field(ge=0)


class DayStatistics(Message):
    """A symbol's last 24 hours. Prices in quote, ``volume`` in base units."""

    type: Literal["day"] = "day"
    symbol: Symbol
    open: Positive
    high: Positive
    low: Positive
    last: Positive
    volume: NonNegative
    quote_volume: NonNegative


class TradeFlow(Message):
    """What was traded since the message before it, by who took. Quantities in base units.

    ``missing`` counts aggregate trades between ``first_id`` and ``last_id`` that the stream did not deliver.
    """

    type: Literal["flow"] = "flow"
    symbol: Symbol
    first_id: int = Field(ge=0)
    last_id: int = Field(ge=0)
    missing: int = Field(ge=0)
    bought: NonNegative = Field(description="quantity that takers bought")
    sold: NonNegative = Field(description="quantity that takers sold")
    quote_volume: NonNegative
    last: Positive


class DepthBand(BaseModel):
    """Quote amounts on offer within ``percent`` of the middle; None: farther than the book is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    percent: Positive
    bid: NonNegative | None
    ask: NonNegative | None


class BookDepth(Message):
    """Spread and depth of a symbol's order book. ``imbalance`` is -1 (only asks within 0.5 %) to 1 (only bids)."""

    type: Literal["depth"] = "depth"
    symbol: Symbol
    bid: Positive
    bid_quantity: NonNegative
    ask: Positive
    ask_quantity: NonNegative
    spread_bps: NonNegative
    bands: list[DepthBand]
    imbalance: Amount | None
    update_id: int = Field(ge=0)


MarketMessage = Annotated[
    CandleMessage | MarketTick | BookDepth | TradeFlow | DayStatistics, Field(discriminator="type")
]


class FeatureFrame(Message):
    """Every indicator of one closed bar. None means not known yet; it never reads as a value.

    ``values`` has the columns of ``analyzer_data`` plus open, high, low, close, volume of the bar.
    """

    symbol: Symbol
    timeframe: Timeframe
    time: int = Field(ge=0, description="open time of the bar, ms UTC")
    close_time: int = Field(ge=0)
    revised: bool = Field(default=False, description="computed again after a correction: never decided on")
    values: dict[str, FeatureValue]

    @classmethod
    def of(
        cls, features: BarFeatures, *, correlation_id: str, occurred_at: datetime, revised: bool = False
    ) -> FeatureFrame:
        state = ":revised" if revised else ""
        return cls(
            message_id=f"features:{features.symbol}:{features.timeframe}:{features.time}{state}",
            correlation_id=correlation_id,
            occurred_at=occurred_at,
            symbol=features.symbol,
            timeframe=features.timeframe,
            time=features.time,
            close_time=features.close_time,
            revised=revised,
            values=dict(features.values),
        )

    def features(self) -> BarFeatures:
        return BarFeatures(self.symbol, self.timeframe, self.time, self.values)
