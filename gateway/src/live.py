"""What moves between closed candles: open candles, best prices, trades taken, the last 24 hours.

Screens and price checks want the newest, not all: of each symbol the newest is published, as often as a setting
says; what was overwritten before is counted, never made a message. Older data never replaces newer: a stream may
deliver out of order, and two connections overlap while one replaces the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from gateway.src.frames import WRONG, broken, candle_of, day_of, tick_of
from shared.src.contracts.market import DayStatistics, MarketTick, TradeFlow
from shared.src.domain.candles import Candle
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ContractError
from shared.src.domain.money import to_decimal

Message = Candle | MarketTick | DayStatistics | TradeFlow
Pending = dict[str, Any] | None


@dataclass(slots=True)
class _Flow:
    """Aggregate trades since they were last published."""

    first_id: int
    last_id: int
    last: Decimal
    event_ms: int
    missing: int = 0
    bought: Decimal = field(default=Decimal(0))
    sold: Decimal = field(default=Decimal(0))
    quote: Decimal = field(default=Decimal(0))


class SymbolLive:
    """The newest of one symbol. Handlers take an event's data as it came and raise what ``frames.WRONG`` lists."""

    def __init__(self, symbol: str, last_closed_ms: Callable[[], int | None]) -> None:
        self.symbol = symbol
        self._last_closed_ms = last_closed_ms
        self.taken = 0
        self.published = 0
        self.trades_missed = 0
        self._candle: Pending = None
        self._tick: Pending = None
        self._day: Pending = None
        self._flow: _Flow | None = None
        self._last_trade_id: int | None = None
        self._newest = (0, 0)
        self._update_id = -1

    def on_open_candle(self, data: dict[str, Any]) -> None:
        self.taken += 1
        newest = (int(data["k"]["t"]), int(data["E"]))
        if newest >= self._newest:
            self._newest, self._candle = newest, data

    def on_tick(self, data: dict[str, Any]) -> None:
        self.taken += 1
        update_id = data["u"]
        if update_id > self._update_id:
            self._update_id, self._tick = update_id, data

    def on_day(self, data: dict[str, Any]) -> None:
        self.taken += 1
        self._day = data

    def on_trade(self, data: dict[str, Any]) -> None:
        self.taken += 1
        number, price, quantity = int(data["a"]), to_decimal(data["p"]), to_decimal(data["q"])
        last = self._last_trade_id
        if last is not None and number <= last:
            return
        flow = self._flow
        if flow is None:
            flow = self._flow = _Flow(number, number, price, int(data["E"]))
        if last is not None and number > last + 1:
            flow.missing += number - last - 1
            self.trades_missed += number - last - 1
        self._last_trade_id = flow.last_id = number
        flow.last, flow.event_ms = price, int(data["E"])
        flow.quote += price * quantity
        if data["m"]:  # the buyer was the maker: a taker sold
            flow.sold += quantity
        else:
            flow.bought += quantity

    def forget_order(self) -> None:
        """A new connection: numbers may start anywhere again."""
        self._newest, self._update_id, self._last_trade_id = (0, 0), -1, None

    @property
    def update_id(self) -> int:
        """Update id of the newest best price."""
        return self._update_id

    def take(self, now_ms: int) -> tuple[list[Message], list[ContractError]]:
        """The messages to publish now, and what could not be made one."""
        messages: list[Message] = []
        errors: list[ContractError] = []
        for stream, data, make in (
            ("kline", self._candle, candle_of),
            ("bookTicker", self._tick, lambda event: tick_of(event, received_ms=now_ms)),
            ("miniTicker", self._day, day_of),
        ):
            if data is None:
                continue
            try:
                messages.append(make(data))
            except WRONG as error:
                errors.append(broken(f"{self.symbol.lower()}@{stream}", error))
        closed = self._last_closed_ms()
        shown = [m for m in messages if not isinstance(m, Candle) or closed is None or m.time > closed]
        if self._flow is not None:
            shown.append(self._flow_message(self._flow))
        self._candle = self._tick = self._day = self._flow = None
        self.published += len(shown)
        return shown, errors

    def _flow_message(self, flow: _Flow) -> TradeFlow:
        return TradeFlow(
            message_id=f"{self.symbol}:flow:{flow.last_id}",
            occurred_at=from_ms(flow.event_ms),
            symbol=self.symbol,
            first_id=flow.first_id,
            last_id=flow.last_id,
            missing=flow.missing,
            bought=flow.bought,
            sold=flow.sold,
            quote_volume=flow.quote,
            last=flow.last,
        )
