"""Binance's filters, one function each; a breach is -1013 "Filter failure: NAME"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from shared.src.domain.orders import OrderType, Side
from simulator.engine.accounts import Account
from simulator.engine.core import Core, Market
from simulator.engine.errors import ApiError, filter_failure
from simulator.engine.numbers import ZERO, ceil_div, floor_to, is_multiple, multiply
from simulator.engine.orders import STOP_LOSS_TYPES, STOP_TYPES, OrderRequest
from simulator.engine.rules import MarketRules, Notional, Range


def check_order(
    core: Core, market: Market, account: Account, request: OrderRequest, now_ms: int, *, price: Decimal | None
) -> None:
    """Check one order's own numbers. ``price``: its limit price, the pegged one included, None at market.

    Raises:
        ApiError: -1111 (precision) or -1013 (the filter that fails).
    """
    rules = market.rules
    _check_precision(rules, request)
    named = request.price if request.peg_price_type is None else None
    for value in (named, price if price is not named else None, request.stop_price):
        if value is not None and not _within(value, rules.price):
            raise filter_failure("PRICE_FILTER")
    if price is not None:
        _check_percent(market, request.side, price, now_ms)
    _check_lots(rules, request)
    _check_trailing(rules, request)
    for rule in rules.notionals:
        _check_notional(rule, market, request, price, now_ms)
    _check_position(rules, account, request)
    _check_assets(rules, account, request, price)


def _check_precision(rules: MarketRules, request: OrderRequest) -> None:
    unit = rules.unit
    for value, name in (
        (request.quantity, "quantity"),
        (request.price, "price"),
        (request.stop_price, "stopPrice"),
        (request.iceberg, "icebergQty"),
        (request.quote_quantity, "quoteOrderQty"),
    ):
        if value is not None and not is_multiple(value, unit):
            raise ApiError(-1111, f"Parameter '{name}' has too much precision.")


def _within(value: Decimal, rule: Range) -> bool:
    """Every part of the rule that is not 0 holds. The grid of prices starts at 0."""
    if rule.low and value < rule.low:
        return False
    if rule.high and value > rule.high:
        return False
    return is_multiple(value, rule.step)


def _check_percent(market: Market, side: Side, price: Decimal, now_ms: int) -> None:
    for rule in market.rules.percent:
        reference = market.reference(rule.average_minutes, now_ms)
        if reference is None:
            continue
        up, down = (rule.bid_up, rule.bid_down) if side is Side.BUY else (rule.ask_up, rule.ask_down)
        if not multiply(reference, down) <= price <= multiply(reference, up):
            raise filter_failure(rule.name)


def _check_lots(rules: MarketRules, request: OrderRequest) -> None:
    quantity, iceberg = request.quantity, request.iceberg
    if quantity is not None and not _within(quantity, rules.lot):
        raise filter_failure("LOT_SIZE")
    if iceberg and not _within(iceberg, rules.lot):
        raise filter_failure("LOT_SIZE")
    if quantity is not None and request.type is OrderType.MARKET and not _within(quantity, rules.market_lot):
        raise filter_failure("MARKET_LOT_SIZE")
    if iceberg and quantity and rules.iceberg_parts is not None and ceil_div(quantity, iceberg) > rules.iceberg_parts:
        raise filter_failure("ICEBERG_PARTS")


def _check_trailing(rules: MarketRules, request: OrderRequest) -> None:
    delta, rule = request.trailing_delta, rules.trailing
    if delta is None or rule is None:
        return
    above = (request.type in STOP_LOSS_TYPES) == (request.side is Side.BUY)
    low, high = (rule.above_low, rule.above_high) if above else (rule.below_low, rule.below_high)
    if not low <= delta <= high:
        raise filter_failure("TRAILING_DELTA")


def _check_notional(rule: Notional, market: Market, request: OrderRequest, price: Decimal | None, now_ms: int) -> None:
    at_market = request.type is OrderType.MARKET
    value = order_notional(market, request, price, now_ms, minutes=rule.average_minutes)
    if value is None:
        return
    if (rule.low_to_market or not at_market) and value < rule.low:
        raise filter_failure(rule.name)
    if rule.high is not None and (rule.high_to_market or not at_market) and value > rule.high:
        raise filter_failure(rule.name)


def order_notional(
    market: Market, request: OrderRequest, price: Decimal | None, now_ms: int, *, minutes: int
) -> Decimal | None:
    """The order's worth in quote: by limit, else stop price, else the reference; None when nothing tells."""
    if request.quote_quantity is not None:
        return request.quote_quantity
    if request.quantity is None:
        return None
    measure = price
    if measure is None:
        measure = request.stop_price or market.reference(minutes, now_ms)
    return None if measure is None else multiply(measure, request.quantity)


def _check_position(rules: MarketRules, account: Account, request: OrderRequest) -> None:
    if rules.max_position is None or request.side is not Side.BUY or request.quantity is None:
        return
    balance = account.balance(rules.base)
    bought = sum((order.quantity for order in account.open_on(rules.symbol) if order.is_buy), ZERO)
    if balance.free + balance.locked + bought + request.quantity > rules.max_position:
        raise filter_failure("MAX_POSITION")


def _check_assets(rules: MarketRules, account: Account, request: OrderRequest, price: Decimal | None) -> None:
    if not account.max_assets:
        return
    quantity = request.quantity
    worth = request.quote_quantity or (multiply(quantity, price) if quantity is not None and price else None)
    for asset, amount in ((rules.base, quantity), (rules.quote, worth)):
        limit = account.max_assets.get(asset)
        if limit is not None and amount is not None and amount > limit:
            raise filter_failure("MAX_ASSET")


def check_worth_of_quote(rules: MarketRules, account: Account, request: OrderRequest, quantity: Decimal) -> None:
    """Check the base ``quantity`` that a market order's quote quantity is worth against what is too much.

    Raises:
        ApiError: -1013 with LOT_SIZE, MARKET_LOT_SIZE, MAX_POSITION or MAX_ASSET.
    """
    worth = replace(request, quantity=floor_to(quantity, rules.lot.step))
    for name, rule in (("LOT_SIZE", rules.lot), ("MARKET_LOT_SIZE", rules.market_lot)):
        if rule.high and worth.quantity is not None and worth.quantity > rule.high:
            raise filter_failure(name)
    _check_position(rules, account, worth)
    _check_assets(rules, account, worth, None)


def check_counts(
    core: Core, rules: MarketRules, account: Account, requests: Sequence[OrderRequest], *, is_list: bool = False
) -> None:
    """Check how many orders would be open with these.

    Raises:
        ApiError: -1013 with MAX_NUM_* or EXCHANGE_MAX_NUM_*.
    """
    resting = [request for request in requests if request.type is not OrderType.MARKET]
    if resting:
        algos = sum(request.type in STOP_TYPES for request in resting)
        icebergs = sum(bool(request.iceberg) for request in resting)
        _check_symbol_counts(rules, account, len(resting), algos, icebergs)
        if core.exchange_filters:
            _check_exchange_counts(core, account, len(resting), algos, icebergs)
    if is_list:
        standing = sum(found.symbol == rules.symbol for found in account.open_lists.values())
        if rules.max_lists is not None and standing + 1 > rules.max_lists:
            raise filter_failure("MAX_NUM_ORDER_LISTS")
        limit = core.exchange_filters.get("EXCHANGE_MAX_NUM_ORDER_LISTS")
        if limit is not None and len(account.open_lists) + 1 > limit:
            raise filter_failure("EXCHANGE_MAX_NUM_ORDER_LISTS")


def _check_symbol_counts(rules: MarketRules, account: Account, orders: int, algos: int, icebergs: int) -> None:
    standing = account.open_by_symbol.get(rules.symbol, {})
    if rules.max_orders is not None and len(standing) + orders > rules.max_orders:
        raise filter_failure("MAX_NUM_ORDERS")
    if algos and rules.max_algo_orders is not None:
        found = sum(order.type in STOP_TYPES for order in standing.values())
        if found + algos > rules.max_algo_orders:
            raise filter_failure("MAX_NUM_ALGO_ORDERS")
    if icebergs and rules.max_iceberg_orders is not None:
        found = sum(bool(order.iceberg) for order in standing.values())
        if found + icebergs > rules.max_iceberg_orders:
            raise filter_failure("MAX_NUM_ICEBERG_ORDERS")


def _check_exchange_counts(core: Core, account: Account, orders: int, algos: int, icebergs: int) -> None:
    standing = account.open_orders.values()
    for name, new, found in (
        ("EXCHANGE_MAX_NUM_ORDERS", orders, len(standing)),
        ("EXCHANGE_MAX_NUM_ALGO_ORDERS", algos, sum(order.type in STOP_TYPES for order in standing)),
        ("EXCHANGE_MAX_NUM_ICEBERG_ORDERS", icebergs, sum(bool(order.iceberg) for order in standing)),
    ):
        limit = core.exchange_filters.get(name)
        if limit is not None and new and found + new > limit:
            raise filter_failure(name)


def price_bounds(market: Market, side: Side) -> tuple[Decimal, Decimal] | None:
    """(lowest, highest) price at which a taker may trade under the PRICE_RANGE execution rule; None without it."""
    rule, reference = market.rules.price_range_rule, market.reference_price
    if rule is None or reference is None:
        return None
    up, down = (rule.bid_up, rule.bid_down) if side is Side.BUY else (rule.ask_up, rule.ask_down)
    return multiply(reference, down), multiply(reference, up)
