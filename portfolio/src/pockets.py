"""The pockets and their leases in PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.capital.pockets import Facts, Pockets, Reservation, ReservationStatus, settle
from shared.src.database import Database
from shared.src.domain.money import wire
from shared.src.domain.orders import ENDED
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS

_SHARES = text("SELECT pocket, share_percent, total, reserved, used FROM capital_pockets ORDER BY pocket FOR UPDATE")

_LEASES = text(f"""
WITH wanted AS (
    SELECT intent_id FROM pocket_reservations WHERE status IN ('active', 'committed')
    UNION SELECT intent_id FROM trade_cycles
          WHERE status NOT IN {ENDED_CYCLES} AND intent_id IS NOT NULL
    UNION SELECT unnest(CAST(:also AS varchar[]))
)
SELECT r.intent_id, r.pocket, r.asset, r.amount, r.spent, r.status, r.reason, r.expires_at <= now() AS overdue,
       c.status AS cycle_status, o.orders, o.open_orders,
       COALESCE(e.spent, 0) AS filled_quote, COALESCE(e.bought, 0) AS bought, COALESCE(x.sold, 0) AS sold
FROM wanted JOIN pocket_reservations r USING (intent_id)
LEFT JOIN trade_cycles c ON c.intent_id = r.intent_id
CROSS JOIN LATERAL (
    SELECT count(*) AS orders,
           count(*) FILTER (WHERE status IN {LIVE_ORDERS}) AS open_orders
    FROM orders WHERE orders.intent_id = r.intent_id AND purpose NOT IN ('stop_loss', 'take_profit', 'exit')
) o
CROSS JOIN LATERAL (
    SELECT sum(t.quantity) AS bought,
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

_QUOTE_IN_BOOKS = text(
    "SELECT COALESCE(sum(amount), 0) FROM ledger_lines WHERE account = 'exchange' AND asset = :asset"
)


@dataclass(slots=True)
class Unit:
    """One transaction on the pockets. Set ``posted`` when fills were booked in it: the leases are settled again."""

    manager: Pockets
    connection: AsyncConnection
    facts: dict[str, Facts]
    stored: dict[str, Reservation]
    posted: bool = False
    ttl_s: float = 0.0


class PocketManager:
    """Opens the pockets under lock, settles their leases by the facts, and writes back what changed.

    Whoever holds the pocket rows' locks decides alone, in any number of processes.
    """

    def __init__(self, database: Database, *, quote_asset: str) -> None:
        self._database = database
        self._quote = quote_asset

    async def found(self, shares: Mapping[str, Decimal], at: datetime) -> None:
        """Make the pockets of a new installation; shares that were changed since stay as they are."""
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO capital_pockets (pocket, share_percent, total, updated_at)"
                    " VALUES (:pocket, :share, 0, :at) ON CONFLICT DO NOTHING"
                ),
                [{"pocket": name, "share": share, "at": at} for name, share in shares.items()],
            )

    @asynccontextmanager
    async def unit(self, at: datetime, *also: str) -> AsyncIterator[Unit]:
        """One transaction on the pockets, settled. ``also``: ids of closed leases that the block needs to see."""
        async with self._locked(at) as unit:
            await self._load(unit, also)
            yield unit
            if unit.posted:
                await self._load(unit, also, again=True)

    @asynccontextmanager
    async def posting(self, at: datetime) -> AsyncIterator[AsyncConnection]:
        """One transaction that books fills; the leases are settled by what was booked when the block ends."""
        async with self._locked(at) as unit:
            yield unit.connection
            await self._load(unit, ())

    @asynccontextmanager
    async def _locked(self, at: datetime) -> AsyncIterator[Unit]:
        async with self._database.begin() as connection:
            rows = (await connection.execute(_SHARES)).all()
            before = {row.pocket: (row.share_percent, row.total, row.reserved, row.used) for row in rows}
            unit = Unit(Pockets({name: values[0] for name, values in before.items()}), connection, {}, {})
            yield unit
            unit.manager.check()
            await self._save_leases(unit)
            await self._save_pockets(unit, before, at)

    async def _load(self, unit: Unit, also: Iterable[str], *, again: bool = False) -> None:
        """Read leases and facts and settle the former by the latter; ``again``: leases in memory stay as they are."""
        manager = unit.manager
        rows = (await unit.connection.execute(_LEASES, {"also": list(also)})).all()
        for row in rows:
            lease = _lease(row)
            unit.stored.setdefault(row.intent_id, lease)
            if row.intent_id not in manager.leases:
                manager.adopt([lease])
            unit.facts[row.intent_id] = facts = _facts(row, overdue=row.overdue and not again)
            settle(manager, row.intent_id, facts)
        held = (await unit.connection.execute(_QUOTE_IN_BOOKS, {"asset": self._quote})).scalar_one()
        manager.revalue(held + manager.bound())

    async def _save_leases(self, unit: Unit) -> None:
        changed = []
        for lease in unit.manager.leases.values():
            before = unit.stored.get(lease.intent_id)
            if before is None or not _same(before, lease):
                began = before is not None and before.status is ReservationStatus.ACTIVE
                changed.append(_record(lease, begins=lease.status is ReservationStatus.ACTIVE and not began))
        if changed:
            leases = orjson.dumps(changed).decode()
            await unit.connection.execute(_SAVE_LEASES, {"leases": leases, "ttl_s": unit.ttl_s})

    async def _save_pockets(self, unit: Unit, before: Mapping[str, tuple[Decimal, ...]], at: datetime) -> None:
        for pocket in unit.manager.pockets().values():
            if before[pocket.name] == (pocket.share_percent, pocket.total, pocket.reserved, pocket.used):
                continue
            await unit.connection.execute(
                _SAVE_POCKET,
                {
                    "pocket": pocket.name,
                    "share_percent": pocket.share_percent,
                    "total": pocket.total,
                    "reserved": pocket.reserved,
                    "used": pocket.used,
                    "at": at,
                },
            )


def _record(lease: Reservation, *, begins: bool) -> dict[str, Any]:
    return {
        "intent_id": lease.intent_id,
        "pocket": lease.pocket,
        "asset": lease.asset,
        "amount": wire(lease.amount),
        "spent": wire(lease.spent),
        "status": lease.status.value,
        "reason": lease.reason,
        "begins": begins,
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


def _facts(row: Any, *, overdue: bool) -> Facts:
    return Facts(
        spent=row.filled_quote,
        bought=row.bought,
        sold=row.sold,
        orders=row.orders,
        open_orders=row.open_orders,
        cycle_ended=row.cycle_status in ENDED,
        overdue=overdue,
    )


def _same(one: Reservation, other: Reservation) -> bool:
    return (one.status, one.spent, one.amount, one.reason) == (other.status, other.spent, other.amount, other.reason)
