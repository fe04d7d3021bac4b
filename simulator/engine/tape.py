"""The public trades of one symbol: recent trades, aggregate trades, and what averages need."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from decimal import Decimal

from simulator.engine.events import AggTradeEvent, TradeEvent
from simulator.engine.numbers import ZERO, divide, floor8

KEPT_TRADES = 2_000
MINUTE_MS = 60_000
KEPT_MINUTES = 60


class TradeTape:
    """The newest trades (up to 2,000) and volume per minute (60 minutes)."""

    def __init__(self, symbol: str, first_id: int = 1) -> None:
        self.symbol = symbol
        self.trades: deque[TradeEvent] = deque(maxlen=KEPT_TRADES)
        self.aggregates: deque[AggTradeEvent] = deque(maxlen=KEPT_TRADES)
        self.next_trade_id = first_id
        self.next_agg_id = first_id
        self.last_price: Decimal | None = None
        self.minutes: deque[tuple[int, Decimal, Decimal]] = deque(maxlen=KEPT_MINUTES)
        self._open: list[TradeEvent] = []

    def record(self, trade: TradeEvent) -> None:
        self.next_trade_id = trade.trade_id + 1
        self.trades.append(trade)
        self.last_price = trade.price
        self._open.append(trade)
        minute = trade.time // MINUTE_MS
        if self.minutes and self.minutes[-1][0] == minute:
            _, quote, base = self.minutes[-1]
            self.minutes[-1] = (minute, quote + trade.quote, base + trade.quantity)
        else:
            self.minutes.append((minute, trade.quote, trade.quantity))

    def close_taker(self) -> list[AggTradeEvent]:
        """Fold the trades of the taker order that just ended: one aggregate per price."""
        folded: list[AggTradeEvent] = []
        start = 0
        for index in range(1, len(self._open) + 1):
            if index < len(self._open) and self._open[index].price == self._open[start].price:
                continue
            part = self._open[start:index]
            quantity = sum((trade.quantity for trade in part), ZERO)
            first, last = part[0], part[-1]
            folded.append(
                AggTradeEvent(
                    self.symbol,
                    self.next_agg_id,
                    first.price,
                    quantity,
                    first.trade_id,
                    last.trade_id,
                    last.time,
                    first.is_buyer_maker,
                )
            )
            self.next_agg_id += 1
            start = index
        self._open.clear()
        self.aggregates.extend(folded)
        return folded

    def average(self, minutes: int, now_ms: int) -> Decimal | None:
        """Volume-weighted average price of the last ``minutes``; the last price when nothing traded."""
        if minutes <= 0:
            return self.last_price
        since = now_ms // MINUTE_MS - minutes
        quote = base = ZERO
        for minute, part_quote, part_base in reversed(self.minutes):
            if minute <= since:
                break
            quote += part_quote
            base += part_base
        return floor8(divide(quote, base)) if base else self.last_price

    def recent(self, limit: int) -> list[TradeEvent]:
        """The newest ``limit`` trades, oldest first."""
        return list(self.trades)[-limit:]

    def from_id(self, trade_id: int, limit: int) -> list[TradeEvent]:
        """Up to ``limit`` trades from ``trade_id`` on."""
        trades = list(self.trades)
        index = bisect_left(trades, trade_id, key=lambda trade: trade.trade_id)
        return trades[index : index + limit]

    def aggregates_between(
        self, *, from_id: int | None, start: int | None, end: int | None, limit: int
    ) -> list[AggTradeEvent]:
        """aggTrades by id or by time (both inclusive); without either the newest."""
        rows = [
            row
            for row in self.aggregates
            if (from_id is None or row.agg_id >= from_id)
            and (start is None or row.time >= start)
            and (end is None or row.time <= end)
        ]
        oldest_first = from_id is not None or start is not None
        return rows[:limit] if oldest_first else rows[-limit:]
