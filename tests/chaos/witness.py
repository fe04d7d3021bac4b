"""Reads the twin's control door and PostgreSQL, and tells the auditor in plain values what is so.

Nothing of the platform's own code is asked: the exchange's side comes from the exchange, the books are read with SQL.
Both are read one after the other while everything goes on, so the books are cut to what the exchange had told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from redis import Redis

from tests.integration.simulator.conftest import RunningTwin
from tests.simulation.facts import (
    BookedCycle,
    BookedOrder,
    BookedTrade,
    Books,
    Exchange,
    ExchangeOrder,
    Intent,
    Listing,
    Trade,
)

ZERO = Decimal(0)
ENDED = {"completed", "canceled", "failed"}
UNRESOLVED = {"INTENT", "SENT", "UNKNOWN"}
DEAD_LETTERS = "roottrading:dead_letters"
# An order that was on its way when a pause was written down arrives so much later at most, on a busy machine.
PAUSE_LATE_S = 1.5
# Rows are read again for a while: a transaction that began earlier may commit later.
OVERLAP = timedelta(seconds=20)

Rows = list[dict[str, Any]]


@dataclass(slots=True)
class Hands:
    """What somebody did on the account by hand: the prefix of his order ids, what he canceled, what he moved."""

    prefix: str = "hand-"
    canceled: set[int] = field(default_factory=set)
    flows: dict[str, Decimal] = field(default_factory=dict)


class ExchangeReader:
    """The account ``owner`` as the exchange has it. What ended is read once."""

    def __init__(self, twin: RunningTwin, hands: Hands, account: str = "owner") -> None:
        self._twin, self._hands, self._account = twin, hands, account
        self._orders: dict[int, ExchangeOrder] = {}
        self._trades: dict[tuple[str, int], Trade] = {}
        self._since_ms = 0
        self._filters = self._read_filters()
        view = self._view()
        self.began_ms = int(view["time"])
        self.opening = _held(view)

    def _view(self) -> dict[str, Any]:
        return self._twin.do("GET", f"/accounts/{self._account}?since_ms={self._since_ms}")

    def _read_filters(self) -> dict[str, dict[str, Any]]:
        """By symbol and type; asked of the control door, as a change of nothing."""
        symbols = [row["symbol"] for row in self._twin.do("GET", "/state")["markets"]]
        found = [self._twin.do("POST", "/symbols", {"symbol": symbol}) for symbol in symbols]
        return {row["symbol"]: {entry["filterType"]: entry for entry in row["filters"]} for row in found}

    def refresh_filters(self) -> None:
        """To be called after filters were changed."""
        self._filters = self._read_filters()

    def tick(self, symbol: str) -> Decimal:
        """The grid of a symbol's prices."""
        return Decimal(self._filters[symbol]["PRICE_FILTER"]["tickSize"]).normalize()

    def seconds(self, at_ms: float) -> float:
        return (at_ms - self.began_ms) / 1000

    def read(self) -> Exchange:
        """This moment."""
        state = self._twin.do("GET", "/state")
        view = self._view()
        for row in view["orders"]:
            self._orders[row["order_id"]] = self._order(row)
        for row in view["trades"]:
            self._trades[row["symbol"], row["trade_id"]] = self._trade(row)
        self._since_ms = int(view["time"]) - 1
        return Exchange(
            now_s=self.seconds(view["time"]),
            listings={row["symbol"]: self._listing(row) for row in state["markets"]},
            orders=list(self._orders.values()),
            trades=list(self._trades.values()),
            held=_held(view),
            opening=self.opening,
            flows=dict(self._hands.flows),
            problems=() if state["audit_ok"] else ("the exchange's own books do not add up",),
        )

    def _order(self, row: Mapping[str, Any]) -> ExchangeOrder:
        return ExchangeOrder(
            order_id=row["order_id"],
            client_id=row["client_order_id"],
            symbol=row["symbol"],
            side=row["side"],
            kind=row["type"],
            quantity=Decimal(row["quantity"]),
            executed=Decimal(row["executed"]),
            price=Decimal(row["price"]),
            trigger=_trigger(row),
            placed_s=self.seconds(row["time"]),
            is_open=row["is_open"],
            is_canceled=row["status"] == "CANCELED",
            waits=row["is_open"] and not row["is_working"],
            by_hand=row["client_order_id"].startswith(self._hands.prefix),
            canceled_by_hand=row["order_id"] in self._hands.canceled,
        )

    def _trade(self, row: Mapping[str, Any]) -> Trade:
        return Trade(
            symbol=row["symbol"],
            trade_id=row["trade_id"],
            order_id=row["order_id"],
            side=row["side"],
            price=Decimal(row["price"]),
            quantity=Decimal(row["quantity"]),
            quote=Decimal(row["quote"]),
            fee=Decimal(row["commission"]),
            fee_asset=row["commission_asset"],
            at_s=self.seconds(row["time"]),
        )

    def _listing(self, row: Mapping[str, Any]) -> Listing:
        filters = self._filters[row["symbol"]]
        sizes = [filters[name] for name in ("LOT_SIZE", "MARKET_LOT_SIZE") if name in filters]
        notionals = [filters[name] for name in ("NOTIONAL", "MIN_NOTIONAL") if name in filters]
        stops = filters.get("MAX_NUM_ALGO_ORDERS")
        return Listing(
            symbol=row["symbol"],
            base=row["base"],
            quote=row["quote"],
            status=row["status"],
            step=max((Decimal(size["stepSize"]) for size in sizes), default=ZERO),
            quantity_min=max((Decimal(size["minQty"]) for size in sizes), default=ZERO),
            notional_min=max((Decimal(each["minNotional"]) for each in notionals), default=ZERO),
            stops_max=None if stops is None else int(stops["maxNumAlgoOrders"]),
            bid=Decimal(row["bids"][0][0]) if row["bids"] else None,
            last=Decimal(row["last"] or 0),
            average=Decimal(row["average"] or row["last"] or 0),
        )


def _held(view: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(each["free"]) + Decimal(each["locked"]) for name, each in view["balances"].items()}


def _trigger(row: Mapping[str, Any]) -> Decimal:
    """At which price a stop is triggered as things are; 0 for what is no stop, or trails no price yet."""
    stop = Decimal(row["stop_price"] or 0)
    if row["trailing_delta"] is None:
        return stop
    return Decimal(row["trailing_extreme"] or stop) * (1 - Decimal(row["trailing_delta"]) / 10_000)


class BookReader:
    """The books, as PostgreSQL has them."""

    def __init__(self, dsn: str, redis: Redis, clock: ExchangeReader) -> None:
        self._connection = psycopg.connect(dsn, row_factory=psycopg.rows.dict_row)
        self._connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        self._connection.read_only = True
        self._redis, self._clock = redis, clock
        self._orders: dict[str, BookedOrder] = {}
        self._unresolved: dict[str, None] = {}
        self._cycles: dict[str, BookedCycle] = {}
        self._intents: dict[str, Intent] = {}
        self._trades: dict[str, BookedTrade] = {}
        self._posted: dict[str, None] = {}
        self._since = datetime.fromisoformat("2000-01-01T00:00:00+00:00")
        self.ended: list[str] = []

    def close(self) -> None:
        self._connection.close()

    def read(self, exchange: Exchange) -> Books:
        """This moment, without the trades that happened after ``exchange`` was read."""
        with self._connection.transaction():
            now: datetime = self._rows("SELECT now() AS now")[0]["now"]
            self._read_orders()
            self._read_cycles()
            self._read_decisions()
            self._read_trades()
            self._read_postings()
            books = self._books()
        self._since = now - OVERLAP
        newest: dict[str, int] = {}
        for trade in exchange.trades:
            newest[trade.symbol] = max(newest.get(trade.symbol, -1), trade.trade_id)
        known = [trade for trade in books.trades if trade.trade_id <= newest.get(trade.symbol, -1)]
        return replace(books, trades=known)

    def orphans(self, exchange: Exchange) -> list[str]:
        """Trades in the books that the exchange does not have, however new; to be asked once everything is quiet."""
        real = {(trade.symbol, trade.trade_id) for trade in exchange.trades}
        return [
            f"{each.symbol} {each.trade_id}"
            for each in self._trades.values()
            if (each.symbol, each.trade_id) not in real
        ]

    def _rows(self, sql: str, *parameters: Any) -> Rows:
        return list(self._connection.execute(sql.encode(), parameters).fetchall())

    def _read_orders(self) -> None:
        for row in self._rows(
            "SELECT client_order_id, intent_id, cycle_id, purpose, side, status FROM orders WHERE updated_at >= %s",
            self._since,
        ):
            name = row["client_order_id"]
            self._orders[name] = BookedOrder(name, row["intent_id"], row["cycle_id"], row["purpose"], row["side"])
            self._unresolved.pop(name, None)
            if row["status"] in UNRESOLVED:
                self._unresolved[name] = None

    def _read_cycles(self) -> None:
        for row in self._rows("SELECT * FROM trade_cycles WHERE updated_at >= %s", self._since):
            self._cycles[row["id"]] = BookedCycle(
                cycle_id=row["id"],
                intent_id=row["intent_id"] or "",
                symbol=row["symbol"],
                strategy=row["strategy"],
                status=row["status"],
                is_open=row["status"] not in ENDED,
                is_completed=row["status"] == "completed",
                sold=row["exit_quantity"],
                profit_loss=row["profit_loss"],
                exit_reason=row["exit_reason"],
            )

    def _read_decisions(self) -> None:
        """What was approved: decisions of the coordinator; of an order by hand, what its cycle was opened with."""
        for row in self._rows(
            "SELECT intent_id, symbol, intent FROM decisions WHERE approved AND kind = 'entry' AND created_at >= %s",
            self._since,
        ):
            intent = row["intent"]
            stop = intent.get("stop_loss")
            self._intents[row["intent_id"]] = Intent(
                row["intent_id"],
                row["symbol"],
                Decimal(str(intent.get("quantity") or 0)),
                Decimal(str(intent.get("reserved") or 0)),
                None if stop is None else Decimal(str(stop)),
            )
        for row in self._rows(
            "SELECT c.intent_id, c.symbol, c.reserved, o.quantity FROM trade_cycles c"
            " JOIN orders o ON o.cycle_id = c.id AND o.side = 'BUY' AND o.attempt = 1"
            " WHERE c.created_at >= %s AND NOT EXISTS (SELECT 1 FROM decisions d WHERE d.intent_id = c.intent_id)",
            self._since,
        ):
            self._intents.setdefault(
                row["intent_id"], Intent(row["intent_id"], row["symbol"], row["quantity"], row["reserved"], None)
            )

    def _read_trades(self) -> None:
        for row in self._rows("SELECT * FROM trade_executions WHERE created_at >= %s", self._since):
            self._trades[row["id"]] = BookedTrade(
                row["symbol"], row["trade_id"], row["quantity"], row["quote_quantity"], row["fee"], row["fee_asset"]
            )

    def _read_postings(self) -> None:
        for row in self._rows("SELECT posting_id FROM ledger_postings WHERE created_at >= %s", self._since):
            self._posted[row["posting_id"]] = None

    def _books(self) -> Books:
        totals = self._rows("SELECT account, asset, amount FROM ledger_totals")
        sums: dict[str, Decimal] = {}
        for row in totals:
            sums[row["asset"]] = sums.get(row["asset"], ZERO) + row["amount"]
        ledger = {row["asset"]: row["amount"] for row in totals if row["account"] == "exchange"}
        pauses = self._rows(
            "SELECT scope, reason, since, cause FROM trading_pauses WHERE until IS NULL OR until > now() ORDER BY since"
        )
        leased = self._rows("SELECT intent_id FROM pocket_reservations WHERE status IN ('active', 'committed')")
        return Books(
            orders=self._orders,
            cycles=list(self._cycles.values()),
            intents=self._intents,
            trades=list(self._trades.values()),
            pauses=self._pauses(pauses),
            ledger=ledger if "opening" in self._posted else None,
            posted=list(self._posted),
            unbalanced={asset: amount for asset, amount in sums.items() if amount},
            leased=[row["intent_id"] for row in leased],
            unresolved=list(self._unresolved),
            ended=list(self.ended),
            dead_letters=self._dead_letters(),
            halted=next((row["reason"] for row in pauses if row["cause"] == "difference"), ""),
        )

    def _pauses(self, rows: Rows) -> dict[str, float]:
        """By scope, since when the oldest one binds every order."""
        pauses: dict[str, float] = {}
        for row in rows:
            pauses.setdefault(row["scope"], self._clock.seconds(row["since"].timestamp() * 1000) + PAUSE_LATE_S)
        return pauses

    def _dead_letters(self) -> list[str]:
        letters: Any = self._redis.xrange(DEAD_LETTERS, count=100)
        return [fields[b"d"].decode()[:400] for _, fields in letters]
