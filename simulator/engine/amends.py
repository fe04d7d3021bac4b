"""Amending an order with kept priority: a smaller quantity, the same id and place in the queue."""

from __future__ import annotations

from decimal import Decimal

from simulator.engine.accounts import Account
from simulator.engine.changes import OrderChanges
from simulator.engine.core import Core
from simulator.engine.errors import amend_rejected, filter_failure, no_such_order
from simulator.engine.lists import RECEIVING
from simulator.engine.numbers import ZERO, is_multiple
from simulator.engine.orders import Amendment, AmendResult, BinanceOrderStatus, EngineOrder, ListKind, OrderList, Ref
from simulator.engine.rules import MarketRules


class OrderAmendments:
    """Reduces open orders."""

    def __init__(self, core: Core, changes: OrderChanges) -> None:
        self.core = core
        self.changes = changes

    def amend(
        self,
        account: Account,
        symbol: str,
        ref: Ref,
        quantity: Decimal,
        now_ms: int,
        *,
        new_client_order_id: str | None = None,
    ) -> AmendResult:
        """Reduce an order's quantity; it keeps its id and its place in the queue.

        Raises:
            ApiError: -2013 no such order, -2038 not amendable that way, -1013 LOT_SIZE or NOTIONAL.
        """
        market = self.core.market(symbol)
        if not market.rules.amend_allowed:
            raise amend_rejected("Order amend is not supported for this symbol.")
        found = self.changes.find(account, symbol, ref)
        if found is None or not found.is_open:
            raise no_such_order()
        order = self.changes.query(account, symbol, ref)
        self._check_amend(account, order, quantity)
        targets = [order]
        order_list = account.lists.get(order.order_list_id)
        if order_list is not None and order_list.kind in {ListKind.OCO, ListKind.OTOCO}:
            legs = list(self.core.legs(order_list))
            pair = legs if order_list.kind is ListKind.OCO else legs[1:]
            if order in pair:
                targets = [order, *(leg for leg in pair if leg is not order and leg.is_open)]
        if any(quantity <= leg.executed + leg.prevented for leg in targets):
            # also the other leg's: a prevented match may have used it up further than the one that was named
            raise amend_rejected("The requested action would change no state; rejecting")
        renamed = new_client_order_id or self.core.generated_client_id()
        original_id, original_quantity = order.client_order_id, order.quantity
        for target in targets:
            self._reduce(target, quantity, now_ms)
        if renamed != original_id:
            account.rename_order(order, renamed)
        amendment = Amendment(
            symbol,
            order.order_id,
            self.core.next_execution_id,
            original_id,
            renamed,
            original_quantity,
            quantity,
            now_ms,
        )
        self.core.add_amendment(account, amendment)
        if order_list is not None:
            self._follow_list(account, order_list, order, now_ms)
        for target in targets:
            original = original_id if target is order else target.client_order_id
            self.core.report(target, "REPLACED", now_ms, original_client_order_id=original)
        return AmendResult(order, amendment, order_list)

    def _check_amend(self, account: Account, order: EngineOrder, quantity: Decimal) -> None:
        rules = self.core.markets[order.symbol].rules
        order_list = account.lists.get(order.order_list_id)
        receives = order_list is not None and order_list.kind in RECEIVING
        if receives and order.status is BinanceOrderStatus.PENDING_NEW:
            raise amend_rejected("Order amend (pending OPO order) is not supported.")
        if quantity == order.quantity:
            raise amend_rejected("The requested action would change no state; rejecting")
        if quantity > order.quantity:
            raise amend_rejected("Order amend (quantity increase) is not supported.")
        if rules.max_amends is not None and order.amends >= rules.max_amends:
            raise amend_rejected("Filter failure: MAX_NUM_ORDER_AMENDS")
        self._check_amend_filters(rules, order, quantity)

    @staticmethod
    def _check_amend_filters(rules: MarketRules, order: EngineOrder, quantity: Decimal) -> None:
        if not is_multiple(quantity, rules.lot.step) or quantity < rules.lot.low:
            raise filter_failure("LOT_SIZE")
        price = order.limit or order.stop_price
        for rule in rules.notionals:
            if price is not None and price * quantity < rule.low:
                raise filter_failure(rule.name)

    def _reduce(self, order: EngineOrder, quantity: Decimal, now_ms: int) -> None:
        order.quantity = quantity
        order.amends += 1
        order.update_time = now_ms
        if order.locked:
            # a trailing stop that buys at market reserved at the price of its day; a higher one locks no more
            self.core.relock(order, at_most=order.locked)
        elif order.order_list_id != -1:
            self.core.relock_list(self.core.accounts[order.account].lists[order.order_list_id])
        if order.display > ZERO:
            # Its place in the queue stays; only what it shows may shrink.
            shown = min(order.display, order.remaining)
            half = self.core.markets[order.symbol].book.half(order.side)
            level = half.levels[order.limit or ZERO]
            level.visible += shown - order.display
            order.display = shown
            half.tidy(level)

    def _follow_list(self, account: Account, order_list: OrderList, order: EngineOrder, now_ms: int) -> None:
        ids = tuple(leg.client_order_id for leg in self.core.legs(order_list))
        if ids != order_list.client_order_ids:
            order_list.client_order_ids, order_list.status_type = ids, "UPDATED"
            self.core.report_list(order_list, now_ms)
