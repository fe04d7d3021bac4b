"""What an adversary can do to a world, as values: a story is a list of them, and each can be left out."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from shared.src.domain.money import ZERO, floor_to_step
from shared.src.domain.orders import OrderType, Side
from simulator.engine.orders import STOP_LOSS_TYPES, EngineOrder, ListKind, ListRequest, OrderRequest, TimeInForce
from tests.simulation.exchange import CallFault, StreamFault
from tests.simulation.market import Shape
from tests.simulation.world import World

HUNDRED = Decimal(100)
HUNDREDTH = Decimal("0.01")


class Action(Protocol):
    """``wait_s``: how much time passes after it. Numbers are chosen so that any action makes sense in any world."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def wait_s(self) -> float: ...

    async def act(self, world: World) -> None: ...


@dataclass(frozen=True, slots=True)
class Enter:
    """The strategies agree to buy."""

    symbol: str
    stop_percent: Decimal
    target_percent: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        await world.signal(self.symbol, Side.BUY, stop_percent=self.stop_percent, target_percent=self.target_percent)


@dataclass(frozen=True, slots=True)
class Leave:
    """The strategies agree to sell."""

    symbol: str
    wait_s: float

    async def act(self, world: World) -> None:
        await world.signal(self.symbol, Side.SELL, stop_percent=ZERO, target_percent=ZERO)


@dataclass(frozen=True, slots=True)
class BuyByApi:
    """The user buys by the platform's own API, with a limit ``below_percent`` under the price."""

    symbol: str
    amount: Decimal
    below_percent: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        price = world.markets[self.symbol].price * (1 - self.below_percent / HUNDRED)
        world.order_by_api(self.symbol, self.amount, price)


@dataclass(frozen=True, slots=True)
class CloseByApi:
    """The user closes one of the open positions by the platform's own API."""

    pick: int
    wait_s: float

    async def act(self, world: World) -> None:
        await world.close_by_api(self.pick)


# The market


@dataclass(frozen=True, slots=True)
class Move:
    """The price moves, trading all the way in one step: more than a percent is a gap."""

    symbol: str
    percent: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        market = world.markets[self.symbol]
        market.move(market.price * (1 + self.percent / HUNDRED), world.clock.now_ms())


@dataclass(frozen=True, slots=True)
class Offer:
    """Outsiders change how much they offer."""

    symbol: str
    shape: Shape
    wait_s: float

    async def act(self, world: World) -> None:
        market = world.markets[self.symbol]
        market.shape = self.shape
        market.offer(world.clock.now_ms())


class Leg(StrEnum):
    """Which orders are meant, by what they are for."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"

    def has(self, order: EngineOrder) -> bool:
        if order.is_buy:
            return self is Leg.ENTRY
        return self is (Leg.STOP if order.type in STOP_LOSS_TYPES else Leg.TARGET)


@dataclass(frozen=True, slots=True)
class Reach:
    """The market comes to one of the open orders of a kind and fills a part of it."""

    leg: Leg
    pick: int
    share: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        orders = [order for order in world.account.open_orders.values() if self.leg.has(order)]
        if orders:
            order = orders[self.pick % len(orders)]
            world.markets[order.symbol].reach(order, self.share, world.clock.now_ms())


# The operator


@dataclass(frozen=True, slots=True)
class TradeByHand:
    """The operator trades at market on the same account, by the exchange's own page."""

    symbol: str
    side: Side
    share: Decimal
    wait_s: float
    kind: ClassVar[OrderType] = OrderType.MARKET

    async def act(self, world: World) -> None:
        rules = world.engine.market(self.symbol).rules
        price = world.markets[self.symbol].price
        free = world.account.free(rules.base) if self.side is Side.SELL else world.account.free(rules.quote) / price
        quantity = floor_to_step(free * self.share, rules.lot.step)
        if quantity > 0:
            world.trade_by_hand(OrderRequest(self.symbol, self.side, self.kind, quantity=quantity))


@dataclass(frozen=True, slots=True)
class RestByHand:
    """The operator places a limit order on the exchange's own page, ``away_percent`` from the price."""

    symbol: str
    side: Side
    share: Decimal
    away_percent: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        rules = world.engine.market(self.symbol).rules
        away = self.away_percent if self.side is Side.SELL else -self.away_percent
        price = floor_to_step(world.markets[self.symbol].price * (1 + away / HUNDRED), rules.price.step)
        free = world.account.free(rules.base) if self.side is Side.SELL else world.account.free(rules.quote) / price
        quantity = floor_to_step(free * self.share, rules.lot.step)
        if quantity > 0:
            request = OrderRequest(
                self.symbol,
                self.side,
                OrderType.LIMIT,
                quantity=quantity,
                price=price,
                time_in_force=TimeInForce.GTC,
            )
            world.trade_by_hand(request)


@dataclass(frozen=True, slots=True)
class ListByHand:
    """The operator places a list of a kind that the platform never places: buys far below, and sells what that buys."""

    symbol: str
    kind: ListKind
    wait_s: float

    async def act(self, world: World) -> None:
        rules, price = world.engine.market(self.symbol).rules, world.markets[self.symbol].price
        quantity = rules.lot.step * max(1, int(20 / (price * rules.lot.step)))
        pending = None if self.kind is ListKind.OPO else quantity
        buy = OrderRequest(
            self.symbol,
            Side.BUY,
            OrderType.LIMIT,
            quantity=quantity,
            price=(price * Decimal("0.9")).quantize(rules.price.step),
            time_in_force=TimeInForce.GTC,
        )
        sell = OrderRequest(
            self.symbol,
            Side.SELL,
            OrderType.LIMIT,
            quantity=pending,
            price=(price * Decimal("1.2")).quantize(rules.price.step),
            time_in_force=TimeInForce.GTC,
        )
        world.list_by_hand(ListRequest(self.kind, self.symbol, (buy, sell)))


@dataclass(frozen=True, slots=True)
class CancelByHand:
    """The operator cancels one of the orders that stand, whoever placed it."""

    pick: int
    wait_s: float

    async def act(self, world: World) -> None:
        order = picked(world, self.pick)
        if order is not None:
            world.cancel_by_hand(order)


@dataclass(frozen=True, slots=True)
class Flow:
    """The owner deposits or withdraws."""

    asset: str
    amount: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        world.flow(self.asset, self.amount)


@dataclass(frozen=True, slots=True)
class Convert:
    """The owner turns part of the free coins into the quote asset, in no order book."""

    symbol: str
    share: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        rules, price = world.engine.market(self.symbol).rules, world.markets[self.symbol].price
        units = floor_to_step(world.account.free(rules.base) * self.share, rules.lot.step)
        if units > 0:
            world.flow(rules.base, -units)
            world.flow(rules.quote, (units * price).quantize(HUNDREDTH))


@dataclass(frozen=True, slots=True)
class Pause:
    """No new positions, by the platform's own API."""

    scope: str
    wait_s: float

    async def act(self, world: World) -> None:
        await world.trades.pause(self.scope, "by hand", world.machine.now())


@dataclass(frozen=True, slots=True)
class Resume:
    scope: str
    wait_s: float

    async def act(self, world: World) -> None:
        await world.trades.resume(self.scope)


# The exchange


@dataclass(frozen=True, slots=True)
class Ban:
    """The exchange answers no call for a while, from the ``after``-th from now on that changes something."""

    after: int
    status: int
    seconds: float
    wait_s: float

    async def act(self, world: World) -> None:
        world.conditions.calls.append(CallFault(self.after, self.status, -1003, ban_s=self.seconds))


@dataclass(frozen=True, slots=True)
class LoseCall:
    """A call of ours goes wrong: refused, without a verdict, or carried out without saying so."""

    after: int
    status: int
    code: int
    reads: bool
    carried_out: bool
    wait_s: float

    async def act(self, world: World) -> None:
        world.conditions.calls.append(CallFault(self.after, self.status, self.code, self.reads, self.carried_out))


@dataclass(frozen=True, slots=True)
class HideOrders:
    """Orders younger than some seconds are not found when asked for."""

    seconds: float
    wait_s: float

    async def act(self, world: World) -> None:
        world.conditions.hidden_s = self.seconds


@dataclass(frozen=True, slots=True)
class DisturbEvents:
    """The next events of our orders are lost, late, told twice or in the opposite order."""

    count: int
    lost: bool
    late_s: float
    doubled: bool
    reversed: bool
    wait_s: float

    async def act(self, world: World) -> None:
        fault = StreamFault(self.count, self.lost, self.late_s, self.doubled, self.reversed)
        world.conditions.events.append(fault)


@dataclass(frozen=True, slots=True)
class CutStream:
    """The user stream ends, and comes back after a while."""

    seconds: float
    wait_s: float

    async def act(self, world: World) -> None:
        world.conditions.deafen(self.seconds)
        world.streams.cut()


@dataclass(frozen=True, slots=True)
class SetStatus:
    """The exchange halts a symbol, takes cancels only, or trades it again."""

    symbol: str
    status: str
    wait_s: float

    async def act(self, world: World) -> None:
        world.engine.set_status(self.symbol, self.status, world.clock.now_ms())
        world.markets[self.symbol].offer(world.clock.now_ms())


@dataclass(frozen=True, slots=True)
class ChangeFilters:
    """The exchange changes a symbol's sizes: lots ``lot_factor`` times as large, the least amount ``notional``."""

    symbol: str
    lot_factor: int
    notional: Decimal
    wait_s: float

    async def act(self, world: World) -> None:
        world.change_filters(self.symbol, self.lot_factor, self.notional)


@dataclass(frozen=True, slots=True)
class LimitStops:
    """The exchange takes only so many stops in a symbol."""

    symbol: str
    most: int
    wait_s: float

    async def act(self, world: World) -> None:
        world.limit_stops(self.symbol, self.most)


@dataclass(frozen=True, slots=True)
class LosePrices:
    """The store of the last prices is away for a while; the exchange is not."""

    seconds: float
    wait_s: float

    async def act(self, world: World) -> None:
        world.conditions.no_values_until_s = world.clock.monotonic() + self.seconds


# The processes


@dataclass(frozen=True, slots=True)
class Repeat:
    """The bus delivers an earlier message again."""

    topic: str
    back: int
    wait_s: float

    async def act(self, world: World) -> None:
        world.repeat(self.topic, self.back)


@dataclass(frozen=True, slots=True)
class Kill:
    """A process dies, so many steps of its work from now; it is started again after a second."""

    service: str
    steps: int
    wait_s: float

    async def act(self, world: World) -> None:
        world.kill(self.service, self.steps)


@dataclass(frozen=True, slots=True)
class StartAnotherTrader:
    """Somebody starts the trader a second time."""

    wait_s: float

    async def act(self, world: World) -> None:
        world.start_second_trader()


@dataclass(frozen=True, slots=True)
class Reconfigure:
    """The services are started anew with another value of a setting."""

    name: str
    value: str
    wait_s: float

    async def act(self, world: World) -> None:
        world.restart_with({self.name: self.value})


@dataclass(frozen=True, slots=True)
class Delist:
    """The exchange does not have a symbol any more; what stood there is canceled."""

    symbol: str
    wait_s: float

    async def act(self, world: World) -> None:
        world.delist(self.symbol)


@dataclass(frozen=True, slots=True)
class Drift:
    """The clock of the platform's machine goes so many seconds ahead of the exchange's from now on, or behind it."""

    seconds: float
    wait_s: float

    async def act(self, world: World) -> None:
        world.machine.ahead_s = self.seconds


@dataclass(frozen=True, slots=True)
class Blind:
    """The exchange answers no question for a while; orders it takes."""

    seconds: float
    wait_s: float

    async def act(self, world: World) -> None:
        world.conditions.blind(self.seconds)


def picked(world: World, pick: int) -> EngineOrder | None:
    """One of the orders that stand, by a number."""
    orders = list(world.account.open_orders.values())
    return orders[pick % len(orders)] if orders else None


def told(action: Action) -> str:
    """An action in words: its name, and what it is about."""
    values = {name: getattr(action, name) for name in action.__dataclass_fields__ if name != "wait_s"}
    return " ".join((type(action).__name__, *(f"{name}={value}" for name, value in values.items())))
