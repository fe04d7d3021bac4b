"""What a run decided and did, as rows: to be compared with another run's, or written down to the byte."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from backtester.full_engine.platform import Stores
from core.capital.ledger import totals
from core.positions.model import Order
from shared.src.domain.clock import to_ms
from shared.src.domain.money import wire

Row = Mapping[str, Any]

CONSENSUS = (
    "id",
    "symbol",
    "timeframe",
    "timestamp",
    "side",
    "accepted",
    "strategy",
    "votes_count",
    "reason",
    "price",
    "stop_loss",
    "take_profit",
)
DECISION = ("intent_id", "consensus_id", "symbol", "side", "kind", "approved", "reason", "decided_at")
ORDER = (
    "client_order_id",
    "symbol",
    "purpose",
    "side",
    "type",
    "quantity",
    "price",
    "stop_price",
    "status",
    "executed_quantity",
    "executed_quote",
    "created_at",
)
CYCLE = (
    "id",
    "symbol",
    "strategy",
    "status",
    "quantity",
    "exit_quantity",
    "entry_price",
    "exit_price",
    "fees",
    "profit_loss",
    "exit_reason",
    "stop_price",
    "take_profit_price",
)


async def journal(stores: Stores) -> dict[str, list[Row]]:
    """The tables that tell what was decided and done, by the columns of PostgreSQL, each in an order of its own."""
    everything = sys.maxsize
    signals = await stores.signals.recent(symbol=None, accepted=None, limit=everything)
    decisions = await stores.decisions.latest(symbol=None, approved=None, limit=everything)
    cycles = sorted(stores.trades.all_cycles(), key=lambda cycle: (cycle.created_at, cycle.id))
    lines = (line for posting in stores.capital.postings for line in posting.lines)
    accounts: dict[str, list[Any]] = {}
    for line in lines:
        accounts.setdefault(line.account.value, []).append(line)
    return {
        "consensus": _sorted(_picked(signals, CONSENSUS), "timestamp", "symbol", "timeframe", "id"),
        "decisions": _sorted(_picked(decisions, DECISION), "decided_at", "intent_id"),
        "orders": _sorted(map(_order, stores.trades.all_orders()), "created_at", "client_order_id"),
        "cycles": _read(cycles, CYCLE),
        "ledger": [
            {"account": account, "asset": asset, "amount": amount}
            for account, moved in sorted(accounts.items())
            for asset, amount in sorted(totals(moved).items())
            if amount
        ],
    }


def written(tables: Mapping[str, Sequence[Row]]) -> bytes:
    """A journal as bytes, a line for each row: equal journals are equal bytes."""
    lines = [orjson.dumps({"table": table} | _plain(row)) for table, rows in tables.items() for row in rows]
    return b"".join(line + b"\n" for line in lines)


def _picked(rows: Iterable[Row], columns: Sequence[str]) -> list[Row]:
    return [{name: row[name] for name in columns} for row in rows]


def _read(values: Iterable[object], columns: Sequence[str]) -> list[Row]:
    return [{name: getattr(value, name) for name in columns} for value in values]


def _order(order: Order) -> Row:
    """An order as its row shows it: of the type that was asked for."""
    return {**_read([order], ORDER)[0], "type": order.asked_type}


def _sorted(rows: Iterable[Row], *columns: str) -> list[Row]:
    return sorted(rows, key=lambda row: tuple(row[name] for name in columns))


def _plain(row: Row) -> dict[str, Any]:
    return {name: _value(value) for name, value in row.items()}


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return wire(value)
    return to_ms(value) if isinstance(value, datetime) else value
