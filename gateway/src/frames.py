"""Binance's stream frames as the platform's messages. Pure: text in, message out.

Source: Binance Spot WebSocket Streams, kline and individual book ticker payloads, combined-stream envelope
``{"stream": ..., "data": ...}``.
"""

from __future__ import annotations

from typing import Any

import orjson

from shared.src.contracts.market import MarketTick
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ContractError
from shared.src.domain.money import to_decimal


def parse_frame(raw: str | bytes, *, received_ms: int) -> Candle | MarketTick | None:
    """A candle, a tick, or None for a frame that carries neither (answers to commands).

    Raises:
        ContractError: the frame is not what Binance documents; the text says what is wrong.
    """
    try:
        frame = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ContractError(f"not JSON: {error}") from error
    if not isinstance(frame, dict):
        raise ContractError("a frame must be a JSON object")
    data = frame.get("data", frame)
    stream = str(frame.get("stream", ""))
    if not isinstance(data, dict):
        return None
    try:
        if data.get("e") == "kline":
            return _candle(data)
        if stream.endswith("@bookTicker") or {"u", "b", "B", "a", "A"} <= data.keys():
            return _tick(data, received_ms)
    except (KeyError, TypeError, ValueError) as error:
        raise ContractError(f"{stream or data.get('e')}: {type(error).__name__}: {error}") from error
    return None


def _candle(data: dict[str, Any]) -> Candle:
    kline = data["k"]
    return Candle(
        symbol=kline["s"],
        timeframe=Timeframe(kline["i"]),
        open_time_ms=int(kline["t"]),
        open=to_decimal(kline["o"]),
        high=to_decimal(kline["h"]),
        low=to_decimal(kline["l"]),
        close=to_decimal(kline["c"]),
        volume=to_decimal(kline["v"]),
        quote_volume=to_decimal(kline["q"]),
        trades=int(kline["n"]),
        taker_buy_base=to_decimal(kline["V"]),
        taker_buy_quote=to_decimal(kline["Q"]),
        is_closed=bool(kline["x"]),
    )


def _tick(data: dict[str, Any], received_ms: int) -> MarketTick:
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
