"""The state of an exchange as records: JSON documents, one for each account, market, order, list and row of history.

Reading all records back gives an exchange that answers and goes on exactly like the one that wrote them. A record is
(kind, key) and a document; numbers are texts, enums their values, and what has its default value is left out. Records
are written again when what they describe changed; rows of history never change. A record that another FORMAT wrote is
refused, not guessed at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter

from simulator.engine.accounts import Account, Commissions
from simulator.engine.book import Half, OutsideOffer
from simulator.engine.core import Core, Market
from simulator.engine.exchange import Engine
from simulator.engine.orders import Amendment, EngineFill, EngineOrder, OrderList, PreventedMatch
from simulator.engine.rules import MarketRules
from simulator.engine.touched import Touched

FORMAT = 1
Document = dict[str, Any]
T = TypeVar("T")

EXCHANGE, ACCOUNT, MARKET, ORDER, LIST = "exchange", "account", "market", "order", "list"
FILL, AMENDMENT, PREVENTED, TAPE = "fill", "amendment", "prevented", "tape"

ORDERS, LISTS, FILLS = TypeAdapter(EngineOrder), TypeAdapter(OrderList), TypeAdapter(EngineFill)
AMENDMENTS, MATCHES = TypeAdapter(Amendment), TypeAdapter(PreventedMatch)
RULES, COMMISSIONS = TypeAdapter(MarketRules), TypeAdapter(Commissions)
# What with_filters works out again from the filters.
_PARSED = {
    "price",
    "lot",
    "market_lot",
    "percent",
    "notionals",
    "trailing",
    "iceberg_parts",
    "max_orders",
    "max_algo_orders",
    "max_iceberg_orders",
    "max_position",
    "max_amends",
    "max_lists",
}
COUNTERS = ("first_id", "next_order_id", "next_list_id", "next_execution_id", "next_prevented_id", "generated")
AMOUNTS = ("deposits", "fees", "outside")
ACCOUNT_PLAIN = (
    "name",
    "uid",
    "trade_group_id",
    "bnb_discount",
    "can_trade",
    "can_withdraw",
    "update_time",
    "history",
    "forgotten_id",
    "first_fills",
)


class RecordError(ValueError):
    """Records that are not the state of an exchange, or of another format."""


class Record(NamedTuple):
    """``is_live``: what an exchange cannot go on without; False for history."""

    kind: str
    key: str
    is_live: bool
    document: Document


@dataclass(slots=True)
class Batch:
    """Records to write, and (kind, key) of those to remove."""

    records: dict[tuple[str, str], Record] = field(default_factory=dict)
    removed: dict[tuple[str, str], None] = field(default_factory=dict)

    def add(self, record: Record) -> None:
        self.records[record.kind, record.key] = record

    def remove(self, kind: str, key: str) -> None:
        self.records.pop((kind, key), None)
        self.removed[kind, key] = None

    def merge(self, later: Batch) -> None:
        """Add what a later batch holds."""
        self.removed |= later.removed
        for key in later.removed:
            self.records.pop(key, None)
        self.records |= later.records


def everything(exchange: Engine) -> Batch:
    """All records of an exchange."""
    core, batch = exchange.core, Batch()
    for account in core.accounts.values():
        for order in account.orders.values():
            batch.add(_order(order))
        for order_list in account.lists.values():
            batch.add(_list(order_list))
        for fills in account.fills.values():
            for fill in fills:
                batch.add(_fill(account.name, fill))
        for amendment in account.amendments:
            batch.add(_amendment(account.name, amendment))
        for match in account.prevented:
            batch.add(_prevented(account.name, match))
        batch.add(_account(account))
    for market in core.markets.values():
        batch.add(_market(market))
        batch.add(tape_record(market))
    batch.add(_exchange(core))
    return batch


def changes(exchange: Engine) -> Batch:
    """The records of what changed since this was last asked; needs Engine.keep_track. Tapes are not among them."""
    core, batch = exchange.core, Batch()
    touched = exchange.take_touched()
    if touched is None:
        return batch
    _forget(batch, touched)
    for symbol in touched.markets:
        market = core.markets[symbol]
        batch.add(_market(market))
        # These follow the market without a word.
        _add_all(batch, _order, market.stops.trailing())
    _add_all(batch, _order, touched.orders.values())
    _add_history(batch, touched)
    _add_all(batch, _list, touched.lists.values())
    for account in core.accounts.values():
        if account.name in touched.accounts or account.touched:
            batch.add(_account(account))
            # So does what an open list holds.
            _add_all(batch, _list, account.open_lists.values())
    if batch.records or batch.removed:
        batch.add(_exchange(core))
    return batch


def _add_all(batch: Batch, record_of: Callable[[T], Record], things: Iterable[T]) -> None:
    for thing in things:
        batch.add(record_of(thing))


def _forget(batch: Batch, touched: Touched) -> None:
    for order_id in touched.forgotten_orders:
        batch.remove(ORDER, str(order_id))
    for list_id in touched.forgotten_lists:
        batch.remove(LIST, str(list_id))


def _add_history(batch: Batch, touched: Touched) -> None:
    for name, fill in touched.fills:
        batch.add(_fill(name, fill))
    for name, amendment in touched.amendments:
        batch.add(_amendment(name, amendment))
    for name, match in touched.prevented:
        batch.add(_prevented(name, match))


def _document(adapter: TypeAdapter[Any], value: Any) -> Document:
    document: Document = adapter.dump_python(value, mode="json", exclude_defaults=True)
    return document


def _order(order: EngineOrder) -> Record:
    return Record(ORDER, str(order.order_id), order.is_open, _document(ORDERS, order))


def _list(order_list: OrderList) -> Record:
    return Record(LIST, str(order_list.list_id), order_list.is_open, _document(LISTS, order_list))


def _fill(account: str, fill: EngineFill) -> Record:
    # An order that met another of the same account made two fills of one trade.
    key = f"{account}/{fill.symbol}/{fill.trade_id}/{fill.order_id}"
    return Record(FILL, key, False, {"account": account, **_document(FILLS, fill)})


def _amendment(account: str, row: Amendment) -> Record:
    return Record(AMENDMENT, f"{account}/{row.execution_id}", False, {"account": account, **_document(AMENDMENTS, row)})


def _prevented(account: str, row: PreventedMatch) -> Record:
    document = {"account": account, **_document(MATCHES, row)}
    return Record(PREVENTED, f"{account}/{row.prevented_match_id}", False, document)


def _exchange(core: Core) -> Record:
    document: Document = {"format": FORMAT, "exchange_filters": core.exchange_filters}
    document |= {name: getattr(core, name) for name in COUNTERS}
    document |= {name: _texts(getattr(core, name)) for name in AMOUNTS}
    return Record(EXCHANGE, "", True, document)


def _account(account: Account) -> Record:
    document: Document = {name: getattr(account, name) for name in ACCOUNT_PLAIN}
    document["discount"] = str(account.discount)
    document["commissions"] = _document(COMMISSIONS, account.commissions)
    document["symbol_commissions"] = {
        symbol: _document(COMMISSIONS, found) for symbol, found in account.symbol_commissions.items()
    }
    document["max_assets"] = _texts(account.max_assets)
    document["external_locks"] = _texts(account.external_locks)
    document["balances"] = {
        asset: [str(balance.free), str(balance.locked)] for asset, balance in account.balances.items()
    }
    return Record(ACCOUNT, account.name, True, document)


def _market(market: Market) -> Record:
    tape, book = market.tape, market.book
    document: Document = {
        "rules": RULES.dump_python(market.rules, mode="json", exclude_defaults=True, exclude=_PARSED),
        "last_price": _text(tape.last_price),
        "next_trade_id": tape.next_trade_id,
        "next_agg_id": tape.next_agg_id,
        "minutes": [[minute, str(quote), str(base)] for minute, quote, base in tape.minutes],
        "update_id": book.update_id,
        "outside_key": book.outside_key,
        "bids": _queues(book.bids),
        "asks": _queues(book.asks),
    }
    if market.has_reference:
        document["reference"] = [_text(market.reference_price), market.reference_time]
    return Record(MARKET, market.rules.symbol, True, document)


def _queues(half: Half) -> list[Any]:
    """[price, queue] of each level; in the queue order ids, and [key, quantity] of outside offers."""
    return [
        [
            str(price),
            [
                [entry.key, str(entry.quantity)] if isinstance(entry, OutsideOffer) else entry.order_id
                for entry in half.levels[price].entries.values()
            ],
        ]
        for price in half.prices
    ]


def tape_record(market: Market) -> Record:
    """The public trades of a symbol: many, and nothing depends on them."""
    tape = market.tape
    document = {
        "symbol": market.rules.symbol,
        "trades": [
            [row.trade_id, str(row.price), str(row.quantity), str(row.quote), row.time, row.is_buyer_maker]
            for row in tape.trades
        ],
        "aggregates": [
            [
                row.agg_id,
                str(row.price),
                str(row.quantity),
                row.first_trade_id,
                row.last_trade_id,
                row.time,
                row.is_buyer_maker,
            ]
            for row in tape.aggregates
        ],
    }
    return Record(TAPE, market.rules.symbol, False, document)


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else str(amount)


def _texts(amounts: Mapping[str, Decimal]) -> dict[str, str]:
    return {name: str(amount) for name, amount in amounts.items()}
