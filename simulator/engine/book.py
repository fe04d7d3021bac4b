"""The order book of one symbol: price levels in order, each a queue in time order.

Two kinds of entries stand in it: orders of accounts, and what outside participants offer. A level's queue is
strictly first come, first served; an outside offer that grows joins the queue's end with the growth.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from sortedcontainers import SortedList

from shared.src.domain.orders import Side
from simulator.engine.events import BookEvent, PriceLevel
from simulator.engine.numbers import ZERO
from simulator.engine.orders import EngineOrder


@dataclass(slots=True, eq=False)
class OutsideOffer:
    """A quantity that participants outside the exchange's accounts offer at one price."""

    key: int
    quantity: Decimal


Entry = EngineOrder | OutsideOffer


@dataclass(slots=True, eq=False)
class Level:
    """The queue at one price. ``visible`` is what depth shows: icebergs count with their shown part."""

    price: Decimal
    entries: OrderedDict[int, Entry] = field(default_factory=OrderedDict)
    visible: Decimal = ZERO
    outside: Decimal = ZERO

    def first(self) -> Entry:
        return next(iter(self.entries.values()))


class Half:
    """One side of the book. Prices ascend in ``prices``; the best is last for bids, first for asks."""

    def __init__(self, side: Side) -> None:
        self.side = side
        self.is_bids = side is Side.BUY
        self.prices: SortedList[Decimal] = SortedList()
        self.levels: dict[Decimal, Level] = {}
        self.changed: dict[Decimal, None] = {}
        # Where outside participants offered something; used-up offers stay until the next set_outside.
        self.offered: set[Decimal] = set()

    def best(self) -> Level | None:
        if not self.prices:
            return None
        return self.levels[self.prices[-1 if self.is_bids else 0]]

    def level(self, price: Decimal) -> Level:
        """The level at ``price``, created if needed; it is marked as changed."""
        self.changed[price] = None
        found = self.levels.get(price)
        if found is None:
            found = self.levels[price] = Level(price)
            self.prices.add(price)
        return found

    def tidy(self, level: Level) -> None:
        """Note that a level changed, and remove it when it is empty."""
        self.changed[level.price] = None
        if not level.entries:
            del self.levels[level.price]
            self.prices.remove(level.price)

    def walk(self) -> Iterator[Level]:
        """Levels from the best price on."""
        for price in reversed(self.prices) if self.is_bids else self.prices:
            yield self.levels[price]

    def depth(self, limit: int) -> list[PriceLevel]:
        prices = self.prices[: -limit - 1 : -1] if self.is_bids else self.prices[:limit]
        return [(price, self.levels[price].visible) for price in prices]

    def crosses(self, price: Decimal, limit: Decimal) -> bool:
        """True if a taker with ``limit`` accepts this half's ``price``."""
        return price >= limit if self.is_bids else price <= limit


class Book:
    """Both halves, and the update id that numbers every change of a level."""

    def __init__(self, symbol: str) -> None:
        self.symbol = symbol
        self.bids = Half(Side.BUY)
        self.asks = Half(Side.SELL)
        self.update_id = 1
        self.outside_key = 0
        self.shown: tuple[PriceLevel | None, PriceLevel | None] = (None, None)

    def half(self, side: Side) -> Half:
        return self.bids if side is Side.BUY else self.asks

    def best(self, side: Side) -> PriceLevel | None:
        """(price, visible quantity) of the best level."""
        level = self.half(side).best()
        return (level.price, level.visible) if level else None

    def add(self, order: EngineOrder, price: Decimal) -> None:
        """Queue an order at the end of its level; its ``display`` is what it shows."""
        level = self.half(order.side).level(price)
        level.entries[order.order_id] = order
        level.visible += order.display

    def remove(self, order: EngineOrder, price: Decimal) -> None:
        half = self.half(order.side)
        level = half.levels[price]
        del level.entries[order.order_id]
        level.visible -= order.display
        half.tidy(level)

    def set_outside(self, side: Side, offers: Iterable[PriceLevel]) -> None:
        """Make ``offers`` all that outside participants offer on this side.

        What stays keeps its place in the queue; a reduction is taken from the newest part, growth joins the end.
        """
        half = self.half(side)
        wanted: dict[Decimal, Decimal] = {}
        for price, quantity in offers:
            if price <= ZERO or quantity < ZERO:
                raise ValueError(f"{self.symbol}: an offer of {quantity} at {price} makes no sense")
            wanted[price] = wanted.get(price, ZERO) + quantity
        for price in sorted(half.offered.difference(wanted)):
            self._resize(half, price, ZERO)
        half.offered = set(wanted)
        for price, quantity in wanted.items():
            self._resize(half, price, quantity)

    def _resize(self, half: Half, price: Decimal, quantity: Decimal) -> None:
        found = half.levels.get(price)
        standing = found.outside if found else ZERO
        if quantity == standing:
            return
        level = half.level(price)
        level.visible += quantity - standing
        level.outside = quantity
        if quantity > standing:
            self.outside_key -= 1
            level.entries[self.outside_key] = OutsideOffer(self.outside_key, quantity - standing)
            return
        excess = standing - quantity
        for key in [key for key in reversed(level.entries) if key < 0]:
            entry = level.entries[key]
            assert isinstance(entry, OutsideOffer)
            if entry.quantity > excess:
                entry.quantity -= excess
                break
            excess -= entry.quantity
            del level.entries[key]
            if not excess:
                break
        half.tidy(level)

    def flush(self, time: int) -> BookEvent | None:
        """The changes since the last flush as one event; None if nothing changed."""
        bids, asks = self._changes(self.bids), self._changes(self.asks)
        if not bids and not asks:
            return None
        best = (self.best(Side.BUY), self.best(Side.SELL))
        first = self.update_id + 1
        self.update_id += len(bids) + len(asks)
        changed, self.shown = best != self.shown, best
        return BookEvent(self.symbol, time, first, self.update_id, bids, asks, best[0], best[1], changed)

    @staticmethod
    def _changes(half: Half) -> tuple[PriceLevel, ...]:
        if not half.changed:
            return ()
        changes: list[PriceLevel] = []
        for price in half.changed:
            level = half.levels.get(price)
            changes.append((price, level.visible if level is not None else ZERO))
        half.changed.clear()
        return tuple(changes)
