"""Pockets, leases and books in PostgreSQL. The rows of the pockets are the lock, for any number of processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson

from core.capital.leases import Facts
from core.capital.pockets import Pocket, Reservation, ReservationStatus
from portfolio.src.adapters.postgres_ledger import Opening, PostgresLedger
from portfolio.src.ports import ChangedLease, SettledLease, Unbooked
from shared.src.database import Database, DatabaseConnection
from shared.src.domain.money import ZERO, wire
from shared.src.domain.orders import ENDED
from shared.src.domain.symbols import parts_of
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS, text

_FOUND = text("""
INSERT INTO capital_pockets (pocket, share_percent, total, updated_at) VALUES (:pocket, :share, 0, :at)
ON CONFLICT DO NOTHING
""")

_LOCK = text("SELECT pocket, share_percent, total, reserved, used FROM capital_pockets ORDER BY pocket FOR UPDATE")

_LEASES = text(f"""
WITH wanted AS (
    SELECT intent_id FROM pocket_reservations WHERE status IN ('active', 'committed')
    UNION SELECT intent_id FROM trade_cycles
          WHERE status NOT IN {ENDED_CYCLES} AND intent_id IS NOT NULL
    UNION SELECT unnest(CAST(:also AS varchar[]))
)
SELECT r.intent_id, r.pocket, r.asset, r.amount, r.spent, r.status, r.reason, r.expires_at <= now() AS overdue,
       c.status AS cycle_status, e.symbol, o.orders, o.open_orders + COALESCE(c.entering, FALSE)::int AS open_orders,
       COALESCE(e.spent, 0) AS filled_quote, COALESCE(e.bought, 0) AS bought, COALESCE(x.sold, 0) AS sold
FROM wanted JOIN pocket_reservations r USING (intent_id)
LEFT JOIN trade_cycles c ON c.intent_id = r.intent_id
CROSS JOIN LATERAL (
    SELECT count(*) AS orders, count(*) FILTER (WHERE status IN {LIVE_ORDERS}) AS open_orders
    FROM orders WHERE orders.intent_id = r.intent_id AND purpose NOT IN ('stop_loss', 'take_profit', 'exit')
) o
CROSS JOIN LATERAL (
    SELECT min(t.symbol) AS symbol, sum(t.quantity) AS bought,
           sum(t.quote_quantity + CASE WHEN t.fee_asset = r.asset THEN t.fee ELSE 0 END) AS spent
    FROM orders b JOIN trade_executions t ON t.client_order_id = b.client_order_id
    JOIN ledger_postings p ON p.posting_id = 'fill:' || t.id
    WHERE b.intent_id = r.intent_id AND t.side = 'BUY'
) e
CROSS JOIN LATERAL (
    SELECT sum(t.quantity) AS sold
    FROM trade_executions t JOIN ledger_postings p ON p.posting_id = 'fill:' || t.id
    WHERE t.cycle_id = c.id AND t.side = 'SELL'
) x
""")

# Leases that do not begin now keep the end they have; amounts travel as text.
_SAVE_LEASES = text("""
INSERT INTO pocket_reservations (intent_id, pocket, asset, amount, spent, status, reason, expires_at)
SELECT l.intent_id, l.pocket, l.asset, l.amount, l.spent, l.status, l.reason,
       CASE WHEN l.begins OR r.intent_id IS NULL THEN now() + make_interval(secs => :ttl_s) ELSE r.expires_at END
FROM jsonb_to_recordset(CAST(:leases AS jsonb)) AS l (intent_id varchar, pocket varchar, asset varchar, amount numeric,
     spent numeric, status varchar, reason text, begins boolean)
LEFT JOIN pocket_reservations r USING (intent_id)
ON CONFLICT (intent_id) DO UPDATE SET pocket = EXCLUDED.pocket, amount = EXCLUDED.amount, spent = EXCLUDED.spent,
    status = EXCLUDED.status, reason = EXCLUDED.reason, updated_at = now(), expires_at = EXCLUDED.expires_at
""")

_SAVE_POCKET = text("""
UPDATE capital_pockets SET share_percent = :share_percent, total = :total, reserved = :reserved, used = :used,
       updated_at = :at
WHERE pocket = :pocket
""")

# ``core.capital.pockets.availability``, of the pockets as they are now
_SAVE_AVAILABLE = text("""
UPDATE capital_pockets p SET available_value = greatest(0, least(p.total - p.reserved - p.used, o.room))
FROM (SELECT sum(total - reserved - used) AS room FROM capital_pockets) o
""")


_SET_ASIDE = text("""
INSERT INTO unbooked_executions AS u (execution_id, symbol, reason, since) VALUES (:id, :symbol, :reason, :at)
ON CONFLICT (execution_id) DO UPDATE SET reason = excluded.reason, released_at = NULL,
    since = CASE WHEN u.released_at IS NULL THEN u.since ELSE excluded.since END
""")

_RELEASE = text("UPDATE unbooked_executions SET released_at = :at WHERE execution_id = :id AND released_at IS NULL")

_QUARANTINED = text("""
SELECT execution_id, symbol, reason, since, released_at FROM unbooked_executions
ORDER BY released_at IS NOT NULL, since DESC, execution_id LIMIT :limit
""")


class PostgresCapital:
    """Implements ``portfolio.src.ports.CapitalStore``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._opening = Opening()

    async def found(self, shares: Mapping[str, Decimal], at: datetime) -> None:
        rows = [{"pocket": name, "share": share, "at": at} for name, share in shares.items()]
        async with self._database.begin() as connection:
            await connection.execute(_FOUND, rows)

    @asynccontextmanager
    async def change(self) -> AsyncIterator[PostgresTransaction]:
        async with self._database.begin() as connection:
            rows = (await connection.execute(_LOCK)).all()
            pockets = {
                row.pocket: Pocket(row.pocket, row.share_percent, row.total, row.reserved, row.used) for row in rows
            }
            yield PostgresTransaction(connection, pockets, PostgresLedger(connection, self._opening))

    @asynccontextmanager
    async def look(self) -> AsyncIterator[PostgresLedger]:
        async with self._database.autocommit() as connection:
            yield PostgresLedger(connection, self._opening)

    async def set_aside(self, execution_id: str, symbol: str, reason: str, at: datetime) -> None:
        row = {"id": execution_id, "symbol": symbol, "reason": reason, "at": at}
        async with self._database.autocommit() as connection:
            await connection.execute(_SET_ASIDE, row)

    async def release(self, execution_id: str, at: datetime) -> None:
        async with self._database.autocommit() as connection:
            await connection.execute(_RELEASE, {"id": execution_id, "at": at})

    async def quarantined(self, limit: int = 1000) -> list[Unbooked]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(_QUARANTINED, {"limit": limit})
            return [Unbooked(row.execution_id, row.symbol, row.reason, row.since, row.released_at) for row in rows]


class PostgresTransaction:
    """Implements ``portfolio.src.ports.CapitalTransaction``."""

    def __init__(self, connection: DatabaseConnection, pockets: dict[str, Pocket], ledger: PostgresLedger) -> None:
        self._connection = connection
        self._pockets = pockets
        self.ledger = ledger

    async def pockets(self) -> dict[str, Pocket]:
        return self._pockets

    async def leases(self, also: Iterable[str] = ()) -> list[SettledLease]:
        rows = await self._connection.execute(_LEASES, {"also": list(also)})
        return [SettledLease(_lease(row), _facts(row)) for row in rows]

    async def save_leases(self, changes: Sequence[ChangedLease], *, ttl_s: float) -> None:
        leases = orjson.dumps([_record(change) for change in changes]).decode()
        await self._connection.execute(_SAVE_LEASES, {"leases": leases, "ttl_s": ttl_s})

    async def save_pockets(self, pockets: Sequence[Pocket], at: datetime) -> None:
        rows = [
            {
                "pocket": pocket.name,
                "share_percent": pocket.share_percent,
                "total": pocket.total,
                "reserved": pocket.reserved,
                "used": pocket.used,
                "at": at,
            }
            for pocket in pockets
        ]
        await self._connection.execute(_SAVE_POCKET, rows)
        await self._connection.execute(_SAVE_AVAILABLE)


def _record(change: ChangedLease) -> dict[str, Any]:
    lease = change.lease
    return {
        "intent_id": lease.intent_id,
        "pocket": lease.pocket,
        "asset": lease.asset,
        "amount": wire(lease.amount),
        "spent": wire(lease.spent),
        "status": lease.status.value,
        "reason": lease.reason,
        "begins": change.begins,
    }


def _lease(row: Any) -> Reservation:
    return Reservation(
        intent_id=row.intent_id,
        pocket=row.pocket,
        asset=row.asset,
        amount=row.amount,
        spent=row.spent,
        status=ReservationStatus(row.status),
        reason=row.reason,
    )


def _facts(row: Any) -> Facts:
    base, quote = parts_of(row.symbol, quote_first=row.asset) if row.symbol else ("", row.asset)
    return Facts(
        spent=row.filled_quote if quote == row.asset else ZERO,
        base=base,
        bought=row.bought,
        sold=row.sold,
        orders=row.orders,
        open_orders=row.open_orders,
        cycle_ended=row.cycle_status in ENDED,
        overdue=row.overdue,
    )
