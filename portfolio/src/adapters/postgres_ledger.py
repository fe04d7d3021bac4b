"""The books in PostgreSQL, inside somebody's transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.capital.differences import Trade, Trades
from core.capital.equity import BooksHolding
from core.capital.ledger import OUTSIDE, BooksRevision, Execution, LedgerAccount, Posting
from shared.src.database import DatabaseConnection
from shared.src.domain.money import ZERO
from shared.src.domain.orders import Side
from shared.src.sql import UNRESOLVED_ORDERS, in_list, text

_ADD = text("""
INSERT INTO ledger_postings (posting_id, kind, reference, description, occurred_at)
VALUES (:id, :kind, :reference, :description, :at) ON CONFLICT DO NOTHING
""")

_ADD_LINES = text("""
INSERT INTO ledger_lines (posting_id, line_no, account, asset, amount)
VALUES (:id, :number, :account, :asset, :amount)
""")

_OPENED = text("SELECT occurred_at FROM ledger_postings WHERE kind = 'opening'")

_ACCEPTED = text("""
SELECT l.asset, max(p.occurred_at) AS at FROM ledger_postings p JOIN ledger_lines l USING (posting_id)
WHERE p.kind = 'adjustment' AND l.account = 'exchange' AND l.asset = ANY(CAST(:assets AS varchar[])) GROUP BY l.asset
""")

_BALANCES = text("SELECT asset, amount FROM ledger_totals WHERE account = :account AND amount <> 0")

_HELD = text("SELECT amount FROM ledger_totals WHERE account = 'exchange' AND asset = :asset")

_HOLDINGS = text(f"""
SELECT asset, coalesce(sum(amount) FILTER (WHERE account = 'exchange'), 0) AS held,
       coalesce(-sum(amount) FILTER (WHERE account IN {in_list(sorted(OUTSIDE))}), 0) AS brought
FROM ledger_totals GROUP BY asset ORDER BY asset
""")

_UNPOSTED = text("""
SELECT e.id, e.order_id, e.symbol, e.trade_id, e.side, e.quantity, e.quote_quantity, e.fee, e.fee_asset, e.timestamp
FROM trade_executions e
WHERE e.timestamp >= :since AND NOT EXISTS (SELECT 1 FROM ledger_postings p WHERE p.posting_id = 'fill:' || e.id)
  AND e.id <> ALL (CAST(:without AS varchar[]))
ORDER BY e.timestamp, e.trade_id LIMIT :limit
""")

_BOOKED = text("""
SELECT e.symbol, e.trade_id, e.quantity, e.quote_quantity, e.fee, e.fee_asset
FROM trade_executions e JOIN ledger_postings p ON p.posting_id = 'fill:' || e.id WHERE e.timestamp >= :since
""")

_FOLLOWED_SINCE = text("SELECT symbol, begins_after FROM trade_cursors")

_REVISION = text(f"""
SELECT (SELECT count(*) FROM ledger_postings) AS postings, (SELECT count(*) FROM trade_executions) AS executions,
       (SELECT count(*) FROM orders WHERE status IN {UNRESOLVED_ORDERS}) AS moving
""")


@dataclass(slots=True)
class Opening:
    """When the books were opened, once somebody has read it."""

    at: datetime | None = None


class PostgresLedger:
    """Implements ``portfolio.src.ports.Ledger``."""

    def __init__(self, connection: DatabaseConnection, opening: Opening) -> None:
        self._connection = connection
        self._opening = opening

    async def add(self, posting: Posting) -> bool:
        values = {
            "id": posting.posting_id,
            "kind": posting.kind.value,
            "reference": posting.reference,
            "description": posting.description,
            "at": posting.occurred_at,
        }
        inserted = await self._connection.execute(_ADD, values)
        if inserted.rowcount != 1:
            return False
        lines = [
            {
                "id": posting.posting_id,
                "number": number,
                "account": line.account.value,
                "asset": line.asset,
                "amount": line.amount,
            }
            for number, line in enumerate(posting.lines)
        ]
        if lines:
            await self._connection.execute(_ADD_LINES, lines)
        return True

    async def opened_at(self) -> datetime | None:
        if self._opening.at is None:
            self._opening.at = (await self._connection.execute(_OPENED)).scalar_one_or_none()
        return self._opening.at

    async def accepted_at(self, assets: Iterable[str]) -> datetime | None:
        wanted = sorted(assets)
        moments = [row.at for row in await self._connection.execute(_ACCEPTED, {"assets": wanted})]
        return min(moments) if moments and len(moments) == len(wanted) else None

    async def balances(self, account: LedgerAccount = LedgerAccount.EXCHANGE) -> dict[str, Decimal]:
        rows = await self._connection.execute(_BALANCES, {"account": account.value})
        return {row.asset: row.amount for row in rows}

    async def held(self, asset: str) -> Decimal:
        amount = (await self._connection.execute(_HELD, {"asset": asset})).scalar_one_or_none()
        return ZERO if amount is None else Decimal(amount)

    async def holdings(self) -> dict[str, BooksHolding]:
        rows = await self._connection.execute(_HOLDINGS)
        return {row.asset: BooksHolding(row.held, row.brought) for row in rows}

    async def unposted(self, *, since: datetime, limit: int, without: Collection[str] = ()) -> list[Execution]:
        asked = {"since": since, "limit": limit, "without": list(without)}
        rows = await self._connection.execute(_UNPOSTED, asked)
        return [_execution(row) for row in rows]

    async def booked(self, *, since: datetime) -> dict[str, Trades]:
        trades: dict[str, dict[int, Trade]] = {}
        for row in await self._connection.execute(_BOOKED, {"since": since}):
            trade = Trade(row.quantity, row.quote_quantity, row.fee, row.fee_asset)
            trades.setdefault(row.symbol, {})[row.trade_id] = trade
        return dict(trades)

    async def followed_since(self) -> Mapping[str, int]:
        return {row.symbol: row.begins_after for row in await self._connection.execute(_FOLLOWED_SINCE)}

    async def revision(self) -> BooksRevision:
        row = (await self._connection.execute(_REVISION)).one()
        return BooksRevision(row.postings, row.executions, row.moving)


def _execution(row: Any) -> Execution:
    return Execution(
        execution_id=row.id,
        order_id=row.order_id,
        symbol=row.symbol,
        trade_id=row.trade_id,
        side=Side(row.side),
        quantity=row.quantity,
        quote_quantity=row.quote_quantity,
        fee=row.fee,
        fee_asset=row.fee_asset,
        occurred_at=row.timestamp,
    )
