"""Reads the records of an exchange back; see ``simulator.engine.records``."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError

from shared.src.domain.orders import Side
from simulator.engine.accounts import Account, Holding
from simulator.engine.book import Book, Half, Level, OutsideOffer
from simulator.engine.core import Core, Market
from simulator.engine.events import AggTradeEvent, TradeEvent
from simulator.engine.exchange import Engine
from simulator.engine.orders import STOP_TYPES, BinanceOrderStatus, EngineOrder, OrderList
from simulator.engine.records import (
    ACCOUNT,
    ACCOUNT_PLAIN,
    AMENDMENT,
    AMENDMENTS,
    AMOUNTS,
    COMMISSIONS,
    COUNTERS,
    EXCHANGE,
    FILL,
    FILLS,
    FORMAT,
    LIST,
    LISTS,
    MARKET,
    MATCHES,
    ORDER,
    ORDERS,
    PREVENTED,
    RULES,
    TAPE,
    Document,
    RecordError,
)


def restore(rows: Iterable[tuple[str, Document]]) -> Engine:
    """The exchange that (kind, document) rows describe, in any order.

    Raises:
        RecordError: they are of another format, or do not fit together.
    """
    by_kind: dict[str, list[Document]] = {}
    for kind, document in rows:
        by_kind.setdefault(kind, []).append(document)
    headers = by_kind.get(EXCHANGE, [])
    if len(headers) != 1 or headers[0].get("format") != FORMAT:
        found = headers[0].get("format") if headers else None
        raise RecordError(f"the state has format {found}, this version reads format {FORMAT}")
    try:
        return _restore(headers[0], by_kind)
    except (KeyError, TypeError, ValueError, ArithmeticError, ValidationError) as error:
        raise RecordError(f"the state is damaged: {error!r}") from error


def _restore(header: Document, by_kind: Mapping[str, list[Document]]) -> Engine:
    exchange = Engine()
    core = exchange.core
    for name in COUNTERS:
        setattr(core, name, header[name])
    for name in AMOUNTS:
        setattr(core, name, {asset: Decimal(amount) for asset, amount in header[name].items()})
    core.exchange_filters = header["exchange_filters"]
    for document in sorted(by_kind.get(ACCOUNT, []), key=lambda row: int(row["uid"])):
        _restore_account(core, document)
    tapes = {row["symbol"]: row for row in by_kind.get(TAPE, [])}
    orders = sorted((ORDERS.validate_python(row) for row in by_kind.get(ORDER, [])), key=lambda row: row.order_id)
    known = {order.order_id: order for order in orders}
    for document in by_kind.get(MARKET, []):
        _restore_market(core, document, known, tapes)
    lists = sorted((LISTS.validate_python(row) for row in by_kind.get(LIST, [])), key=lambda row: row.list_id)
    for order_list in lists:
        core.accounts[order_list.account].add_list(order_list)
    for order in orders:
        core.accounts[order.account].add_order(order)
        if order.type in STOP_TYPES and order.status is BinanceOrderStatus.NEW and not order.is_working:
            core.markets[order.symbol].stops.add(order)
    _end(core, orders, lists)
    _restore_history(core, by_kind)
    return exchange


def _end(core: Core, orders: Iterable[EngineOrder], lists: Iterable[OrderList]) -> None:
    """Move what is done among the done, in the order in which it ended."""
    for order in sorted(orders, key=lambda row: (row.update_time, row.order_id)):
        if not order.is_open:
            core.accounts[order.account].end_order(order)
    for order_list in lists:
        if not order_list.is_open:
            core.accounts[order_list.account].end_list(order_list)


def _restore_account(core: Core, document: Document) -> None:
    account = Account(document["name"], document["uid"], COMMISSIONS.validate_python(document["commissions"]))
    for name in ACCOUNT_PLAIN:
        setattr(account, name, document[name])
    account.discount = Decimal(document["discount"])
    account.symbol_commissions = {
        symbol: COMMISSIONS.validate_python(found) for symbol, found in document["symbol_commissions"].items()
    }
    account.max_assets = {asset: Decimal(amount) for asset, amount in document["max_assets"].items()}
    held = document.get("external_locks", {})
    account.external_locks = {asset: Decimal(amount) for asset, amount in held.items()}
    account.balances = {
        asset: Holding(Decimal(free), Decimal(locked)) for asset, (free, locked) in document["balances"].items()
    }
    core.accounts[account.name] = account


def _restore_market(
    core: Core, document: Document, orders: Mapping[int, EngineOrder], tapes: Mapping[str, Document]
) -> None:
    rules = RULES.validate_python(document["rules"]).with_filters(())
    market = core.markets[rules.symbol] = Market.create(rules)
    tape, book = market.tape, market.book
    last = document["last_price"]
    tape.last_price = None if last is None else Decimal(last)
    tape.next_trade_id, tape.next_agg_id = document["next_trade_id"], document["next_agg_id"]
    tape.minutes.extend((minute, Decimal(quote), Decimal(base)) for minute, quote, base in document["minutes"])
    if "reference" in document:
        price, market.reference_time = document["reference"]
        market.reference_price, market.has_reference = None if price is None else Decimal(price), True
    book.update_id, book.outside_key = document["update_id"], document["outside_key"]
    _restore_half(book.bids, document["bids"], orders)
    _restore_half(book.asks, document["asks"], orders)
    _settle(book)
    if rules.symbol in tapes:
        _restore_tape(market, tapes[rules.symbol])


def _restore_half(half: Half, levels: Iterable[Any], orders: Mapping[int, EngineOrder]) -> None:
    for price, queue in levels:
        level = half.level(Decimal(price))
        for entry in queue:
            if isinstance(entry, int):
                order = orders[entry]
                level.entries[entry] = order
                level.visible += order.display
            else:
                _add_outside(level, entry[0], Decimal(entry[1]))
        if level.outside:
            half.offered.add(level.price)


def _add_outside(level: Level, key: int, quantity: Decimal) -> None:
    level.entries[key] = OutsideOffer(key, quantity)
    level.outside += quantity
    level.visible += quantity


def _settle(book: Book) -> None:
    """Nothing of this is news."""
    book.bids.changed.clear()
    book.asks.changed.clear()
    book.shown = (book.best(Side.BUY), book.best(Side.SELL))


def _restore_tape(market: Market, document: Document) -> None:
    symbol = market.rules.symbol
    market.tape.trades.extend(
        TradeEvent(symbol, number, Decimal(price), Decimal(quantity), Decimal(quote), time, is_buyer_maker)
        for number, price, quantity, quote, time, is_buyer_maker in document["trades"]
    )
    market.tape.aggregates.extend(
        AggTradeEvent(symbol, number, Decimal(price), Decimal(quantity), first, last, time, is_buyer_maker)
        for number, price, quantity, first, last, time, is_buyer_maker in document["aggregates"]
    )


def _restore_history(core: Core, by_kind: Mapping[str, list[Document]]) -> None:
    def each(kind: str, adapter: TypeAdapter[Any], sort: Callable[[Any], Any]) -> list[tuple[Account, Any]]:
        rows = []
        for document in by_kind.get(kind, []):
            row = dict(document)
            rows.append((core.accounts[row.pop("account")], adapter.validate_python(row)))
        return sorted(rows, key=lambda row: sort(row[1]))

    # The taker's side of a trade comes first.
    for account, fill in each(FILL, FILLS, lambda row: (row.trade_id, row.is_maker)):
        account.fills.setdefault(fill.symbol, deque()).append(fill)
    for account, fill in each(FILL, FILLS, lambda row: row.time):
        account.traded.append(fill.symbol)
    for account, amendment in each(AMENDMENT, AMENDMENTS, lambda row: row.execution_id):
        account.add_amendment(amendment)
    for account, match in each(PREVENTED, MATCHES, lambda row: row.prevented_match_id):
        account.add_prevented(match)
