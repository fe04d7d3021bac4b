"""A small exchange with Binance's answers, for losing answers, duplicating events and moving prices at will."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TypeVar

from core.positions.model import Order
from core.positions.protection import Protection
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, RootTradingError
from shared.src.domain.money import ZERO
from shared.src.domain.orders import TERMINAL, OrderStatus, OrderType, Side
from shared.src.exchange.models import (
    AccountSnapshot,
    Balance,
    BookTicker,
    Commission,
    ExchangeFill,
    ExchangeOrder,
    OddRow,
    OrderReport,
    Replacement,
)
from shared.src.exchange.rules import SymbolRules
from trader.src.ports import Listener

T = TypeVar("T")

SYMBOL = "BTCUSDC"
RULES = SymbolRules(
    symbol=SYMBOL,
    base="BTC",
    quote="USDC",
    tick=Decimal("0.01"),
    price_min=Decimal("0.01"),
    step=Decimal("0.00001"),
    quantity_min=Decimal("0.00001"),
    quantity_max=Decimal(9000),
    notional_min=Decimal(5),
)
FEE = Decimal("0.001")
SPREAD = Decimal("0.01")


class Crash(BaseException):
    """kill -9 at this very point."""


class Fuse:
    """Burns with every step of the outside world; raises when it is through.

    ``stalls``: at how many steps from now the machine stands still, and what happens in the world meanwhile.
    """

    def __init__(self) -> None:
        self.left: int | None = None
        self.stalls: tuple[int, Callable[[], None]] | None = None

    def burn(self) -> None:
        self._stand_still()
        if self.left is None:
            return
        self.left -= 1
        if self.left <= 0:
            self.left = None
            raise Crash

    def _stand_still(self) -> None:
        if self.stalls is None:
            return
        steps, meanwhile = self.stalls
        self.stalls = (steps - 1, meanwhile) if steps > 1 else None
        if self.stalls is None:
            meanwhile()


@dataclass
class Pending:
    """A request on its way: it arrives when its time comes, although nobody waits for the answer any more."""

    at: float
    action: Callable[[], object]


@dataclass
class FakeExchange:
    clock: ManualClock
    fuse: Fuse
    price: Decimal = Decimal(50000)
    quote: Decimal = Decimal(1_000_000)
    base: Decimal = ZERO
    orders: dict[int, ExchangeOrder] = field(default_factory=dict)
    fills: list[ExchangeFill] = field(default_factory=list)
    events: list[OrderReport] = field(default_factory=list)
    answers_to_lose: int = 0
    requests_to_lose: int = 0
    requests_to_delay: int = 0
    refusals: list[RootTradingError] = field(default_factory=list)
    in_flight: list[Pending] = field(default_factory=list)
    pairs: dict[int, tuple[int, int]] = field(default_factory=dict)
    fee_asset: str = ""
    hears: bool = True
    ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    trade_ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # The port

    async def follow(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            await self.rules(symbol)

    async def rules(self, symbol: str) -> SymbolRules:
        if symbol != SYMBOL:
            raise RejectedError("-1121 Invalid symbol.", code=-1121)
        return RULES

    async def refresh_rules(self, symbol: str) -> None:
        """They never change here."""

    async def place(self, order: Order) -> OrderReport:
        def act() -> OrderReport:
            placed = self._accept(order)
            self._match()
            if order.is_immediate and self.orders[placed.order_id].status not in TERMINAL:
                self._end(self.orders[placed.order_id], OrderStatus.EXPIRED)
            fills = tuple(fill for fill in self.fills if fill.order_id == placed.order_id)
            return OrderReport(self.orders[placed.order_id], fills)

        return self._change(act)

    async def place_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> list[OrderReport]:
        def act() -> list[OrderReport]:
            assert take_profit.price is not None
            assert stop.stop_price is not None
            if not stop.stop_price < self.price < take_profit.price:
                raise RejectedError("-2010 The relationship of the prices for the orders is not correct.", code=-2010)
            list_id = next(self.ids)
            legs = [self._accept(leg, list_id) for leg in (take_profit, stop)]
            self.pairs[list_id] = (legs[0].order_id, legs[1].order_id)
            return [OrderReport(self.orders[leg.order_id]) for leg in legs]

        return self._change(act)

    async def commission(self, symbol: str) -> Commission:
        return Commission((FEE, FEE), (ZERO, ZERO), None, "BNB")

    async def place_entry_list(self, entry: Order, exits: Protection) -> list[OrderReport]:
        raise NotImplementedError("this symbol has no such lists")

    async def blocked_s(self) -> float:
        return 0.0

    def entries_wait_s(self) -> float:
        return 0.0

    async def current_rules(self, symbol: str) -> SymbolRules:
        return await self.rules(symbol)

    async def replace(self, old: Order, new: Order) -> Replacement:
        def act() -> Replacement:
            if not old.executed_quantity and any(o.executed_quantity for o in self._named(old.client_order_id)):
                raise RejectedError("-2011 Order was not canceled due to cancel restrictions.", code=-2011)
            ended = self._cancel(old)
            placed = self._accept(new)
            self._match()
            fills = tuple(fill for fill in self.fills if fill.order_id == placed.order_id)
            return Replacement(tuple(ended), OrderReport(self.orders[placed.order_id], fills))

        return self._change(act)

    async def cancel(self, order: Order) -> list[ExchangeOrder]:
        return self._change(lambda: self._cancel(order))

    def _cancel(self, order: Order) -> list[ExchangeOrder]:
        if order.order_list_id is not None:
            ids: tuple[int, ...] = self.pairs.get(order.order_list_id, ())
        else:
            ids = tuple(item.order_id for item in self._named(order.client_order_id))
        standing = [self.orders[number] for number in ids if self.orders[number].status not in TERMINAL]
        if not standing:
            raise RejectedError("-2011 Unknown order sent.", code=-2011)
        return [self._end(item, OrderStatus.CANCELED) for item in standing]

    async def order(self, symbol: str, client_order_id: str) -> ExchangeOrder:
        self.fuse.burn()
        named = self._named(client_order_id)
        self.fuse.burn()
        if not named:
            raise RejectedError("-2013 Order does not exist.", code=-2013)
        return named[-1]

    async def order_by_id(self, symbol: str, order_id: int) -> ExchangeOrder:
        self.fuse.burn()
        if order_id not in self.orders:
            raise RejectedError("-2013 Order does not exist.", code=-2013)
        return self.orders[order_id]

    async def open_orders(self, symbol: str = "") -> list[ExchangeOrder]:
        self.fuse.burn()
        standing = [order for order in self.orders.values() if order.status not in TERMINAL]
        self.fuse.burn()
        return standing

    def odd_rows(self) -> list[OddRow]:
        return []

    async def trades(
        self, symbol: str, *, order_id: int | None = None, from_id: int | None = None
    ) -> list[ExchangeFill]:
        self.fuse.burn()
        fills = [fill for fill in self.fills if fill.symbol == symbol]
        if order_id is not None:
            return [fill for fill in fills if fill.order_id == order_id]
        return [fill for fill in fills if fill.trade_id >= (from_id or 0)]

    async def account(self) -> AccountSnapshot:
        self.fuse.burn()
        locked_base = sum((o.quantity for o in self._standing(Side.SELL) if not self._is_second_leg(o)), ZERO)
        balances = {
            "USDC": Balance("USDC", self.quote, ZERO),
            "BTC": Balance("BTC", self.base - locked_base, locked_base),
        }
        return AccountSnapshot(balances, can_trade=True)

    async def ticker(self, symbol: str) -> BookTicker:
        if symbol != SYMBOL:
            raise RejectedError("-1121 Invalid symbol.", code=-1121)
        return BookTicker(symbol, self.price, Decimal(9), self.price + SPREAD, Decimal(9))

    async def last_price(self, symbol: str) -> Decimal | None:
        return self.price

    async def average_price(self, symbol: str) -> Decimal:
        return self.price

    async def asks(self, symbol: str) -> list[tuple[Decimal, Decimal]]:
        ticker = await self.ticker(symbol)
        return [(ticker.ask, ticker.ask_quantity)]

    async def latest(self, symbol: str) -> BookTicker | None:
        return await self.ticker(symbol) if symbol == SYMBOL else None

    async def ping(self) -> str:
        return "fake"

    async def run(self, listener: Listener) -> None:
        raise NotImplementedError("events are delivered by the test")

    async def close(self) -> None:
        return None

    # The world

    def move(self, price: Decimal) -> None:
        self.price = price
        self._match()

    def elapse(self, seconds: float) -> None:
        """Time passes; requests that were on their way arrive."""
        self.clock.advance(seconds)
        due = [item for item in self.in_flight if item.at <= self.clock.monotonic()]
        self.in_flight = [item for item in self.in_flight if item not in due]
        for item in due:
            try:
                item.action()
            except RejectedError:
                continue

    def buys(self) -> list[ExchangeOrder]:
        return [order for order in self.orders.values() if order.side is Side.BUY]

    # Inside

    def _change(self, action: Callable[[], T]) -> T:
        """Carry a request out, or let it or its answer get lost on the way."""
        self.fuse.burn()
        if self.refusals:
            raise self.refusals.pop(0)
        if self.requests_to_lose:
            self.requests_to_lose -= 1
            raise OutcomeUnknownError("the request got lost")
        if self.requests_to_delay:
            self.requests_to_delay -= 1
            self.in_flight.append(Pending(self.clock.monotonic() + 5, action))
            raise OutcomeUnknownError("the request is still on its way")
        answer = action()
        self.fuse.burn()
        if self.answers_to_lose:
            self.answers_to_lose -= 1
            raise OutcomeUnknownError("the answer got lost")
        return answer

    def _accept(self, order: Order, list_id: int | None = None) -> ExchangeOrder:
        if any(item.status not in TERMINAL for item in self._named(order.client_order_id)):
            raise RejectedError("-2010 Duplicate order sent.", code=-2010)
        assert order.quantity % RULES.step == 0, order
        self._check_balance(order, list_id)
        accepted = ExchangeOrder(
            symbol=order.symbol,
            order_id=next(self.ids),
            client_order_id=order.client_order_id,
            side=order.side,
            type=order.type,
            status=OrderStatus.NEW,
            quantity=order.quantity,
            executed_quantity=ZERO,
            executed_quote=ZERO,
            price=order.price,
            stop_price=order.stop_price,
            time_in_force=order.time_in_force or "",
            order_list_id=list_id,
            time_ms=self.clock.now_ms(),
            is_working=order.type not in {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT},
        )
        self._set(accepted)
        return accepted

    def _check_balance(self, order: Order, list_id: int | None) -> None:
        locked = sum((item.quantity for item in self._standing(Side.SELL) if not self._is_second_leg(item)), ZERO)
        if list_id is not None and order.type is not OrderType.LIMIT_MAKER:
            return  # the pair holds its units once
        if order.side is Side.SELL and order.quantity > self.base - locked:
            raise RejectedError("-2010 AccountSnapshot has insufficient balance for requested action.", code=-2010)
        if order.type is OrderType.STOP_LOSS_LIMIT and order.stop_price is not None and self.price <= order.stop_price:
            raise RejectedError("-2010 Order would trigger immediately.", code=-2010)

    def _match(self) -> None:
        for order in list(self.orders.values()):
            current = self.orders[order.order_id]
            if current.status in TERMINAL:
                continue
            if not current.is_working and current.stop_price is not None and self.price <= current.stop_price:
                current = replace(current, is_working=True)
                self._set(current)
                self._expire_other_leg(current)
            if current.is_working and self._reaches(current):
                self._fill(current)

    def _reaches(self, order: ExchangeOrder) -> bool:
        if order.price is None:
            return True
        if order.side is Side.BUY:
            return self.price + SPREAD <= order.price
        return self.price >= order.price

    def _fill(self, order: ExchangeOrder) -> None:
        """In two parts, as a book does."""
        self._expire_other_leg(order)
        price = self.price + SPREAD if order.side is Side.BUY else self.price
        first = (order.quantity / 2 // RULES.step) * RULES.step
        for part in (first, order.quantity - first):
            if part:
                self._trade(order.order_id, part, price)

    def _trade(self, order_id: int, quantity: Decimal, price: Decimal) -> None:
        order = self.orders[order_id]
        buys = order.side is Side.BUY
        received, asset = (quantity, "BTC") if buys else (quantity * price, "USDC")
        fee = received * FEE
        fill = ExchangeFill(
            symbol=SYMBOL,
            trade_id=next(self.trade_ids),
            order_id=order_id,
            side=order.side,
            price=price,
            quantity=quantity,
            quote_quantity=quantity * price,
            fee=fee,
            fee_asset=asset,
            is_maker=False,
            time_ms=self.clock.now_ms(),
        )
        self.fills.append(fill)
        self.base += quantity - fee if buys else -quantity
        self.quote += -quantity * price if buys else quantity * price - fee
        executed = order.executed_quantity + quantity
        done = executed >= order.quantity
        self._set(
            replace(
                order,
                executed_quantity=executed,
                executed_quote=order.executed_quote + fill.quote_quantity,
                status=OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
            ),
            fill,
        )

    def _expire_other_leg(self, order: ExchangeOrder) -> None:
        for number in self.pairs.get(order.order_list_id or 0, ()):
            if number != order.order_id and self.orders[number].status not in TERMINAL:
                self._end(self.orders[number], OrderStatus.EXPIRED)

    def _end(self, order: ExchangeOrder, status: OrderStatus) -> ExchangeOrder:
        ended = replace(order, status=status)
        self._set(ended)
        return ended

    def _set(self, order: ExchangeOrder, *fills: ExchangeFill) -> None:
        self.orders[order.order_id] = order
        self.events.append(OrderReport(order, fills))

    def _named(self, client_order_id: str) -> list[ExchangeOrder]:
        return [order for order in self.orders.values() if order.client_order_id == client_order_id]

    def _standing(self, side: Side) -> list[ExchangeOrder]:
        return [order for order in self.orders.values() if order.side is side and order.status not in TERMINAL]

    def _is_second_leg(self, order: ExchangeOrder) -> bool:
        """Both legs of a pair hold the same units."""
        first, _ = self.pairs.get(order.order_list_id or 0, (order.order_id, 0))
        return order.order_id != first and self.orders[first].status not in TERMINAL
