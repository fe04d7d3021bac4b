"""Matching: a taker meets the book in price-time priority, trades at the makers' prices, and everyone is paid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from shared.src.domain.orders import Side
from simulator.engine.book import Entry, Half, Level, OutsideOffer
from simulator.engine.core import Core, Market
from simulator.engine.events import TradeEvent
from simulator.engine.numbers import ZERO, ceil8, divide, multiply, notional
from simulator.engine.orders import BinanceOrderStatus, EngineFill, EngineOrder, ExpiryReason, PreventedMatch
from simulator.engine.selfmatch import SelfMatch

# How many unfilled orders an order's first fill takes off the count (unfilled order count FAQ); 1 as taker.
FIRST_FILL_AS_MAKER = 5


@dataclass(slots=True, eq=False)
class Taker:
    """Who takes: an order of an account, or (``order`` None) an outside participant."""

    side: Side
    remaining: Decimal
    limit: Decimal | None
    order: EngineOrder | None = None
    # Execution rule PRICE_RANGE: (lowest, highest) price of a trade.
    bounds: tuple[Decimal, Decimal] | None = None
    fills: list[EngineFill] = field(default_factory=list)
    prevented: list[PreventedMatch] = field(default_factory=list)
    # Why the taking stopped before it was done, if a rule stopped it.
    stopped: ExpiryReason = ExpiryReason.NONE


class Matcher:
    """Executes takers. ``on_maker`` is called before a resting order trades, ``on_ended`` when it is done."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.prevention = SelfMatch(core)
        self.on_maker: Callable[[EngineOrder, int], None] = lambda order, now_ms: None
        self.on_ended: Callable[[EngineOrder, int], None] = lambda order, now_ms: None

    def take(self, market: Market, taker: Taker, now_ms: int) -> None:
        """Trade until the taker is satisfied, its limit is reached, or the book is empty."""
        half = market.book.half(taker.side.opposite)
        while taker.remaining > ZERO:
            level = half.best()
            if level is None or (taker.limit is not None and not half.crosses(level.price, taker.limit)):
                break
            if taker.bounds is not None and not taker.bounds[0] <= level.price <= taker.bounds[1]:
                taker.stopped = ExpiryReason.EXECUTION_RULE_PRICE_RANGE_EXCEEDED
                break
            self._meet(market, taker, level, level.first(), now_ms)
        self.core.events.extend(market.tape.close_taker())

    def _meet(self, market: Market, taker: Taker, level: Level, entry: Entry, now_ms: int) -> None:
        if isinstance(entry, OutsideOffer):
            quantity = min(taker.remaining, entry.quantity)
            self._trade(market, taker, level, entry, quantity, now_ms)
            return
        if taker.order is not None and self.prevention.applies(taker.order, entry):
            self._prevent(market, taker, level, entry, now_ms)
            return
        self.on_maker(entry, now_ms)
        self._trade(market, taker, level, entry, min(taker.remaining, entry.display), now_ms)

    def _prevent(self, market: Market, taker: Taker, level: Level, maker: EngineOrder, now_ms: int) -> None:
        assert taker.order is not None
        shown = maker.display
        taker.prevented.append(self.prevention.prevent(market, taker.order, maker, level.price, now_ms))
        if maker.is_open:
            maker.display = min(maker.display, maker.remaining)
            level.visible += maker.display - shown
        else:
            level.visible -= shown
            del level.entries[maker.order_id]
        market.book.half(maker.side).tidy(level)
        taker.remaining = taker.order.remaining if taker.order.is_open else ZERO
        if not maker.is_open:
            self.on_ended(maker, now_ms)

    def _trade(self, market: Market, taker: Taker, level: Level, entry: Entry, quantity: Decimal, now_ms: int) -> None:
        price = level.price
        quote = notional(price, quantity)
        trade = TradeEvent(
            market.rules.symbol, market.tape.next_trade_id, price, quantity, quote, now_ms, taker.side is Side.SELL
        )
        market.tape.record(trade)
        market.fresh_prices.append(price)
        taker.remaining -= quantity
        self._shrink(market.book.half(taker.side.opposite), level, entry, quantity)
        self.core.events.append(trade)
        if taker.order is None:
            self._pay_outside(market, taker.side, quantity, quote)
        else:
            taker.fills.append(self._settle(market, taker.order, trade, is_maker=False))
        if isinstance(entry, OutsideOffer):
            self._pay_outside(market, taker.side.opposite, quantity, quote)
            return
        self._settle(market, entry, trade, is_maker=True)
        if entry.status is BinanceOrderStatus.FILLED:
            self.on_ended(entry, now_ms)

    @staticmethod
    def _shrink(half: Half, level: Level, entry: Entry, quantity: Decimal) -> None:
        """Take ``quantity`` off a resting entry; an iceberg shows its next part at the end of the queue."""
        level.visible -= quantity
        if isinstance(entry, OutsideOffer):
            entry.quantity -= quantity
            level.outside -= quantity
            if not entry.quantity:
                del level.entries[entry.key]
        else:
            entry.display -= quantity
            hidden = entry.remaining - quantity
            if not entry.display:
                del level.entries[entry.order_id]
                if hidden:
                    entry.display = min(entry.iceberg or hidden, hidden)
                    level.visible += entry.display
                    level.entries[entry.order_id] = entry
        half.tidy(level)

    def _pay_outside(self, market: Market, side: Side, quantity: Decimal, quote: Decimal) -> None:
        sign = 1 if side is Side.BUY else -1
        self.core.move_outside(market.rules.base, sign * quantity)
        self.core.move_outside(market.rules.quote, -sign * quote)

    def _settle(self, market: Market, order: EngineOrder, trade: TradeEvent, *, is_maker: bool) -> EngineFill:
        """Book one side of a trade on an order and its account, and report it."""
        core, rules = self.core, market.rules
        account = core.accounts[order.account]
        if not order.executed:
            account.first_fills += FIRST_FILL_AS_MAKER if is_maker else 1
        order.executed += trade.quantity
        order.cumulative_quote += trade.quote
        order.update_time = trade.time
        paid, received, asset = (
            (trade.quote, trade.quantity, rules.base) if order.is_buy else (trade.quantity, trade.quote, rules.quote)
        )
        done = order.remaining <= ZERO
        if done:
            order.status = BinanceOrderStatus.EXPIRED_IN_MATCH if order.prevented else BinanceOrderStatus.FILLED
        else:
            order.status = BinanceOrderStatus.PARTIALLY_FILLED
        core.relock(order, paid)
        core.credit(account, asset, received)
        fee, fee_asset = core.commission(account, market, asset, received, is_maker=is_maker, is_buyer=order.is_buy)
        core.take_fee(account, fee_asset, fee)
        if fee_asset == rules.base:
            order.base_fee += fee
        if done:
            core.finish(order, order.status, trade.time)
        fill = EngineFill(
            order.symbol,
            trade.trade_id,
            order.order_id,
            order.order_list_id,
            trade.price,
            trade.quantity,
            trade.quote,
            fee,
            fee_asset,
            trade.time,
            order.is_buy,
            is_maker,
        )
        core.add_fill(account, fill)
        core.report(
            order,
            "TRADE",
            trade.time,
            last_quantity=trade.quantity,
            last_price=trade.price,
            last_quote=trade.quote,
            commission=fee,
            commission_asset=fee_asset,
            trade_id=trade.trade_id,
            is_maker=is_maker,
            goes_on=not is_maker,
        )
        return fill

    def available(self, market: Market, side: Side, limit: Decimal | None, taker: EngineOrder | None) -> Decimal:
        """All a taker of ``side`` could get within ``limit``, hidden parts included, prevented matches not."""
        return sum((quantity for _, quantity in self._offers(market, side, limit, taker)), ZERO)

    def cost(self, market: Market, quantity: Decimal, taker: EngineOrder) -> Decimal:
        """An upper bound of what buying ``quantity`` at market costs in quote; less when the book is too thin."""
        total, left = ZERO, quantity
        for price, offered in self._offers(market, Side.BUY, None, taker):
            part = min(left, offered)
            total += multiply(price, part)
            left -= part
            if not left:
                break
        return ceil8(total)

    def quantity_for_quote(
        self, market: Market, side: Side, quote: Decimal, taker: EngineOrder | None = None
    ) -> tuple[Decimal, Decimal]:
        """(wanted, offered): the base quantity worth ``quote`` at the book's prices, and how much of it the book has.

        What lies beyond the book is worth its last price; an empty book says (0, 0).
        """
        offered, left, price = ZERO, quote, None
        for price, quantity in self._offers(market, side, None, taker):
            worth = multiply(price, quantity)
            if worth >= left:
                wanted = offered + divide(left, price)
                return wanted, wanted
            offered += quantity
            left -= worth
        return (offered if price is None else offered + divide(left, price)), offered

    def _offers(
        self, market: Market, side: Side, limit: Decimal | None, taker: EngineOrder | None
    ) -> Iterator[tuple[Decimal, Decimal]]:
        """(price, quantity) from the best level on, as far as ``taker`` may trade with it."""
        half = market.book.half(side.opposite)
        for level in half.walk():
            if limit is not None and not half.crosses(level.price, limit):
                return
            quantity = level.outside
            for entry in level.entries.values():
                if not isinstance(entry, OutsideOffer) and not (taker and self.prevention.applies(taker, entry)):
                    quantity += entry.remaining
            if quantity:
                yield level.price, quantity
