"""Reads a world and tells the auditor, in plain values, what the exchange has and what the books say.

What cannot change any more (an order that ended, a trade, a posting) is read once.
"""

from __future__ import annotations

from decimal import Decimal

from core.positions.model import Cycle, Order
from shared.src.domain.clock import from_ms, to_ms
from shared.src.domain.orders import CycleStatus, IntentKind, Side
from simulator.engine.orders import BinanceOrderStatus, EngineOrder
from tests.simulation.facts import (
    BookedCycle,
    BookedOrder,
    BookedTrade,
    Books,
    Exchange,
    ExchangeOrder,
    Intent,
    Limits,
    Listing,
    Trade,
    Weather,
)
from tests.simulation.world import World

ZERO = Decimal(0)
BEGINNING = from_ms(0)
AVERAGE_MINUTES = 5


class Witness:
    """``exchange``, ``books``, ``weather`` and ``limits`` as they are now."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._began_ms = world.clock.now_ms()
        self._ended: dict[int, ExchangeOrder] = {}
        self._trades: list[Trade] = []
        self._seen = 0
        self._orders: dict[str, BookedOrder] = {}
        self._cycles: dict[str, tuple[Cycle, BookedCycle]] = {}
        self._intents: dict[str, Intent] = {}
        self._booked: list[BookedTrade] = []
        self._posted: list[str] = []
        self._sums: dict[str, Decimal] = {}
        self._ledger: dict[str, Decimal] = {}

    def _seconds(self, at_ms: int) -> float:
        return (at_ms - self._began_ms) / 1000

    # The exchange

    def exchange(self) -> Exchange:
        world = self._world
        account = world.account
        held = {name: each.free + each.locked for name, each in account.balances.items()}
        return Exchange(
            now_s=self._seconds(world.clock.now_ms()),
            listings={symbol: self._listing(symbol) for symbol in world.engine.markets},
            orders=[self._order(order) for order in account.orders.values()],
            trades=self._all_trades(),
            held={name: amount for name, amount in held.items() if amount},
            opening=world.opening,
            flows=world.flows,
            problems=(),
        )

    def _listing(self, symbol: str) -> Listing:
        market = self._world.engine.market(symbol)
        rules = market.rules
        best = market.book.best(Side.BUY)
        return Listing(
            symbol=symbol,
            base=rules.base,
            quote=rules.quote,
            status="DELISTED" if symbol in self._world.unlisted else rules.status,
            step=max(rules.lot.step, rules.market_lot.step),
            quantity_min=max(rules.lot.low, rules.market_lot.low),
            notional_min=max((each.low for each in rules.notionals), default=ZERO),
            stops_max=rules.max_algo_orders,
            bid=None if best is None else best[0],
            last=market.last_price or ZERO,
            average=market.reference(AVERAGE_MINUTES, self._world.clock.now_ms()) or ZERO,
        )

    def _order(self, order: EngineOrder) -> ExchangeOrder:
        known = self._ended.get(order.order_id)
        if known is not None:
            return known
        world = self._world
        fact = ExchangeOrder(
            order_id=order.order_id,
            client_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side.value,
            kind=order.type.value,
            quantity=order.quantity,
            executed=order.executed,
            price=order.price,
            trigger=_trigger(order),
            placed_s=self._seconds(order.time),
            is_open=order.is_open,
            is_canceled=order.status is BinanceOrderStatus.CANCELED
            and order.order_id not in world.canceled_by_exchange,
            waits=order.is_open and not order.is_working,
            by_hand=order.order_id in world.placed_by_hand,
            canceled_by_hand=order.order_id in world.canceled_by_hand,
        )
        if not order.is_open:
            self._ended[order.order_id] = fact
        return fact

    def _all_trades(self) -> list[Trade]:
        fills = self._world.account.fills
        count = sum(map(len, fills.values()))
        if count > self._seen:
            known = {(trade.symbol, trade.trade_id) for trade in self._trades}
            for symbol, listed in fills.items():
                self._trades += [
                    Trade(
                        symbol=symbol,
                        trade_id=fill.trade_id,
                        order_id=fill.order_id,
                        side="BUY" if fill.is_buyer else "SELL",
                        price=fill.price,
                        quantity=fill.quantity,
                        quote=fill.quote,
                        fee=fill.commission,
                        fee_asset=fill.commission_asset,
                        at_s=self._seconds(fill.time),
                    )
                    for fill in listed
                    if (symbol, fill.trade_id) not in known
                ]
            self._seen = count
        return self._trades

    # The books

    async def books(self) -> Books:
        world = self._world
        self._read_orders()
        self._read_cycles()
        self._read_postings()
        await self._read_decisions()
        new = world.trades.executions(len(self._booked))
        self._booked += [
            BookedTrade(each.symbol, each.trade_id, each.quantity, each.quote_quantity, each.fee, each.fee_asset)
            for each in new
        ]
        return Books(
            orders=self._orders,
            cycles=[fact for _, fact in self._cycles.values()],
            intents=self._intents,
            trades=self._booked,
            pauses=await self._pauses(),
            ledger=self._ledger if "opening" in self._posted else None,
            posted=self._posted,
            unbalanced={asset: amount for asset, amount in self._sums.items() if amount},
            leased=[lease.intent_id for lease in world.capital.open_leases],
            unresolved=[order.client_order_id for order in world.trades.all_orders() if order.is_unresolved],
            ended=world.ended,
            dead_letters=world.dead_letters(),
            halted=self._halted(),
            acting=world.acting(),
        )

    async def _pauses(self) -> dict[str, float]:
        """By scope, since when the oldest pause or halt is in force."""
        pauses: dict[str, float] = {}
        for pause in await self._world.trades.pauses():
            pauses.setdefault(pause.scope, self._seconds(to_ms(pause.since)))
        return pauses

    def _halted(self) -> str:
        books = self._world.portfolio
        return "" if books is None or not books.account.state.opened else books.account.halted() or ""

    def _read_orders(self) -> None:
        orders = self._world.trades.all_orders()
        if len(orders) == len(self._orders):
            return
        self._orders = {order.client_order_id: _booked(order) for order in orders}

    def _read_cycles(self) -> None:
        for cycle in self._world.trades.all_cycles():
            known = self._cycles.get(cycle.id)
            if known is None or known[0] is not cycle:
                self._cycles[cycle.id] = (cycle, _cycle(cycle))

    def _read_postings(self) -> None:
        postings = self._world.capital.postings
        for posting in postings[len(self._posted) :]:
            self._posted.append(posting.posting_id)
            for line in posting.lines:
                self._sums[line.asset] = self._sums.get(line.asset, ZERO) + line.amount
                if line.account.value == "exchange":
                    self._ledger[line.asset] = self._ledger.get(line.asset, ZERO) + line.amount

    async def _read_decisions(self) -> None:
        for intent in await self._world.decisions.approved(BEGINNING):
            if intent.message_id not in self._intents and intent.kind is IntentKind.ENTRY:
                quantity = intent.quantity or ZERO
                self._intents[intent.message_id] = Intent(
                    intent.message_id, intent.symbol, quantity, intent.reserved, intent.stop_loss
                )
        for intent in self._world.manual:
            quantity, price = intent.quantity or ZERO, intent.price or ZERO
            self._intents[intent.message_id] = Intent(
                intent.message_id, intent.symbol, quantity, quantity * price, None
            )

    # The rest

    def weather(self) -> Weather:
        conditions = self._world.conditions
        return Weather(
            deaf_s=conditions.deaf_s,
            down_s=self._world.down_s(),
            lost_s=conditions.lost_s,
            banned_s=conditions.banned_s(),
            banned_since_s=conditions.banned_since_s,
            blind_since_s=self._world.blind_s(),
        )

    def limits(self) -> Limits:
        settings = self._world.settings
        return Limits(
            position_size=settings.max_position_size,
            positions=settings.max_concurrent_positions,
            exposure_percent=settings.max_exposure_percent,
            daily_loss=settings.max_daily_loss,
        )


def _trigger(order: EngineOrder) -> Decimal:
    """At which price a stop is triggered as things are; 0 for what is no stop, or trails no price yet."""
    if order.trailing_delta is None:
        return order.stop_price or ZERO
    return (order.trailing_extreme or order.stop_price or ZERO) * (1 - Decimal(order.trailing_delta) / 10_000)


def _booked(order: Order) -> BookedOrder:
    return BookedOrder(order.client_order_id, order.intent_id, order.cycle_id, order.purpose.value, order.side.value)


def _cycle(cycle: Cycle) -> BookedCycle:
    return BookedCycle(
        cycle_id=cycle.id,
        intent_id=cycle.intent_id,
        symbol=cycle.symbol,
        strategy=cycle.strategy,
        status=cycle.status.value,
        is_open=not cycle.is_ended,
        is_completed=cycle.status is CycleStatus.COMPLETED,
        sold=cycle.exit_quantity,
        profit_loss=cycle.profit_loss,
        exit_reason=cycle.exit_reason,
    )
