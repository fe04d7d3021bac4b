"""Self-trade prevention: what happens when an order would meet another of the same owner."""

from __future__ import annotations

from decimal import Decimal

from simulator.engine.core import Core, Market
from simulator.engine.numbers import ZERO, notional
from simulator.engine.orders import BinanceOrderStatus, EngineOrder, PreventedMatch, StpMode


class SelfMatch:
    """Applies the taker's mode (STP FAQ); every prevented match is recorded for both orders."""

    def __init__(self, core: Core) -> None:
        self.core = core

    def applies(self, taker: EngineOrder, maker: EngineOrder) -> bool:
        if taker.stp is StpMode.NONE:
            return False
        if taker.account == maker.account:
            return True
        group = self.core.accounts[taker.account].trade_group_id
        return group != -1 and group == self.core.accounts[maker.account].trade_group_id

    def prevent(
        self, market: Market, taker: EngineOrder, maker: EngineOrder, price: Decimal, now_ms: int
    ) -> PreventedMatch:
        """Expire or decrement according to the mode; reports TRADE_PREVENTION for each order that changed."""
        mode = taker.stp
        if mode is StpMode.TRANSFER and maker.stp is not StpMode.TRANSFER:
            mode = StpMode.DECREMENT
        match_id = self.core.next_prevented_id
        self.core.next_prevented_id += 1
        taker_quantity, maker_quantity = self._quantities(mode, taker, maker)
        execution = min(taker.remaining, maker.remaining)
        if mode is StpMode.TRANSFER and taker.account != maker.account:
            self._transfer(market, taker, maker, price, taker_quantity)
        record = PreventedMatch(
            taker.symbol,
            match_id,
            taker.order_id,
            maker.order_id,
            self.core.accounts[taker.account].trade_group_id,
            mode,
            price,
            maker_quantity,
            taker_quantity,
            now_ms,
        )
        self.core.add_prevented(record, dict.fromkeys((taker.account, maker.account)))
        for order, counter, quantity in ((taker, maker, taker_quantity), (maker, taker, maker_quantity)):
            if quantity:
                self._decrement(order, counter, quantity, execution, record, now_ms)
        return record

    @staticmethod
    def _quantities(mode: StpMode, taker: EngineOrder, maker: EngineOrder) -> tuple[Decimal, Decimal]:
        """(taker's, maker's) quantity that is prevented."""
        if mode is StpMode.EXPIRE_TAKER:
            return taker.remaining, ZERO
        if mode is StpMode.EXPIRE_MAKER:
            return ZERO, maker.remaining
        if mode is StpMode.EXPIRE_BOTH:
            return taker.remaining, maker.remaining
        smaller = min(taker.remaining, maker.remaining)
        return smaller, smaller

    def _decrement(
        self,
        order: EngineOrder,
        counter: EngineOrder,
        quantity: Decimal,
        execution: Decimal,
        record: PreventedMatch,
        now_ms: int,
    ) -> None:
        """Take ``quantity`` off an order and tell it; ``execution`` is what the two would have traded."""
        order.prevented += quantity
        order.prevented_match_id = record.prevented_match_id
        order.update_time = now_ms
        if order.remaining <= ZERO:
            self.core.finish(order, BinanceOrderStatus.EXPIRED_IN_MATCH, now_ms)
        else:
            self._relock(order)
        self.core.report(
            order,
            "TRADE_PREVENTION",
            now_ms,
            prevented_match_id=record.prevented_match_id,
            prevented_quantity=order.prevented,
            last_prevented_quantity=quantity,
            trade_group_id=record.trade_group_id,
            counter_order_id=counter.order_id,
            counter_symbol=counter.symbol,
            prevented_execution=execution,
            prevented_price=record.price,
        )

    def _relock(self, order: EngineOrder) -> None:
        order_list = self.core.accounts[order.account].lists.get(order.order_list_id)
        if order_list is not None and order_list.locked and not order.locked:
            self.core.relock_list(order_list)  # the pair holds for this leg, and goes on to
        else:
            self.core.relock(order)

    def _transfer(
        self, market: Market, taker: EngineOrder, maker: EngineOrder, price: Decimal, quantity: Decimal
    ) -> None:
        """TRANSFER between accounts of a group: base and notional change hands without a trade or a fee."""
        buyer, seller = (taker, maker) if taker.is_buy else (maker, taker)
        quote = notional(price, quantity)
        for order, gives, gets in (
            (buyer, (market.rules.quote, quote), (market.rules.base, quantity)),
            (seller, (market.rules.base, quantity), (market.rules.quote, quote)),
        ):
            account = self.core.accounts[order.account]
            # What the order holds covers what it gives: unlock it, pay, and let the decrement lock the rest again.
            held = min(order.locked, gives[1])
            balance = account.balance(gives[0])
            balance.locked -= held
            order.locked -= held
            balance.free -= gives[1] - held
            account.touched[gives[0]] = None
            self.core.credit(account, *gets)
