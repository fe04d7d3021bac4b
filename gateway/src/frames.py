"""Binance's stream frames as the platform's messages. Pure: text in, message out.

Source: Binance Spot WebSocket Streams; combined-stream envelope ``{"stream": ..., "data": ...}``. A frame is taken
apart in two steps: opened when it arrives, and made a message only when it is published, since most open candles and
ticks are overwritten by newer ones before that.
"""

from __future__ import annotations

from typing import Any

import orjson

from gateway.src.order_book import DepthEvent, Level
from shared.src.contracts.market import DayStatistics, MarketTick
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ContractError
from shared.src.domain.money import to_decimal

WRONG = (KeyError, TypeError, ValueError, ArithmeticError)


def open_frame(raw: str | bytes) -> tuple[str, Any] | None:
    """The stream's name and its data; None for a frame that carries none (answers to commands).

    Raises:
        ContractError: the frame is not what Binance documents.
    """
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ContractError(f"not JSON: {error}") from error
    if not isinstance(frame, dict):
        raise ContractError("a frame must be a JSON object")
    stream = frame.get("stream")
    if not isinstance(stream, str):
        return None
    return stream, frame.get("data")


def broken(stream: str, error: Exception) -> ContractError:
    """What to raise for data that is not what Binance documents."""
    return ContractError(f"{stream}: {type(error).__name__}: {error}")


def candle_of(data: Any) -> Candle:
    """The candle of a kline event. Raises what ``WRONG`` lists."""
    kline = data["k"]
    closed = kline["x"]
    if not isinstance(closed, bool):
        raise TypeError("x must be true or false")
    return Candle(
        symbol=kline["s"],
        timeframe=Timeframe(kline["i"]),
        time=int(kline["t"]),
        open=to_decimal(kline["o"]),
        high=to_decimal(kline["h"]),
        low=to_decimal(kline["l"]),
        close=to_decimal(kline["c"]),
        volume=to_decimal(kline["v"]),
        quote_asset_volume=to_decimal(kline["q"]),
        number_of_trades=int(kline["n"]),
        taker_buy_base_asset_volume=to_decimal(kline["V"]),
        taker_buy_quote_asset_volume=to_decimal(kline["Q"]),
        is_closed=closed,
    )


def tick_of(data: Any, *, received_ms: int) -> MarketTick:
    """The best bid and ask of a bookTicker event. Raises what ``WRONG`` lists."""
    symbol, update_id = data["s"], int(data["u"])
    return MarketTick(
        message_id=f"{symbol}:{update_id}",
        occurred_at=from_ms(received_ms),
        symbol=symbol,
        bid=to_decimal(data["b"]),
        bid_quantity=to_decimal(data["B"]),
        ask=to_decimal(data["a"]),
        ask_quantity=to_decimal(data["A"]),
        update_id=update_id,
    )


def day_of(data: Any) -> DayStatistics:
    """The last 24 hours of a 24hrMiniTicker event. Raises what ``WRONG`` lists."""
    symbol, event_ms = data["s"], int(data["E"])
    return DayStatistics(
        message_id=f"{symbol}:day:{event_ms}",
        occurred_at=from_ms(event_ms),
        symbol=symbol,
        open=to_decimal(data["o"]),
        high=to_decimal(data["h"]),
        low=to_decimal(data["l"]),
        last=to_decimal(data["c"]),
        volume=to_decimal(data["v"]),
        quote_volume=to_decimal(data["q"]),
    )


def depth_of(data: Any) -> DepthEvent:
    """The changes of a depthUpdate event. Raises what ``WRONG`` lists."""
    return DepthEvent(int(data["U"]), int(data["u"]), levels_of(data["b"]), levels_of(data["a"]))


def levels_of(rows: Any) -> tuple[Level, ...]:
    """Price and quantity pairs. Raises what ``WRONG`` lists."""
    return tuple((to_decimal(price), to_decimal(quantity)) for price, quantity in rows)
