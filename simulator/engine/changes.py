"""Changing what stands: cancel and cancel-replace; and finding orders by their ids."""

from __future__ import annotations

from simulator.engine.accounts import Account
from simulator.engine.core import Core
from simulator.engine.errors import ApiError, archived, cancel_rejected, no_such_order
from simulator.engine.filters import check_counts
from simulator.engine.lists import OrderLists, remove_from_market
from simulator.engine.orders import (
    BinanceOrderStatus,
    Cancellation,
    CancelRestriction,
    EngineOrder,
    ListCancellation,
    OrderList,
    OrderRequest,
    Ref,
    ReplaceOutcome,
)
from simulator.engine.placement import OrderEntry


class OrderChanges:
    """Finds and cancels."""

    def __init__(self, core: Core, entry: OrderEntry, lists: OrderLists) -> None:
        self.core = core
        self.entry = entry
        self.lists = lists

    def find(self, account: Account, symbol: str, ref: Ref) -> EngineOrder | None:
        """An order by its id, else by its client id: the open one, else the newest that had it."""
        if ref.id is not None:
            found = account.orders.get(ref.id)
            return found if found is not None and found.symbol == symbol else None
        key = (symbol, ref.client_id or "")
        return account.open_by_client_id.get(key) or account.last_by_client_id.get(key)

    def query(self, account: Account, symbol: str, ref: Ref) -> EngineOrder:
        """Raises ApiError -2013 for an order that does not exist, -2026 for one that may have been forgotten, -2039
        when the two ids do not belong together."""
        self.core.market(symbol)
        found = self.find(account, symbol, ref)
        if found is None:
            if ref.id is not None and self.core.first_id <= ref.id <= account.forgotten_id:
                raise archived()
            raise no_such_order()
        if ref.id is not None and ref.client_id is not None and found.client_order_id != ref.client_id:
            raise ApiError(-2039, "Client order ID is not correct for this order ID.")
        return found

    def _open_order(self, account: Account, symbol: str, ref: Ref) -> EngineOrder:
        self.core.market(symbol)
        found = self.find(account, symbol, ref)
        if found is None or not found.is_open:
            raise cancel_rejected()
        if ref.client_id is not None and found.client_order_id != ref.client_id:
            raise cancel_rejected()
        return found

    def cancel(
        self,
        account: Account,
        symbol: str,
        ref: Ref,
        now_ms: int,
        *,
        new_client_order_id: str | None = None,
        restriction: CancelRestriction | None = None,
    ) -> Cancellation | ListCancellation:
        """Cancel one order; an order of a list takes the whole list with it, and the list is the answer.

        Raises:
            ApiError: -2011 when it is not open, or not in the state the restriction asks for.
        """
        if not account.can_trade:
            raise cancel_rejected("This account may not place or cancel orders.")
        order = self._open_order(account, symbol, ref)
        wanted = {
            CancelRestriction.ONLY_NEW: BinanceOrderStatus.NEW,
            CancelRestriction.ONLY_PARTIALLY_FILLED: BinanceOrderStatus.PARTIALLY_FILLED,
        }
        if restriction is not None and order.status is not wanted[restriction]:
            raise cancel_rejected("Order was not canceled due to cancel restrictions.")
        cancel_id = new_client_order_id or self.core.generated_client_id()
        if order.order_list_id != -1:
            order_list = account.lists[order.order_list_id]
            return ListCancellation(order_list, self.lists.cancel(order_list, cancel_id, now_ms), now_ms)
        return self._cancel_single(order, cancel_id, now_ms)

    def _cancel_single(self, order: EngineOrder, cancel_id: str, now_ms: int) -> Cancellation:
        remove_from_market(self.core, order)
        self.core.finish(order, BinanceOrderStatus.CANCELED, now_ms)
        self.core.report(
            order, "CANCELED", now_ms, client_order_id=cancel_id, original_client_order_id=order.client_order_id
        )
        return Cancellation(order, cancel_id, now_ms)

    def find_list(self, account: Account, ref: Ref, *, symbol: str | None = None) -> OrderList | None:
        """An order list by id, else by client id (the newest)."""
        if ref.id is not None:
            found = account.lists.get(ref.id)
            if found is not None and ref.client_id is not None and found.client_order_id != ref.client_id:
                return None
        else:
            found = account.last_list_by_client_id.get(ref.client_id or "")
        return found if found is not None and symbol in {None, found.symbol} else None

    def cancel_list(
        self,
        account: Account,
        symbol: str,
        ref: Ref,
        now_ms: int,
        *,
        new_client_order_id: str | None = None,
    ) -> ListCancellation:
        """Raises ApiError -2011 when no such list is open."""
        self.core.market(symbol)
        found = self.find_list(account, ref, symbol=symbol)
        if found is None or not found.is_open:
            raise cancel_rejected()
        cancel_id = new_client_order_id or self.core.generated_client_id()
        return ListCancellation(found, self.lists.cancel(found, cancel_id, now_ms), now_ms)

    def cancel_all(self, account: Account, symbol: str, now_ms: int) -> list[Cancellation | ListCancellation]:
        """Cancel everything open on a symbol.

        Raises:
            ApiError: -2011 when nothing is open.
        """
        self.core.market(symbol)
        if not account.can_trade:
            raise cancel_rejected("This account may not place or cancel orders.")
        answers: list[Cancellation | ListCancellation] = []
        for order in account.open_on(symbol):
            if not order.is_open:
                continue
            cancel_id = self.core.generated_client_id()
            if order.order_list_id == -1:
                answers.append(self._cancel_single(order, cancel_id, now_ms))
            else:
                order_list = account.lists[order.order_list_id]
                cancelled = self.lists.cancel(order_list, cancel_id, now_ms)
                answers.append(ListCancellation(order_list, cancelled, now_ms))
        if not answers:
            raise cancel_rejected()
        return answers

    def cancel_replace(
        self,
        account: Account,
        request: OrderRequest,
        ref: Ref,
        now_ms: int,
        *,
        stop_on_failure: bool,
        cancel_client_order_id: str | None = None,
        restriction: CancelRestriction | None = None,
    ) -> ReplaceOutcome:
        """Cancel one order and place another. Filters are evaluated before anything is cancelled.

        Raises:
            ApiError: the new order breaks a filter, or the symbol has no cancel-replace; then nothing has changed.
        """
        market = self.core.market(request.symbol)
        if not market.rules.cancel_replace_allowed:
            raise ApiError(-1013, "Order cancel-replace is not supported for this symbol.")
        self._validate_replacement(account, request, now_ms)
        cancelled: Cancellation | ListCancellation | None = None
        cancel_error: ApiError | None = None
        try:
            cancelled = self.cancel(
                account,
                request.symbol,
                ref,
                now_ms,
                new_client_order_id=cancel_client_order_id,
                restriction=restriction,
            )
        except ApiError as error:
            if stop_on_failure:
                return ReplaceOutcome(None, error, None)
            cancel_error = error
        try:
            # an order that took the place of another is told to be refused; one by itself never was
            placed = self.entry.place(account, request, now_ms, tells_rejection=cancelled is not None)
        except ApiError as error:
            return ReplaceOutcome(cancelled, cancel_error, None, error)
        return ReplaceOutcome(cancelled, cancel_error, placed)

    def _validate_replacement(self, account: Account, request: OrderRequest, now_ms: int) -> None:
        try:
            self.entry.validate(account, request, now_ms)
            check_counts(self.core, self.core.market(request.symbol).rules, account, (request,))
        except ApiError as error:
            # The engine's own rejections come after the cancel; only what is checked before it stops both.
            if error.error_code == -2010:
                return
            raise
