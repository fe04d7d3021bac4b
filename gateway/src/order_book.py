"""One symbol's order book, kept from depth differences. Pure.

Source: Binance, "How to manage a local order book correctly" (as corrected on 2025-11-12): buffer events, take a
snapshot that is not older than the first of them, drop what the snapshot knows, and apply the rest in an unbroken
sequence of update ids. Invariant: a book that may have missed a change shows nothing until it has been rebuilt.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

Level = tuple[Decimal, Decimal]

BUFFER_MAX = 5_000
BANDS = (Decimal("0.1"), Decimal("0.5"), Decimal(1))  # percent from the middle
IMBALANCE_BAND = Decimal("0.5")
NOT_STARTED = "waiting for the first depth event"


@dataclass(frozen=True, slots=True)
class DepthEvent:
    """Changes with update ids ``first_id`` to ``final_id``; a quantity of 0 removes the level."""

    first_id: int
    final_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The book as of ``last_id``. ``complete``: it holds every level there is."""

    last_id: int
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    complete: bool


@dataclass(frozen=True, slots=True)
class Depth:
    """What a book says of a market. Amounts in the quote asset by band (percent); None: beyond what the book knows."""

    update_id: int
    bid: Level
    ask: Level
    spread_bps: Decimal
    bid_depth: dict[Decimal, Decimal | None]
    ask_depth: dict[Decimal, Decimal | None]
    imbalance: Decimal | None


class _BookSide:
    """Levels of one side; ``sign`` -1 sorts bids best first."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[Decimal] = []
        self._quantities: dict[Decimal, Decimal] = {}
        self.known_to: Decimal | None = None  # the worst price the snapshot spoke of; None: all are known

    def load(self, levels: Iterable[Level], *, complete: bool) -> None:
        self._quantities = {price * self._sign: quantity for price, quantity in levels if quantity}
        self._keys = sorted(self._quantities)
        self.known_to = self._keys[-1] if self._keys and not complete else None

    def change(self, levels: Iterable[Level]) -> None:
        for price, quantity in levels:
            key = price * self._sign
            if quantity:
                if key not in self._quantities:
                    insort(self._keys, key)
                self._quantities[key] = quantity
            elif self._quantities.pop(key, None) is not None:
                del self._keys[bisect_left(self._keys, key)]

    def best(self) -> Level | None:
        return (self._keys[0] * self._sign, self._quantities[self._keys[0]]) if self._keys else None

    def levels(self, limit: int | None = None) -> list[Level]:
        return [(key * self._sign, self._quantities[key]) for key in self._keys[:limit]]

    def amount_to(self, price: Decimal) -> Decimal | None:
        """Quote amount from the best price to ``price``; None when the book does not reach that far."""
        bound = price * self._sign
        if self.known_to is not None and bound > self.known_to:
            return None
        total = Decimal(0)
        for key in self._keys:
            if key > bound:
                break
            total += abs(key) * self._quantities[key]
        return total


class OrderBook:
    """Feed it events and snapshots; ``reason`` is empty when it may be shown."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.reason = NOT_STARTED
        self.rebuilds = 0
        self.update_id: int | None = None
        self._bids, self._asks = _BookSide(-1), _BookSide(1)
        self._buffer: list[DepthEvent] = []

    @property
    def ready(self) -> bool:
        return self.update_id is not None

    @property
    def wants_snapshot(self) -> bool:
        return self.update_id is None and bool(self._buffer)

    def on_event(self, event: DepthEvent) -> None:
        """Take in an event; afterwards ``wants_snapshot`` says whether one is needed."""
        if self.update_id is None:
            self._buffer.append(event)
            if len(self._buffer) > BUFFER_MAX:
                del self._buffer[: BUFFER_MAX // 2]
        elif event.final_id > self.update_id:
            if event.first_id > self.update_id + 1:
                self.lose(f"update ids {self.update_id + 1} to {event.first_id - 1} are missing", event)
            else:
                self._apply(event)

    def on_snapshot(self, snapshot: Snapshot) -> bool:
        """Start from a snapshot; False when it does not connect to what was buffered: fetch another."""
        buffered = sorted(self._buffer, key=lambda event: event.first_id)
        if self.update_id is not None or not buffered:
            return self.update_id is not None
        if snapshot.last_id + 1 < buffered[0].first_id:
            self.reason = "the snapshot is older than the first event"
            return False
        self._bids.load(snapshot.bids, complete=snapshot.complete)
        self._asks.load(snapshot.asks, complete=snapshot.complete)
        self._buffer, self.update_id, self.reason = [], snapshot.last_id, ""
        for event in buffered:
            self.on_event(event)
        return self.update_id is not None

    def lose(self, reason: str, event: DepthEvent | None = None) -> None:
        """Show nothing until the book has been rebuilt; ``event`` is the first of the new sequence."""
        if self.update_id is not None:
            self.rebuilds += 1
        self.update_id, self.reason = None, reason
        self._buffer = [event] if event is not None else []

    def _apply(self, event: DepthEvent) -> None:
        self._bids.change(event.bids)
        self._asks.change(event.asks)
        self.update_id = event.final_id
        bid, ask = self._bids.best(), self._asks.best()
        if bid is not None and ask is not None and bid[0] >= ask[0]:
            self.lose(f"the book crossed at {bid[0]} / {ask[0]}")

    def levels(self, limit: int | None = None) -> tuple[list[Level], list[Level]]:
        """Bids and asks, best first. Only of a book that is ready."""
        assert self.ready, "a book that may be wrong is not shown"
        return self._bids.levels(limit), self._asks.levels(limit)

    def depth(self) -> Depth | None:
        """Spread and depth; None while the book is rebuilt, or when a side is empty."""
        bid, ask = self._bids.best(), self._asks.best()
        if self.update_id is None or bid is None or ask is None:
            return None
        middle = (bid[0] + ask[0]) / 2
        bid_depth = {band: self._bids.amount_to(middle * (1 - band / 100)) for band in BANDS}
        ask_depth = {band: self._asks.amount_to(middle * (1 + band / 100)) for band in BANDS}
        below, above = bid_depth[IMBALANCE_BAND], ask_depth[IMBALANCE_BAND]
        known = below is not None and above is not None and below + above > 0
        return Depth(
            update_id=self.update_id,
            bid=bid,
            ask=ask,
            spread_bps=(ask[0] - bid[0]) / middle * 10_000,
            bid_depth=bid_depth,
            ask_depth=ask_depth,
            imbalance=(below - above) / (below + above) if known and below is not None and above is not None else None,
        )
