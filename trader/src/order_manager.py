"""Orders and their outcome: sent once, never resent blindly, every fill booked once.

The row of an order is committed before this module sends it. No answer makes it UNKNOWN; it stays so until the
exchange was asked by client order id past the matching horizon (Binance checks recvWindow again right before its
engine and gives up after 10 s). Only then may a new attempt, with a new id, be made. A stop or target is sent again
before that, under the same id (``core.positions.repeats``); what that is refused for says nothing of the first request.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

from core.positions.by_hand import belonging_to, spread
from core.positions.lifecycle import adopted, fill_of, merged
from core.positions.model import CycleState, Fill, HandSale, Order
from core.positions.protection import Protection
from core.positions.refusals import CANCEL_REJECTED, NOT_THERE, RULES_REFUSED, outcome_of
from core.positions.repeats import HORIZON_S, is_repeatable
from shared.src.domain.clock import Clock
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, RootTradingError, TransientError
from shared.src.domain.money import ONE, ZERO
from shared.src.domain.orders import OrderStatus, Side
from shared.src.exchange.models import ExchangeFill, ExchangeOrder, OrderReport
from shared.src.exchange.rules import SymbolRules
from trader.src.ports import Booked, Exchange, Prices, Store

logger = logging.getLogger(__name__)

MATCHING_S = 10.0
TRADES_REMEMBERED = 256
NEVER_ARRIVED = "never reached the exchange"


T = TypeVar("T")
Answered = Callable[[bool | None, float], None]


class OrderManager:
    """Async, given its ports; holds no state that a restart would miss.

    ``horizon_s``: how long after it was sent an order may still arrive at the exchange; one that protects, shorter.
    """

    def __init__(
        self,
        exchange: Exchange,
        store: Store,
        prices: Prices,
        clock: Clock,
        *,
        horizon_s: float = MATCHING_S + 5,
        answered: Answered = lambda _refused, _seconds: None,
    ) -> None:
        """``answered`` hears of every order that was sent: whether it was refused, None when that is not known, and
        how many wall seconds that took.
        """
        self._answered = answered
        self._exchange = exchange
        self._store = store
        self._prices = prices
        self._clock = clock
        self.horizon_s = horizon_s
        # when an order may last have been sent, at the latest: when there was no answer, or before this process started
        self._sent_at: dict[str, float] = {}
        # the last trades that are surely booked
        self._booked: deque[tuple[str, int]] = deque(maxlen=TRADES_REMEMBERED)

    # Sending

    async def submit(self, order: Order) -> OrderStatus:
        """Send an order whose row is committed, and write down the outcome. Returns its status."""
        try:
            report = await self._timed(self._exchange.place(order))
        except RootTradingError as error:
            return await self._not_placed([order], error)
        await self.book(report)
        return report.order.status

    async def submit_pair(self, take_profit: Order, stop: Order, list_client_id: str) -> OrderStatus:
        """Send a one-cancels-the-other pair whose rows are committed. Returns the stop's status."""
        try:
            reports = await self._timed(self._exchange.place_pair(take_profit, stop, list_client_id))
        except RootTradingError as error:
            return await self._not_placed([take_profit, stop], error)
        for report in reports:
            await self.book(report)
        return next(item.order.status for item in reports if item.order.client_order_id == stop.client_order_id)

    async def submit_entry_list(self, entry: Order, exits: Protection) -> OrderStatus:
        """Send an entry with its exits, whose rows are committed. Returns the entry's status.

        Where the exchange refused, it refused the list: that says nothing of exits that are placed later.
        """
        try:
            reports = await self._timed(self._exchange.place_entry_list(entry, exits))
        except RootTradingError as error:
            status = await self._not_placed([entry], error)
            if status is OrderStatus.UNKNOWN:
                self._sent_at |= {leg.client_order_id: self._sent_at[entry.client_order_id] for leg in exits.orders}
            for leg in exits.orders:
                await self._store.settle(replace(leg, status=status, reject_code=None, reason=str(error)))
            return status
        for report in reports:
            await self.book(report)
        return next(item.order.status for item in reports if item.order.client_order_id == entry.client_order_id)

    async def replace(self, old: Order, new: Order) -> OrderStatus:
        """Send an order whose row is committed in the place of another and its pair. Returns the new one's status.

        What became of the old ones is written down too, whatever the answer was.
        """
        await self._store.mark_cancel(old)
        try:
            replacement = await self._timed(self._exchange.replace(old, new))
        except RootTradingError as error:
            status = await self._not_placed([new], _not_sent(error))
            if not isinstance(error, TransientError):
                await self._refresh(old)
            return status
        await self.book(replacement.placed)
        for ended in replacement.ended:
            await self.book(OrderReport(ended))
        if old.order_list_id is not None and len(replacement.ended) == 1:
            await self._refresh(old)
        return replacement.placed.order.status

    async def _timed(self, sending: Awaitable[T]) -> T:
        """What the exchange answers to an order, told to whoever watches."""
        began = self._clock.monotonic()
        refused: bool | None = None
        try:
            answer = await sending
            refused = False
        except RejectedError:
            refused = True
            raise
        finally:
            self._answered(refused, self._clock.monotonic() - began)
        return answer

    async def _not_placed(self, orders: Sequence[Order], error: RootTradingError) -> OrderStatus:
        """Write down why there was no placement, by what the error proves."""
        outcome = outcome_of(error)
        if outcome is None:
            raise error
        if outcome.status is OrderStatus.UNKNOWN:
            # The machine may have stood still before the request was signed: the horizon begins when it surely was.
            self._sent_at |= dict.fromkeys((order.client_order_id for order in orders), self._clock.monotonic())
        if outcome.code in RULES_REFUSED:
            await self._exchange.refresh_rules(orders[0].symbol)
        log = {"client_order_id": orders[0].client_order_id, "symbol": orders[0].symbol, "reason": str(error)}
        logger.warning("order %s", outcome.status.value.lower(), extra=log)
        if any(order.status is OrderStatus.UNKNOWN for order in orders):
            return OrderStatus.UNKNOWN  # sent again: what became of the first request is as open as it was
        for order in orders:
            await self._store.settle(replace(order, status=outcome.status, reject_code=outcome.code, reason=str(error)))
        return outcome.status

    # Outcomes

    async def resolve(self, order: Order) -> bool:
        """Ask what became of an order that got no answer; False when it is too early to tell."""
        asked_at = self._clock.monotonic()  # an answer that comes late speaks of the time of the question
        sent_at = self._sent_at.setdefault(order.client_order_id, asked_at)
        try:
            found = await self._exchange.order(order.symbol, order.client_order_id)
        except RejectedError as error:
            if error.code not in NOT_THERE:
                raise TransientError(f"cannot ask for {order.client_order_id}: {error}") from error
            return await self._missing(order, since_s=asked_at - sent_at)
        await self.book(OrderReport(found))
        return True

    async def _missing(self, order: Order, *, since_s: float) -> bool:
        if since_s < (HORIZON_S if is_repeatable(order) else self.horizon_s):
            if order.status is not OrderStatus.UNKNOWN:
                await self._store.settle(replace(order, status=OrderStatus.UNKNOWN, reason="no answer yet"))
            return False
        await self._store.settle(
            replace(order, status=OrderStatus.REJECTED, reject_code=None, reason=order.reason or NEVER_ARRIVED)
        )
        logger.info("order never arrived", extra={"client_order_id": order.client_order_id})
        return True

    async def collect(self, order: Order) -> bool:
        """Fetch and book the fills of an order; False when the exchange does not show them yet."""
        if order.exchange_order_id is None:
            return await self.resolve(order)
        fills = await self._exchange.trades(order.symbol, order_id=order.exchange_order_id)
        await self.book_fills(order, fills)
        return sum((fill.quantity for fill in fills), ZERO) >= order.executed_quantity

    async def cancel(self, order: Order) -> bool:
        """Cancel an order, with its pair; what it executed before is booked. False: no verdict yet."""
        await self._store.mark_cancel(order)
        try:
            ended = await self._exchange.cancel(order)
        except RejectedError as error:
            if error.code != CANCEL_REJECTED:
                raise TransientError(f"cannot cancel {order.client_order_id}: {error}") from error
            # it is done already: by a fill, most of the time
            await self._refresh(order)
            return True
        except OutcomeUnknownError as error:
            logger.warning("cancel without verdict", extra={"reason": str(error)})
            await self._refresh(order)
            return False
        for item in ended:
            await self.book(OrderReport(item))
        return True

    async def _refresh(self, order: Order) -> None:
        live = [item for item in await self._store.live_orders() if item.symbol == order.symbol]
        list_id = order.order_list_id
        pair = [item for item in live if list_id is not None and item.order_list_id == list_id]
        for item in pair or [order]:
            found = await self._find(item)
            if found is not None:
                await self.book(OrderReport(found))

    async def _find(self, order: Order) -> ExchangeOrder | None:
        try:
            if order.exchange_order_id is not None:
                return await self._exchange.order_by_id(order.symbol, order.exchange_order_id)
            return await self._exchange.order(order.symbol, order.client_order_id)
        except RejectedError as error:
            if error.code in NOT_THERE:
                return None
            raise TransientError(str(error)) from error

    async def refresh(self, order: Order) -> bool:
        """Bring one order up to date from the exchange; whether that changed it."""
        found = await self._find(order)
        booked = None if found is None else await self.book(OrderReport(found))
        return booked is not None and booked.order != order

    # Booking

    async def book(self, report: OrderReport) -> Booked | None:
        """Merge a report and book its new fills; None when the order is not ours.

        The exchange tells most things twice, in its answer and in its stream: what is known is only looked up.
        """
        order = await self._store.reported(report.order)
        if order is None:
            return None
        if merged(order, report.order) == order and all(_trade(fill) in self._booked for fill in report.fills):
            return Booked(order, (), changed=False)
        fills = await self._priced(order, report.fills)
        booked = await self._store.book(report.order, fills)
        if booked is not None:
            self._booked.extend(_trade(fill) for fill in report.fills)
            if not booked.order.is_unresolved:
                self._sent_at.pop(booked.order.client_order_id, None)
        return booked

    async def book_fills(self, order: Order, fills: Sequence[ExchangeFill]) -> Booked | None:
        """Book fills of an order that are not in a report of it."""
        if not fills or order.exchange_order_id is None:
            return None
        priced = await self._priced(order, fills)
        return await self._store.book(self._snapshot(order), priced)

    async def adopt(self, found: ExchangeOrder) -> Order:
        """Take in an order that somebody else placed, with its fills.

        It belongs to no cycle, unless it sells positions whose protection was taken off by hand.
        """
        order = adopted(found, self._clock.now())
        parts = await self._sold_by(order) if order.side is Side.SELL else []
        if parts:
            order = belonging_to(parts[0][0], order)
        if await self._store.adopt(order, {view.cycle.id: sale for view, sale in parts}):
            log = {"symbol": order.symbol, "order_id": found.order_id, "cycle_id": order.cycle_id}
            logger.warning("order adopted as external", extra=log)
        if found.executed_quantity > 0:
            await self.book_fills(order, await self._exchange.trades(order.symbol, order_id=found.order_id))
        return order

    async def _sold_by(self, order: Order) -> list[tuple[CycleState, HandSale]]:
        """The positions that an order of the operator sells, in any symbol of the coin, and their parts of it."""
        sold = await self._exchange.rules(order.symbol)
        views, rates = [], dict[str, Decimal]()
        for cycle in await self._store.open_cycles():
            rules = await self._exchange.rules(cycle.symbol)
            if rules.base == sold.base:
                views.append(await self._store.view(cycle.id))
                rates |= await self._rate(cycle.symbol, sold.quote, rules.quote)
        parts = spread(order, views, sold.base, rates)
        if parts and not (await self._exchange.current_rules(order.symbol)).is_listed:
            return []  # where a symbol is gone the exchange took the protection off
        return parts

    async def _rate(self, symbol: str, given: str, wanted: str) -> dict[str, Decimal]:
        """For ``symbol``, units of ``wanted`` for one of ``given`` by their market; empty where there is none."""
        if given == wanted:
            return {symbol: ONE}
        for name, is_inverse in ((given + wanted, False), (wanted + given, True)):
            try:
                middle = (await self._prices.ticker(name)).middle
            except (TransientError, RejectedError):
                continue
            return {symbol: ONE / middle if is_inverse else middle}
        logger.warning("sale by hand not converted", extra={"symbol": symbol, "from": given, "to": wanted})
        return {}

    def _snapshot(self, order: Order) -> ExchangeOrder:
        return ExchangeOrder(
            symbol=order.symbol,
            order_id=order.exchange_order_id or 0,
            client_order_id=order.client_order_id,
            side=order.side,
            type=order.type,
            status=order.status,
            quantity=order.quantity,
            executed_quantity=order.executed_quantity,
            executed_quote=order.executed_quote,
            price=order.price,
            stop_price=order.stop_price,
            time_in_force=order.time_in_force or "",
            order_list_id=order.order_list_id,
            time_ms=0,
        )

    async def _priced(self, order: Order, fills: Sequence[ExchangeFill]) -> list[Fill]:
        if not fills:
            return []
        rules = await self._exchange.rules(order.symbol)
        return [fill_of(fill, order, await self._fee_in_quote(fill, rules)) for fill in fills]

    async def _fee_in_quote(self, fill: ExchangeFill, rules: SymbolRules) -> Decimal:
        """What a fee is worth in quote units when it is paid; 0, with a warning, when no market prices it."""
        if not fill.fee or fill.fee_asset == rules.quote:
            return fill.fee
        if fill.fee_asset == rules.base:
            return fill.fee * fill.price
        try:
            ticker = await self._prices.ticker(fill.fee_asset + rules.quote)
        except (TransientError, RejectedError) as error:
            logger.warning("fee not priced", extra={"asset": fill.fee_asset, "reason": str(error)})
            return ZERO
        return fill.fee * ticker.middle


def _not_sent(error: RootTradingError) -> RootTradingError:
    """The order that was to be replaced is gone: the exchange did not even try to place the new one."""
    if isinstance(error, RejectedError) and error.code == CANCEL_REJECTED:
        return TransientError(f"there was nothing to replace: {error}")
    return error


def _trade(fill: ExchangeFill) -> tuple[str, int]:
    return fill.symbol, fill.trade_id
