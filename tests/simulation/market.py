"""What outsiders offer on a symbol, and how the price moves: the market as an adversary makes it."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from shared.src.domain.money import floor_to_step
from shared.src.domain.orders import Side
from simulator.engine.exchange import Engine
from simulator.engine.orders import EngineOrder

Offers = list[tuple[Decimal, Decimal]]

SPREAD = Decimal("0.0002")
LEVELS = 4
APART = Decimal("0.0005")  # between two levels, as a share of the price


class Shape(StrEnum):
    """How much is offered. ``CLIFF``: a crumb at the best price, the rest a fifth away."""

    DEEP = "deep"
    THIN = "thin"
    NO_BIDS = "no bids"
    NO_ASKS = "no asks"
    CLIFF = "cliff"
    WIDE = "wide"


class Market:
    """The outsiders on one symbol. Quantities are told in quote units: an offer of 1,000 buys a fiftieth of a BTC."""

    def __init__(self, engine: Engine, symbol: str, price: Decimal) -> None:
        self._engine = engine
        self._symbol = symbol
        self.price = price
        self.shape = Shape.DEEP

    @property
    def _tick(self) -> Decimal:
        return self._engine.market(self._symbol).rules.price.step

    @property
    def _is_open(self) -> bool:
        return self._engine.market(self._symbol).rules.status == "TRADING"

    def move(self, price: Decimal, now_ms: int) -> None:
        """The price goes there, whatever lies between, and somebody trades at it."""
        falls = price < self.price
        self.price = max(price, self._tick * 100)
        if not self._is_open:
            return
        self.offer(now_ms)
        bids, asks = self._offers()
        side, offers = (Side.SELL, bids) if falls else (Side.BUY, asks)
        at = offers[0][0] if offers else self._on_tick(self.price)
        self.print(side, at, Decimal(1), now_ms)

    def offer(self, now_ms: int) -> None:
        """Outsiders offer again what the shape says, around the price; in a symbol that is halted nobody trades."""
        if not self._is_open:
            return
        self._engine.set_liquidity(self._symbol, *self._offers(), now_ms)

    def print(self, side: Side, price: Decimal, amount: Decimal, now_ms: int) -> None:
        """Somebody trades ``amount`` quote units at a price."""
        quantity = max(self._units(amount, price), self._units(Decimal(1), price))
        self._engine.outside_trade(self._symbol, side, quantity, now_ms, price=price, print_rest=True)

    def reach(self, order: EngineOrder, share: Decimal, now_ms: int) -> None:
        """The market comes to an open order, and ``share`` of what is left of it is filled there, no more.

        A limit is traded with; a stop is triggered with that much to buy it, and the price goes on beyond its limit.
        """
        part = self._step(order.remaining * share)
        if part <= 0 or not self._is_open:
            return
        if order.stop_price is not None and not order.is_working:
            self._trigger(order, order.stop_price, part, now_ms)
        elif order.price > 0:
            self._engine.set_liquidity(self._symbol, [], [], now_ms)
            taker = Side.SELL if order.is_buy else Side.BUY
            self._engine.outside_trade(self._symbol, taker, part, now_ms, price=order.price)
            self._go_beside(order.price, Side.BUY if order.is_buy else Side.SELL, now_ms)

    def _trigger(self, order: EngineOrder, at: Decimal, part: Decimal, now_ms: int) -> None:
        limit = order.limit or at
        offers = [(limit, part)]
        bids, asks = ([], offers) if order.is_buy else (offers, [])
        self._engine.set_liquidity(self._symbol, bids, asks, now_ms)
        taker = Side.BUY if order.is_buy else Side.SELL
        self._engine.outside_trade(self._symbol, taker, self._units(Decimal(1), at), now_ms, price=at, print_rest=True)
        self._go_beside(limit, Side.BUY if order.is_buy else Side.SELL, now_ms)

    def _go_beside(self, price: Decimal, resting: Side, now_ms: int) -> None:
        """Outsiders offer around a price at which an order of ours may rest, without reaching it."""
        away = 1 + SPREAD if resting is Side.BUY else 1 - SPREAD
        self.price = price * away
        self.offer(now_ms)

    def _offers(self) -> tuple[Offers, Offers]:
        half = self.price * SPREAD / 2
        if self.shape is Shape.WIDE:
            half = self.price * Decimal("0.01")
        bids = self._side(self.price - half, -1)
        asks = self._side(self.price + half, 1)
        return ([] if self.shape is Shape.NO_BIDS else bids), ([] if self.shape is Shape.NO_ASKS else asks)

    def _side(self, best: Decimal, away: int) -> Offers:
        offers: dict[Decimal, Decimal] = {}
        for level in range(LEVELS):
            distance = APART * level if self.shape is not Shape.CLIFF or not level else Decimal("0.2") + APART * level
            price = self._on_tick(best * (1 + away * distance))
            offers[price] = self._units(self._amount(level), price)
        return list(offers.items())

    def _amount(self, level: int) -> Decimal:
        if self.shape is Shape.THIN or (self.shape is Shape.CLIFF and not level):
            return Decimal(30)
        return Decimal(250_000)

    def _on_tick(self, price: Decimal) -> Decimal:
        return max(floor_to_step(price, self._tick), self._tick)

    def _units(self, amount: Decimal, price: Decimal) -> Decimal:
        return max(self._step(amount / price), Decimal("0.00001"))

    def _step(self, units: Decimal) -> Decimal:
        return floor_to_step(units, Decimal("0.00001"))
