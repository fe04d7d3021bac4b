"""Placing one order: what is checked before it exists, and how it takes, rests, waits or expires."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from shared.src.domain.orders import OrderType
from simulator.engine.accounts import Account
from simulator.engine.core import Core, Market
from simulator.engine.errors import (
    INSUFFICIENT_BALANCE,
    WOULD_MATCH,
    WOULD_TRIGGER,
    ApiError,
    new_order_rejected,
)
from simulator.engine.filters import check_counts, check_order, check_worth_of_quote, price_bounds
from simulator.engine.matching import Matcher, Taker
from simulator.engine.numbers import ZERO, floor_to, notional
from simulator.engine.orders import (
    MARKET_TYPES,
    STOP_TYPES,
    BinanceOrderStatus,
    EngineOrder,
    ExpiryReason,
    OrderRequest,
    Placement,
    TimeInForce,
)
from simulator.engine.rules import MarketRules
from simulator.engine.stops import is_met, start_tracking

_UNSUPPORTED = {
    OrderType.MARKET: "Market orders are not supported for this symbol.",
    OrderType.STOP_LOSS: "Stop loss orders are not supported for this symbol.",
    OrderType.STOP_LOSS_LIMIT: "Stop loss limit orders are not supported for this symbol.",
    OrderType.TAKE_PROFIT: "Take profit orders are not supported for this symbol.",
    OrderType.TAKE_PROFIT_LIMIT: "Take profit limit orders are not supported for this symbol.",
}


def check_symbol_open(market: Market) -> None:
    """Raises ApiError -2010 unless the symbol trades."""
    if market.rules.status != "TRADING":
        raise new_order_rejected("Market is closed.")


def check_supported(rules: MarketRules, request: OrderRequest) -> None:
    """Raises ApiError -1013 for what the symbol does not offer."""
    if request.type not in rules.order_types:
        raise ApiError(-1013, _UNSUPPORTED.get(request.type, "Unsupported order combination"))
    if request.is_plain:
        return
    refused = (
        (bool(request.iceberg) and not rules.iceberg_allowed, "Iceberg orders are not supported for this symbol."),
        (
            request.quote_quantity is not None and not rules.quote_market_allowed,
            "Quote order qty market orders are not support for this symbol.",
        ),
        (
            request.trailing_delta is not None and not rules.trailing_allowed,
            "Trailing stop orders are not supported for this symbol.",
        ),
        (
            request.stp is not None and request.stp not in rules.allowed_stp,
            "This symbol does not allow the specified self-trade prevention mode.",
        ),
        (
            request.peg_price_type is not None and not rules.peg_allowed,
            "Pegged orders are not supported for this symbol.",
        ),
    )
    for is_refused, message in refused:
        if is_refused:
            raise ApiError(-1013, message)


class OrderEntry:
    """Takes single orders; an order list takes each of its own by ``validate``, ``create`` and ``enter``."""

    def __init__(self, core: Core, matcher: Matcher) -> None:
        self.core = core
        self.matcher = matcher
        # Tells the lists that a waiting leg of theirs starts to work.
        self.on_trigger: Callable[[EngineOrder, int], None] = lambda order, now_ms: None

    def place(
        self, account: Account, request: OrderRequest, now_ms: int, *, tells_rejection: bool = False
    ) -> Placement:
        """Place one order. ``tells_rejection``: user data streams are told when the engine refuses it.

        Raises:
            ApiError: it breaks a filter, or the engine rejects it; then nothing has changed.
        """
        market = self.core.market(request.symbol)
        self.validate(account, request, now_ms)
        check_counts(self.core, market.rules, account, (request,))
        order = self.create(account, request, now_ms)
        try:
            self.check_engine(market, order)
            self.fund(market, order)
        except ApiError as error:
            if tells_rejection:
                self.core.report_rejection(order, now_ms, error)
            raise
        self.core.register(order)
        return self.enter(market, order, now_ms)

    def validate(self, account: Account, request: OrderRequest, now_ms: int, *, symbol_open: bool = True) -> None:
        """Everything that is checked before the matching engine.

        Raises:
            ApiError: -1013, -1111, -1121 or -2010.
        """
        market = self.core.market(request.symbol)
        if symbol_open:
            check_symbol_open(market)
        if not account.can_trade:
            raise new_order_rejected("This account may not place or cancel orders.")
        check_supported(market.rules, request)
        price = request.price if request.type not in MARKET_TYPES else None
        if request.peg_price_type is not None:
            price = self._pegged(market, request)
        check_order(self.core, market, account, request, now_ms, price=price)
        if request.quote_quantity is not None:
            wanted, _ = self.matcher.quantity_for_quote(market, request.side, request.quote_quantity)
            check_worth_of_quote(market.rules, account, request, wanted)
        if request.iceberg and request.quantity is not None and request.iceberg >= request.quantity:
            raise new_order_rejected("IcebergQty exceeds QTY.")
        if price is not None and request.quantity is not None and notional(price, request.quantity) <= ZERO:
            raise new_order_rejected("Price * QTY is zero or less.")
        client_id = request.client_order_id
        if client_id is not None and (request.symbol, client_id) in account.open_by_client_id:
            raise new_order_rejected("Duplicate order sent.")

    def _pegged(self, market: Market, request: OrderRequest) -> Decimal:
        """The price a pegged order gets now: a level of its own side (PRIMARY) or of the other (MARKET)."""
        side = request.side if request.peg_price_type == "PRIMARY_PEG" else request.side.opposite
        offset = request.peg_offset_value or 0
        levels = market.book.half(side).depth(offset + 1)
        if len(levels) <= offset:
            raise new_order_rejected("Order book liquidity is too low for this pegged order.")
        return levels[offset][0]

    def create(
        self, account: Account, request: OrderRequest, now_ms: int, *, quantity: Decimal | None = None
    ) -> EngineOrder:
        """The order of a request, not yet known to anyone. ``quantity`` overrides the request's (OPO legs)."""
        rules = self.core.markets[request.symbol].rules
        pegged = None
        if request.peg_price_type is not None:
            pegged = self._pegged(self.core.markets[request.symbol], request)
        return EngineOrder(
            order_id=self.core.take_order_id(),
            account=account.name,
            symbol=request.symbol,
            client_order_id=request.client_order_id or self.core.generated_client_id(),
            side=request.side,
            type=request.type,
            time_in_force=request.time_in_force or TimeInForce.GTC,
            quantity=quantity if quantity is not None else request.quantity or ZERO,
            price=request.price or ZERO,
            stp=request.stp or rules.default_stp,
            time=now_ms,
            quote_quantity=request.quote_quantity or ZERO,
            stop_price=request.stop_price,
            trailing_delta=request.trailing_delta,
            iceberg=request.iceberg or None,
            strategy_id=request.strategy_id,
            strategy_type=request.strategy_type,
            peg_price_type=request.peg_price_type,
            peg_offset_type=request.peg_offset_type,
            peg_offset_value=request.peg_offset_value,
            pegged_price=pegged,
            update_time=now_ms,
            used_sor=request.use_sor,
            working_floor="SOR" if request.use_sor else None,
        )

    def check_engine(self, market: Market, order: EngineOrder) -> None:
        """What the matching engine itself refuses.

        Raises:
            ApiError: -2010 for a stop that would trigger at once or a LIMIT_MAKER that would take.
        """
        last = market.last_price
        if order.type in STOP_TYPES and order.stop_price is not None and last is not None and is_met(order, last):
            raise new_order_rejected(WOULD_TRIGGER)
        if order.type is OrderType.LIMIT_MAKER:
            half = market.book.half(order.side.opposite)
            best, limit = half.best(), order.limit
            if best is not None and limit is not None and half.crosses(best.price, limit):
                raise new_order_rejected(WOULD_MATCH)

    def fund(self, market: Market, order: EngineOrder) -> None:
        """Lock what the order may spend.

        Raises:
            ApiError: -2010 when the balance is too small, or a quote-quantity order finds no book.
        """
        self.core.lock(order, self._need(market, order))

    def _need(self, market: Market, order: EngineOrder) -> Decimal:
        if order.type is OrderType.MARKET:
            if order.quote_quantity:
                order.quantity = self._quantity_for_quote(market, order)
            if order.is_buy:
                return self.matcher.cost(market, order.quantity, order)
            if order.quote_quantity:
                # what the book cannot take is never sold, so nobody has to own it
                return min(order.quantity, self.matcher.available(market, order.side, None, order))
            return order.quantity
        return self.core.required_lock(order)

    def _quantity_for_quote(self, market: Market, order: EngineOrder) -> Decimal:
        """How much base the quote quantity is worth on this book, on the grid of LOT_SIZE.

        A book that is too thin leaves some of it unfilled, and the order expires.

        Raises:
            ApiError: -2010 when the book has not the smallest quantity an order may have.
        """
        rules = market.rules
        if market.book.half(order.side.opposite).best() is None:
            raise new_order_rejected("Order book liquidity is less than symbol minimum quantity.")
        wanted, offered = self.matcher.quantity_for_quote(market, order.side, order.quote_quantity, order)
        for name, rule in (("LOT_SIZE", rules.lot), ("MARKET_LOT_SIZE", rules.market_lot)):
            wanted, offered = floor_to(wanted, rule.step), floor_to(offered, rule.step)
            if offered < rule.low or offered <= ZERO:
                raise new_order_rejected(f"Order book liquidity is less than `{name}` filter minimum quantity.")
        return wanted

    def enter(self, market: Market, order: EngineOrder, now_ms: int) -> Placement:
        """Accept a funded, registered order: report NEW, then let it wait for its stop, or work."""
        if order.type in STOP_TYPES:
            order.status = BinanceOrderStatus.NEW
            start_tracking(order, market.last_price, now_ms)
            market.stops.add(order)
            self.core.report(order, "NEW", now_ms)
            return Placement(order)
        order.status = BinanceOrderStatus.NEW
        order.is_working, order.working_time = True, now_ms
        taker = self._start(market, order, now_ms)
        return Placement(order, tuple(taker.fills), tuple(taker.prevented))

    def _start(self, market: Market, order: EngineOrder, now_ms: int) -> Taker:
        """Report a working order and all that it does at once, then the balances."""
        self.core.report(order, "NEW", now_ms, goes_on=True)
        taker = self._work(market, order, now_ms)
        self.core.report_balances(self.core.accounts[order.account], now_ms, order.symbol)
        return taker

    def _work(self, market: Market, order: EngineOrder, now_ms: int) -> Taker:
        """Let a working order take what it may, then rest or expire."""
        taker = Taker(order.side, order.remaining, order.limit, order, price_bounds(market, order.side))
        if self._cannot_fill_or_kill(market, order):
            self._expire(order, ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED, now_ms)
            return taker
        self.matcher.take(market, taker, now_ms)
        if not order.is_open:
            self.matcher.on_ended(order, now_ms)
        elif taker.stopped is not ExpiryReason.NONE:
            self._expire(order, taker.stopped, now_ms)
        elif order.type in MARKET_TYPES:
            self._expire(order, ExpiryReason.INSUFFICIENT_LIQUIDITY, now_ms)
        elif order.time_in_force is TimeInForce.GTC:
            order.display = min(order.iceberg or order.remaining, order.remaining)
            market.book.add(order, order.limit or ZERO)
        else:
            reason = ExpiryReason.UNFILLED_IOC_QUANTITY_EXPIRED
            if order.time_in_force is TimeInForce.FOK:
                reason = ExpiryReason.UNFILLED_FOK_ORDER_EXPIRED
            self._expire(order, reason, now_ms)
        return taker

    def _cannot_fill_or_kill(self, market: Market, order: EngineOrder) -> bool:
        if order.time_in_force is not TimeInForce.FOK or order.type in MARKET_TYPES:
            return False
        return self.matcher.available(market, order.side, order.limit, order) < order.remaining

    def _expire(self, order: EngineOrder, reason: ExpiryReason, now_ms: int) -> None:
        self.core.finish(order, BinanceOrderStatus.EXPIRED, now_ms, reason)
        self.core.report(order, "EXPIRED", now_ms)
        self.matcher.on_ended(order, now_ms)

    def run_stops(self, now_ms: int) -> None:
        """Fire what the trades since the last call trigger, and what those trades trigger, until all is quiet."""
        busy = True
        while busy:
            busy = False
            for market in list(self.core.dirty.values()):
                while market.fresh_prices:
                    busy = True
                    for order in market.stops.on_trade(market.fresh_prices.pop(0), now_ms):
                        if order.is_open:
                            self._fire(market, order, now_ms)

    def _fire(self, market: Market, order: EngineOrder, now_ms: int) -> None:
        self.on_trigger(order, now_ms)
        order.is_working, order.working_time, order.update_time = True, now_ms, now_ms
        try:
            if order.type in MARKET_TYPES:
                self._fund_market(market, order)
            elif order.peg_price_type is not None:
                self._repeg(market, order)
        except ApiError:
            order.is_working, order.working_time = False, -1
            self.core.finish(order, BinanceOrderStatus.EXPIRED, now_ms, ExpiryReason.REJECTED)
            self.core.report(order, "EXPIRED", now_ms, reject_reason="INSUFFICIENT_BALANCES")
            self.matcher.on_ended(order, now_ms)
            return
        self._start(market, order, now_ms)

    def _fund_market(self, market: Market, order: EngineOrder) -> None:
        """A stop at market swaps what it reserved for what the book asks now; too little: it cannot work."""
        need = self.matcher.cost(market, order.remaining, order) if order.is_buy else order.remaining
        self.core.lock(order, need)

    def _repeg(self, market: Market, order: EngineOrder) -> None:
        side = order.side if order.peg_price_type == "PRIMARY_PEG" else order.side.opposite
        levels = market.book.half(side).depth((order.peg_offset_value or 0) + 1)
        if len(levels) <= (order.peg_offset_value or 0):
            raise new_order_rejected(INSUFFICIENT_BALANCE)
        order.pegged_price = levels[-1][0]
        self.core.lock(order, self.core.required_lock(order))
