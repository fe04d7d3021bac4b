"""Order lists: OCO, OTO, OTOCO, OPO and OPOCO.

The two legs of a pair share one reservation, the larger of their needs, held by the list; the leg that trades
first takes it over and the other expires. Pending legs of OTO and OTOCO are reserved when the list is placed;
those of OPO and OPOCO sell what the working order received.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from shared.src.domain.orders import OrderType
from simulator.engine.accounts import Account
from simulator.engine.core import Core, Market
from simulator.engine.errors import (
    INSUFFICIENT_BALANCE,
    PRICES_RELATION,
    ApiError,
    new_order_rejected,
)
from simulator.engine.filters import check_counts
from simulator.engine.numbers import ZERO, floor_to
from simulator.engine.orders import (
    MARKET_TYPES,
    STOP_LOSS_TYPES,
    STOP_TYPES,
    BinanceOrderStatus,
    Cancellation,
    EngineOrder,
    ExpiryReason,
    ListKind,
    ListPlacement,
    ListRequest,
    OrderList,
    OrderRequest,
    Placement,
)
from simulator.engine.placement import OrderEntry, check_symbol_open

PAIRS = frozenset({ListKind.OCO, ListKind.OTOCO, ListKind.OPOCO})
RECEIVING = frozenset({ListKind.OPO, ListKind.OPOCO})


class OrderLists:
    """Places order lists and moves them on when one of their orders trades, fires or ends."""

    def __init__(self, core: Core, entry: OrderEntry) -> None:
        self.core = core
        self.entry = entry
        entry.on_trigger = self.on_execution
        entry.matcher.on_maker = self.on_execution
        entry.matcher.on_ended = self.on_ended
        self._filled_working: list[OrderList] = []

    # -- placing ----------------------------------------------------------------------------------------------

    def place(self, account: Account, request: ListRequest, now_ms: int) -> ListPlacement:
        """Place a list.

        Raises:
            ApiError: a leg breaks a filter, prices do not stand right, or the balance is too small.
        """
        market = self.core.market(request.symbol)
        self._check(market, account, request, now_ms)
        orders = [self.entry.create(account, leg, now_ms) for leg in _as_exchange_orders(request)]
        order_list = self._list_of(account, request, orders, now_ms)
        pair = orders if request.kind is ListKind.OCO else orders[1:]
        if request.kind in PAIRS:
            self._check_pair_prices(market, pair, is_pending=request.kind is not ListKind.OCO)
        for order in orders[:1] if request.kind is not ListKind.OCO else orders:
            self.entry.check_engine(market, order)
        self._reserve(market, order_list, orders)
        self.core.next_list_id += 1
        account.add_list(order_list)
        for order in orders:
            self.core.register(order)
        self.core.report_list(order_list, now_ms)
        if request.kind is ListKind.OCO:
            return ListPlacement(order_list, tuple(self.entry.enter(market, order, now_ms) for order in orders))
        return self._place_working(market, order_list, orders, now_ms)

    def _place_working(
        self, market: Market, order_list: OrderList, orders: Sequence[EngineOrder], now_ms: int
    ) -> ListPlacement:
        for pending in orders[1:]:
            pending.status = BinanceOrderStatus.PENDING_NEW
        placed = self.entry.enter(market, orders[0], now_ms)
        for pending in orders[1:]:
            if pending.is_open:
                self.core.report(pending, "NEW", now_ms)
        # The answer shows the pending legs as they were accepted, even if the working order filled at once.
        shown = tuple(Placement(pending.copy()) for pending in orders[1:])
        return ListPlacement(order_list, (placed, *shown))

    def _list_of(self, account: Account, request: ListRequest, orders: Sequence[EngineOrder], now_ms: int) -> OrderList:
        list_id = self.core.next_list_id
        for order in orders:
            order.order_list_id = list_id
        return OrderList(
            list_id,
            account.name,
            request.symbol,
            request.kind,
            request.client_order_id or self.core.generated_client_id(),
            now_ms,
            tuple(order.order_id for order in orders),
            tuple(order.client_order_id for order in orders),
        )

    def _check(self, market: Market, account: Account, request: ListRequest, now_ms: int) -> None:
        check_symbol_open(market)
        self._check_allowed(market, request.kind)
        for index, leg in enumerate(request.legs):
            # A leg of an OPO sells what the working order will receive; it is measured by that order for now.
            is_receiver = index > 0 and request.kind in RECEIVING
            measured = replace(leg, quantity=request.legs[0].quantity) if is_receiver else leg
            self.entry.validate(account, measured, now_ms)
        ids = [leg.client_order_id for leg in request.legs if leg.client_order_id is not None]
        if len(set(ids)) != len(ids):
            raise new_order_rejected("Duplicate order sent.")
        if request.client_order_id is not None and any(
            found.client_order_id == request.client_order_id for found in account.open_lists.values()
        ):
            raise new_order_rejected("Duplicate order sent.")
        check_counts(self.core, market.rules, account, request.legs, is_list=True)

    @staticmethod
    def _check_allowed(market: Market, kind: ListKind) -> None:
        rules = market.rules
        if kind in PAIRS and not rules.oco_allowed:
            raise ApiError(-1013, "OCO orders are not supported for this symbol")
        if kind is not ListKind.OCO and not rules.oto_allowed:
            raise ApiError(-1013, "OTO orders are not supported for this symbol")
        if kind in RECEIVING and not rules.opo_allowed:
            raise ApiError(-1013, "OPO orders are not supported for this symbol.")

    def _check_pair_prices(self, market: Market, pair: Sequence[EngineOrder], *, is_pending: bool) -> None:
        """The upper leg stands above the lower one, and (unless pending) the market between them."""
        stop, target = sorted(pair, key=_is_target)
        legs = (stop, target) if stop.is_buy else (target, stop)
        above, below = (self._trigger_price(order) for order in legs)
        last = market.last_price
        wrong = above is not None and below is not None and above <= below
        if not is_pending and last is not None:
            wrong = wrong or (above is not None and above <= last) or (below is not None and below >= last)
        if wrong:
            raise new_order_rejected(PRICES_RELATION)

    @staticmethod
    def _trigger_price(order: EngineOrder) -> Decimal | None:
        return order.limit if order.type not in STOP_TYPES else order.stop_price

    # -- reservations -----------------------------------------------------------------------------------------

    def _reserve(self, market: Market, order_list: OrderList, orders: Sequence[EngineOrder]) -> None:
        """Lock for the whole list or not at all.

        Raises:
            ApiError: -2010 when the balance is too small.
        """
        if order_list.kind is ListKind.OCO:
            self._lock_list(order_list, orders)
            return
        self.entry.fund(market, orders[0])
        if order_list.kind in RECEIVING:
            return
        try:
            self._lock_list(order_list, orders[1:])
        except ApiError:
            # Nothing was placed: give the working order's funds back, silently.
            self.core.lock(orders[0], ZERO)
            self.core.accounts[order_list.account].touched.clear()
            raise

    def _lock_list(self, order_list: OrderList, orders: Sequence[EngineOrder]) -> None:
        need = max(self._leg_need(order) for order in orders)
        account = self.core.accounts[order_list.account]
        asset = self.core.pay_asset(orders[0])
        balance = account.balance(asset)
        if need > balance.free:
            raise new_order_rejected(INSUFFICIENT_BALANCE)
        balance.free -= need
        balance.locked += need
        order_list.locked, order_list.locked_asset = need, asset
        account.touched[asset] = None

    def _leg_need(self, order: EngineOrder) -> Decimal:
        if order.type is OrderType.MARKET and order.is_buy:
            last = self.core.markets[order.symbol].last_price
            return (last or ZERO) * order.quantity
        return self.core.required_lock(order)

    def release(self, order_list: OrderList) -> None:
        """Give back what the list itself holds."""
        if not order_list.locked:
            return
        account = self.core.accounts[order_list.account]
        balance = account.balance(order_list.locked_asset)
        balance.locked -= order_list.locked
        balance.free += order_list.locked
        account.touched[order_list.locked_asset] = None
        order_list.locked = ZERO

    # -- moving on --------------------------------------------------------------------------------------------

    def on_execution(self, order: EngineOrder, now_ms: int) -> None:
        """A leg is about to trade or has fired: its sibling expires and it takes over the reservation."""
        if order.order_list_id == -1:
            return
        order_list = self.core.accounts[order.account].lists[order.order_list_id]
        if order_list.kind not in PAIRS or order.locked:
            return
        legs = list(self.core.legs(order_list))
        if order_list.kind is not ListKind.OCO and order is legs[0]:
            return
        for leg in legs:
            if leg is not order and leg.is_open and leg.status is not BinanceOrderStatus.PENDING_NEW:
                self._end_leg(leg, BinanceOrderStatus.EXPIRED, ExpiryReason.OCO_TRIGGER, now_ms)
                self.core.report(leg, "EXPIRED", now_ms)
        self.release(order_list)
        self.core.lock(order, self.core.required_lock(order))

    def _end_leg(self, leg: EngineOrder, status: BinanceOrderStatus, reason: ExpiryReason, now_ms: int) -> None:
        remove_from_market(self.core, leg)
        self.core.finish(leg, status, now_ms, reason)

    def on_ended(self, order: EngineOrder, now_ms: int) -> None:
        """An order is done: close its list, or bring the pending legs to life."""
        if order.order_list_id == -1:
            return
        order_list = self.core.accounts[order.account].lists[order.order_list_id]
        if not order_list.is_open:
            return
        legs = list(self.core.legs(order_list))
        is_working = order_list.kind is not ListKind.OCO and order is legs[0]
        if is_working and order.status is BinanceOrderStatus.FILLED:
            self._filled_working.append(order_list)
            return
        for leg in legs:
            if leg.is_open:
                reason = ExpiryReason.OTO_PHASE_ONE_EXPIRED if is_working else ExpiryReason.OCO_TRIGGER
                self._end_leg(leg, BinanceOrderStatus.EXPIRED, reason, now_ms)
                self.core.report(leg, "EXPIRED", now_ms)
        self.close(order_list, now_ms)

    def close(self, order_list: OrderList, now_ms: int) -> None:
        self.release(order_list)
        order_list.status_type = order_list.order_status = "ALL_DONE"
        self.core.close_list(order_list)
        self.core.report_balances(self.core.accounts[order_list.account], now_ms, order_list.symbol)
        self.core.report_list(order_list, now_ms)

    def run_pending(self, now_ms: int) -> bool:
        """Activate the pending legs of lists whose working order filled; True if there were any."""
        if not self._filled_working:
            return False
        while self._filled_working:
            self._activate(self._filled_working.pop(0), now_ms)
        return True

    def _activate(self, order_list: OrderList, now_ms: int) -> None:
        market = self.core.markets[order_list.symbol]
        working, *pending = self.core.legs(order_list)
        pending = [leg for leg in pending if leg.is_open]
        try:
            if order_list.kind in RECEIVING:
                self._size_by_received(market, order_list, working, pending)
            self._check_activation(market, pending)
            if len(pending) == 1:
                self.release(order_list)
                self.entry.fund(market, pending[0])
        except ApiError:
            for leg in pending:
                self.core.finish(leg, BinanceOrderStatus.EXPIRED, now_ms, ExpiryReason.REJECTED)
                self.core.report(leg, "EXPIRED", now_ms, reject_reason="NONE")
            self.close(order_list, now_ms)
            return
        for leg in pending:
            if leg.is_open:
                self.entry.enter(market, leg, now_ms)

    def _check_activation(self, market: Market, pending: Sequence[EngineOrder]) -> None:
        if not pending:
            return
        if len(pending) > 1:
            self._check_pair_prices(market, pending, is_pending=False)
        for leg in pending:
            self.entry.check_engine(market, leg)

    def _size_by_received(
        self, market: Market, order_list: OrderList, working: EngineOrder, pending: Sequence[EngineOrder]
    ) -> None:
        """OPO: the pending legs sell what the working order received, on the grid of the lot filters.

        Raises:
            ApiError: the received quantity cannot be sold.
        """
        account = self.core.accounts[order_list.account]
        fees = working.base_fee
        # The commission is taken from other free funds of the asset if there are enough (OPO FAQ).
        spare = account.free(market.rules.base) - (working.executed - fees)
        received = working.executed if spare >= fees else working.executed - fees
        for leg in pending:
            leg.quantity = floor_to(received, market.rules.lot.step)
            if leg.type in MARKET_TYPES:
                leg.quantity = floor_to(leg.quantity, market.rules.market_lot.step)
        if not pending or min(leg.quantity for leg in pending) < max(market.rules.lot.low, market.rules.lot.step):
            raise new_order_rejected(INSUFFICIENT_BALANCE)
        if len(pending) > 1:
            self._lock_list(order_list, pending)

    # -- cancelling -------------------------------------------------------------------------------------------

    def cancel(self, order_list: OrderList, cancel_id: str, now_ms: int) -> tuple[Cancellation, ...]:
        """Cancel every open leg and close the list."""
        cancelled: list[Cancellation] = []
        for leg in self.core.legs(order_list):
            if not leg.is_open:
                continue
            self._end_leg(leg, BinanceOrderStatus.CANCELED, ExpiryReason.NONE, now_ms)
            cancelled.append(Cancellation(leg, cancel_id, now_ms))
        self.release(order_list)
        for item in cancelled:
            self.core.report(
                item.order,
                "CANCELED",
                now_ms,
                client_order_id=cancel_id,
                original_client_order_id=item.order.client_order_id,
            )
        self.close(order_list, now_ms)
        return tuple(cancelled)


def _is_target(order: OrderRequest | EngineOrder) -> bool:
    """Whether it is the leg of a pair that is not its stop."""
    return order.type not in STOP_LOSS_TYPES


def _as_exchange_orders(request: ListRequest) -> tuple[OrderRequest, ...]:
    """The legs in the order in which the exchange numbers and answers them: the working one, the stop, its target."""
    if request.kind not in PAIRS:
        return request.legs
    *working, above, below = request.legs
    return (*working, *sorted((above, below), key=_is_target))


def remove_from_market(core: Core, order: EngineOrder) -> None:
    """Take an open order off the book or out of the waiting stops."""
    market = core.markets[order.symbol]
    if order in market.stops:
        market.stops.remove(order)
    elif order.is_working and order.display:
        market.book.remove(order, order.limit or ZERO)
        order.display = ZERO
