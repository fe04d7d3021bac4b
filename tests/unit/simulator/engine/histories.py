"""Random histories of an exchange, told by bytes: the same bytes, the same history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from shared.src.domain.orders import OrderType, Side
from simulator.engine.accounts import Account
from simulator.engine.errors import ApiError
from simulator.engine.events import Event, OrderEvent
from simulator.engine.exchange import Engine
from simulator.engine.orders import MARKET_TYPES, ListKind, ListRequest, OrderRequest, Ref, StpMode, TimeInForce
from simulator.engine.rules import MarketRules, PriceRangeRule

D = Decimal
SYMBOL = "AAABBB"
NAMES = ("ann", "ben", "cid")
SIDES = (Side.BUY, Side.SELL)
TYPES = tuple(OrderType)
MODES = tuple(StpMode)
FORCES = tuple(TimeInForce)
KINDS = tuple(ListKind)
_HALF, _TENTH, _PER_MILLE, _TWO_PER_MILLE = D("0.5"), D("0.1"), D("0.001"), D("0.002")


@dataclass(frozen=True)
class World:
    """The circumstances of a history."""

    tick: Decimal = _HALF
    step: Decimal = _TENTH
    maker: Decimal = _PER_MILLE
    taker: Decimal = _TWO_PER_MILLE
    bnb: bool = False
    group: int = -1
    stp: bool = False
    lists: bool = False
    # The exchange itself acts too: halts, new filters, execution rules; and clients use everything.
    acts: bool = False
    base: str = "AAA"
    quote: str = "BBB"


@dataclass
class History:
    """Runs commands and checks, after each, what must always hold."""

    world: World
    data: bytes
    place: int = 0
    now: int = 1_000
    trades: int = 0
    kept: int = 1_000
    # Everything that was told, and what was refused.
    told: list[object] = field(default_factory=list)
    after_command: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        world = self.world
        self.exchange = Engine(history=self.kept)
        filters = [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": str(world.tick),
                "maxPrice": "100000",
                "tickSize": str(world.tick),
            },
            {"filterType": "LOT_SIZE", "minQty": str(world.step), "maxQty": "100000", "stepSize": str(world.step)},
        ]
        rules = MarketRules.create(SYMBOL, world.base, world.quote, filters)
        self.exchange.add_symbol(rules, self.price(10))
        self.exchange.add_symbol(MarketRules.create("BNBBBB", "BNB", "BBB", []), D(3))
        self.exchange.add_symbol(MarketRules.create("BNBAAA", "BNB", "AAA", []), D("0.3"))
        for name in NAMES:
            self.exchange.add_account(
                name,
                {world.base: world.step * 60, world.quote: self.price(10) * world.step * 60, "BNB": D("0.01")},
                world.maker,
                world.taker,
                bnb_discount=world.bnb,
                trade_group_id=world.group,
            )

    @property
    def accounts(self) -> list[Account]:
        return [self.exchange.account(name) for name in NAMES]

    def enter(self, exchange: Engine) -> None:
        """Go on with another exchange."""
        self.exchange = exchange

    # -- reading the bytes --------------------------------------------------------------------------------------

    def draw(self, below: int) -> int:
        """The next byte, cut down to 0 .. below - 1; zeros when the bytes are used up."""
        self.place += 1
        return self.data[self.place - 1] % below if self.place <= len(self.data) else 0

    def price(self, ticks: int) -> Decimal:
        return self.world.tick * ticks

    def run(self) -> None:
        while self.place < len(self.data):
            self.now += 1
            try:
                self._command()
            except ApiError as error:
                self.told.append((error.error_code, error.message))
            self._check()
            self.after_command()
        verdict = self.exchange.audit()
        assert verdict["ok"], verdict["problems"]

    def _command(self) -> None:
        if self.world.acts and self.draw(4) == 0:
            self._act()
            return
        kind = self.draw(12 if self.world.lists else 10)
        if kind <= 4:
            self._place()
        elif kind == 5:
            self._cancel()
        elif kind == 6:
            self._set_liquidity()
        elif kind == 7:
            self._outside_trade()
        elif kind == 8:
            self._amend()
        elif kind == 9:
            self._cancel_replace()
        else:
            self._place_list()

    def _request(self, kind: OrderType, side: Side, *, quantity: Decimal | None) -> OrderRequest:
        limited = kind not in MARKET_TYPES
        stops = kind.value.startswith(("STOP", "TAKE"))
        trailing = stops and self.draw(4) == 0
        iceberg = self.world.step * 2 if limited and self.draw(6) == 0 else None
        timed = limited and kind is not OrderType.LIMIT_MAKER
        force = FORCES[self.draw(3)] if timed and iceberg is None else (TimeInForce.GTC if timed else None)
        return OrderRequest(
            SYMBOL,
            side,
            kind,
            quantity,
            self.price(5 + self.draw(11)) if limited else None,
            force,
            stop_price=self.price(5 + self.draw(11)) if stops and (not trailing or self._also()) else None,
            trailing_delta=500 if trailing else None,
            iceberg=iceberg if iceberg and quantity and iceberg < quantity else None,
            stp=MODES[self.draw(len(MODES))] if self.world.stp else StpMode.NONE,
            **self._peg(kind, force),
        )

    def _also(self) -> bool:
        """Now and then, where clients use everything: a trailing stop with a stop price, a price that is pegged."""
        return self.world.acts and self.draw(3) == 0

    def _peg(self, kind: OrderType, force: TimeInForce | None) -> dict[str, Any]:
        if kind is not OrderType.LIMIT or force is not TimeInForce.GTC or not self._also():
            return {}
        return {"peg_price_type": "PRIMARY_PEG", "peg_offset_type": "PRICE_LEVEL", "peg_offset_value": self.draw(3)}

    # -- what the exchange and its operators do -----------------------------------------------------------------

    def _act(self) -> None:
        acts = (self._halt, self._change_filters, self._move_money, self._cancel_many, self._bound)
        acts[self.draw(len(acts))]()

    def _halt(self) -> None:
        """Mostly the way back: a market that is closed tests nothing else."""
        status = ("TRADING", "TRADING", "TRADING", "HALT", "BREAK", "CANCEL_ONLY")[self.draw(6)]
        self.exchange.set_status(SYMBOL, status, self.now)

    def _change_filters(self) -> None:
        """What rests may be off the new grid, too small or too many."""
        step, tick = self.world.step * (1 + self.draw(3)), self.world.tick * (1 + self.draw(2))
        choices: tuple[dict[str, Any], ...] = (
            {"filterType": "LOT_SIZE", "minQty": str(step), "maxQty": "100000", "stepSize": str(step)},
            {"filterType": "PRICE_FILTER", "minPrice": str(tick), "maxPrice": "100000", "tickSize": str(tick)},
            {"filterType": "MIN_NOTIONAL", "minNotional": str(self.price(self.draw(30)) * step), "avgPriceMins": 1},
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 5 + self.draw(60)},
            {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 2 + self.draw(30)},
            {"filterType": "MAX_POSITION", "maxPosition": str(self.world.step * (60 + self.draw(200)))},
            {"filterType": "ICEBERG_PARTS", "limit": 2 + self.draw(20)},
            {"filterType": "MAX_NUM_ORDER_AMENDS", "maxNumOrderAmends": 1 + self.draw(5)},
        )
        self.exchange.set_filters(SYMBOL, [choices[self.draw(len(choices))]], self.now)

    def _move_money(self) -> None:
        account = self.accounts[self.draw(3)]
        asset = (self.world.base, self.world.quote, "BNB")[self.draw(3)]
        amount = self.world.step * self.draw(40) * (1 if self.draw(2) else -1)
        if account.free(asset) + amount >= 0:
            self.exchange.deposit(account, asset, amount, self.now)

    def _cancel_many(self) -> None:
        account = self.accounts[self.draw(3)]
        lists = list(account.open_lists)
        if lists and self.draw(2):
            self.exchange.cancel_list(account, SYMBOL, Ref(lists[self.draw(len(lists))]), self.now)
        else:
            self.exchange.cancel_all(account, SYMBOL, self.now)

    def _bound(self) -> None:
        """An execution rule around a reference price: takers stop at its bounds."""
        rules = self.exchange.market(SYMBOL).rules
        wide, narrow = D("1.3"), D("0.75")
        rule = PriceRangeRule(wide, narrow, wide, narrow) if self.draw(2) else None
        self.exchange.set_rules(replace(rules, price_range_rule=rule), self.now)
        price = self.price(7 + self.draw(7)) if self.draw(2) else None
        self.exchange.set_reference_price(SYMBOL, price, self.now)

    # -- what clients do ----------------------------------------------------------------------------------------

    def _place(self) -> None:
        account = self.accounts[self.draw(3)]
        kind, side = TYPES[self.draw(len(TYPES))], SIDES[self.draw(2)]
        quantity = self.world.step * (1 + self.draw(20))
        request = self._request(kind, side, quantity=quantity)
        if kind is OrderType.MARKET and self.draw(3) == 0:
            request = OrderRequest(SYMBOL, side, kind, quote_quantity=self.price(10) * quantity, stp=request.stp)
        best = self.exchange.market(SYMBOL).book.best(side.opposite)
        placed = self.exchange.place(account, request, self.now)
        prices = [fill.price for fill in placed.fills]
        if prices:
            sign = 1 if side is Side.BUY else -1
            assert all(sign * (b - a) >= 0 for a, b in pairwise(prices)), "a better price was passed"
            assert best is not None
            assert sign * (prices[0] - best[0]) >= 0, "filled at a price nobody offered"
            if request.stp is StpMode.NONE:
                assert prices[0] == best[0], "the best price was passed over"
            left = self.exchange.market(SYMBOL).book.best(side.opposite)
            triggered = any(event.execution_type == "NEW" for event in self._order_events()[1:])
            assert left is None or triggered or sign * (left[0] - prices[-1]) >= 0, "a better offer still stands"
            if request.price is not None:
                assert all(sign * (request.price - price) >= 0 for price in prices), "filled beyond the limit"

    def _order_events(self) -> list[OrderEvent]:
        return [event for event in self.exchange.core.events if isinstance(event, OrderEvent)]

    def _some_order(self) -> tuple[int, int]:
        index = self.draw(3)
        orders = list(self.accounts[index].open_orders)
        return index, orders[self.draw(len(orders))] if orders else 0

    def _cancel(self) -> None:
        index, order_id = self._some_order()
        self.exchange.cancel(self.accounts[index], SYMBOL, Ref(order_id), self.now)

    def _amend(self) -> None:
        index, order_id = self._some_order()
        quantity = self.world.step * (1 + self.draw(15))
        self.exchange.amend_keep_priority(self.accounts[index], SYMBOL, Ref(order_id), quantity, self.now)

    def _cancel_replace(self) -> None:
        index, order_id = self._some_order()
        kind = TYPES[self.draw(len(TYPES))]
        request = self._request(kind, SIDES[self.draw(2)], quantity=self.world.step * (1 + self.draw(20)))
        self.exchange.cancel_replace(
            self.accounts[index], request, Ref(order_id), self.now, stop_on_failure=self.draw(2) == 0
        )

    def _set_liquidity(self) -> None:
        middle = 7 + self.draw(7)
        bids = [(self.price(middle - 1 - i), self.world.step * (1 + self.draw(9))) for i in range(self.draw(4))]
        asks = [(self.price(middle + 1 + i), self.world.step * (1 + self.draw(9))) for i in range(self.draw(4))]
        self.exchange.set_liquidity(SYMBOL, bids, asks, self.now)

    def _outside_trade(self) -> None:
        price = self.price(5 + self.draw(11)) if self.draw(2) else None
        self.exchange.outside_trade(
            SYMBOL,
            SIDES[self.draw(2)],
            self.world.step * (1 + self.draw(30)),
            self.now,
            price=price,
            print_rest=price is not None and self.draw(2) == 0,
        )

    def _place_list(self) -> None:
        kind, side = KINDS[self.draw(5)], SIDES[self.draw(2)]
        quantity = self.world.step * (1 + self.draw(12))
        receiving = kind in {ListKind.OPO, ListKind.OPOCO}
        if kind is ListKind.OCO:
            legs = self._pair(side, quantity)
        else:
            working_side = Side.BUY if receiving else side.opposite
            working = OrderRequest(
                SYMBOL, working_side, OrderType.LIMIT, quantity, self.price(5 + self.draw(11)), TimeInForce.GTC
            )
            pending_side, leg_quantity = working_side.opposite, None if receiving else quantity
            if kind in {ListKind.OTO, ListKind.OPO}:
                leg_kind = TYPES[self.draw(len(TYPES))]
                pending: tuple[OrderRequest, ...] = (self._request(leg_kind, pending_side, quantity=leg_quantity),)
            else:
                pending = self._pair(pending_side, leg_quantity)
            legs = (working, *pending)
        self.exchange.place_list(self.accounts[self.draw(3)], ListRequest(kind, SYMBOL, legs), self.now)

    def _pair(self, side: Side, quantity: Decimal | None) -> tuple[OrderRequest, ...]:
        low, high = self.price(4 + self.draw(6)), self.price(11 + self.draw(6))
        stop_price = high if side is Side.BUY else low
        stop_kind = (OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT)[self.draw(2)]
        limited = stop_kind is OrderType.STOP_LOSS_LIMIT
        stop = OrderRequest(
            SYMBOL,
            side,
            stop_kind,
            quantity,
            stop_price if limited else None,
            TimeInForce.GTC if limited else None,
            stop_price=stop_price,
        )
        limit = OrderRequest(SYMBOL, side, OrderType.LIMIT_MAKER, quantity, low if side is Side.BUY else high)
        return (stop, limit) if side is Side.BUY else (limit, stop)

    # -- what must always hold ----------------------------------------------------------------------------------

    def _check(self) -> None:
        for account in self.accounts:
            for asset, balance in account.balances.items():
                assert balance.free >= 0, f"{account.name} has {balance.free} {asset} free"
                assert balance.locked >= 0, f"{account.name} has {balance.locked} {asset} locked"
        book = self.exchange.market(SYMBOL).book
        bid, ask = book.best(Side.BUY), book.best(Side.SELL)
        assert bid is None or ask is None or bid[0] < ask[0], f"crossed: {bid} {ask}"
        self.trades += sum(event.execution_type == "TRADE" for event in self._order_events())
        self.told += [_shown(event) for event in self.exchange.drain()]


def _shown(event: Event) -> object:
    """An event as a value: the copies of orders and lists in it compare by what they say."""
    fields = {name: getattr(event, name) for name in event.__slots__}
    for name in ("order", "order_list"):
        if name in fields:
            fields[name] = vars(fields[name])
    return type(event).__name__, fields
