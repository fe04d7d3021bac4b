"""The books in PostgreSQL: a posting is written once, however often it is offered."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from core.capital.ledger import LedgerAccount, LedgerFill, Posting, fill_posting
from shared.src.contracts.orders import ExecutionEvent
from shared.src.domain.errors import ContractError
from shared.src.domain.orders import Side
from shared.src.domain.symbols import split_symbol
from shared.src.sql import UNRESOLVED_ORDERS

logger = logging.getLogger(__name__)

SWEEP_MAX = 500
BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

_UNPOSTED = text("""
SELECT e.id, e.order_id, e.symbol, e.side, e.quantity, e.quote_quantity, e.fee, e.fee_asset, e.timestamp
FROM trade_executions e
WHERE e.timestamp >= :since AND NOT EXISTS (SELECT 1 FROM ledger_postings p WHERE p.posting_id = 'fill:' || e.id)
ORDER BY e.timestamp, e.trade_id LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class BooksRevision:
    """How far the books and the trader are; ``moving`` orders may be filled without anybody knowing yet."""

    postings: int
    executions: int
    moving: int

    @property
    def key(self) -> tuple[int, ...]:
        return self.postings, self.executions, self.moving


class LedgerStore:
    """Postings and balances. A posting id is written once, however often it is offered."""

    def __init__(self, *, quote_asset: str) -> None:
        self._quote = quote_asset
        self._opened: datetime | None = None

    async def add(self, connection: AsyncConnection, posting: Posting) -> bool:
        """Write a posting; False when it was there."""
        inserted = await connection.execute(
            text(
                "INSERT INTO ledger_postings (posting_id, kind, reference, description, occurred_at)"
                " VALUES (:id, :kind, :reference, :description, :at) ON CONFLICT DO NOTHING"
            ),
            {
                "id": posting.posting_id,
                "kind": posting.kind.value,
                "reference": posting.reference,
                "description": posting.description,
                "at": posting.occurred_at,
            },
        )
        if inserted.rowcount != 1:
            return False
        if posting.lines:
            await connection.execute(
                text(
                    "INSERT INTO ledger_lines (posting_id, line_no, account, asset, amount)"
                    " VALUES (:id, :number, :account, :asset, :amount)"
                ),
                [
                    {
                        "id": posting.posting_id,
                        "number": number,
                        "account": line.account.value,
                        "asset": line.asset,
                        "amount": line.amount,
                    }
                    for number, line in enumerate(posting.lines)
                ],
            )
        return True

    async def add_fills(self, connection: AsyncConnection, fills: Sequence[LedgerFill]) -> list[LedgerFill]:
        """Book executions; answers those that were new."""
        if not fills:
            return []
        opened = await self.opened_at(connection)
        return [
            fill
            for fill in fills
            if await self.add(
                connection, fill_posting(fill, before_opening=opened is not None and fill.occurred_at < opened)
            )
        ]

    async def opened_at(self, connection: AsyncConnection) -> datetime | None:
        """Market time at which the books were opened; once they are, that never changes."""
        if self._opened is None:
            self._opened = (
                await connection.execute(text("SELECT occurred_at FROM ledger_postings WHERE kind = 'opening'"))
            ).scalar_one_or_none()
        return self._opened

    async def unposted(
        self, connection: AsyncConnection, *, since: datetime, limit: int = SWEEP_MAX
    ) -> list[LedgerFill]:
        """Executions the books do not have yet, oldest first."""
        fills = []
        for row in await connection.execute(_UNPOSTED, {"since": since, "limit": limit}):
            try:
                fills.append(
                    self._fill(
                        execution_id=row.id,
                        symbol=row.symbol,
                        side=Side(row.side),
                        amounts=(row.quantity, row.quote_quantity, row.fee),
                        fee_asset=row.fee_asset,
                        occurred_at=row.timestamp,
                        order_id=row.order_id,
                    )
                )
            except ContractError as error:
                # it stays unbooked and shows as a difference; the others must not wait for it
                logger.error("execution cannot be booked", extra={"execution_id": row.id, "reason": str(error)})
        return fills

    def fill_of(self, event: ExecutionEvent) -> LedgerFill:
        return self._fill(
            execution_id=event.execution_id,
            symbol=event.symbol,
            side=event.side,
            amounts=(event.quantity, event.quote_quantity, event.fee),
            fee_asset=event.fee_asset,
            occurred_at=event.occurred_at,
            order_id=event.order_id,
        )

    def _fill(
        self,
        *,
        execution_id: str,
        symbol: str,
        side: Side,
        amounts: tuple[Decimal, Decimal, Decimal],
        fee_asset: str,
        occurred_at: datetime,
        order_id: str,
    ) -> LedgerFill:
        base, quote = split_symbol(symbol, quote_first=self._quote)
        quantity, quote_quantity, fee = amounts
        return LedgerFill(
            execution_id=execution_id,
            base=base,
            quote=quote,
            side=side,
            quantity=quantity,
            quote_quantity=quote_quantity,
            fee=fee,
            fee_asset=fee_asset,
            occurred_at=occurred_at,
            order_id=order_id,
        )

    async def balances(
        self, connection: AsyncConnection, account: LedgerAccount = LedgerAccount.EXCHANGE
    ) -> dict[str, Decimal]:
        """What an account holds, asset by asset, without those at zero."""
        rows = await connection.execute(
            text(
                "SELECT asset, sum(amount) AS amount FROM ledger_lines WHERE account = :account"
                " GROUP BY asset HAVING sum(amount) <> 0"
            ),
            {"account": account.value},
        )
        return {row.asset: row.amount for row in rows}

    async def revision(self, connection: AsyncConnection) -> BooksRevision:
        """Changes whenever a posting or an execution is added: to see that nothing moved between two looks."""
        row = (
            await connection.execute(
                text(
                    "SELECT (SELECT count(*) FROM ledger_postings) AS postings,"
                    " (SELECT count(*) FROM trade_executions) AS executions,"
                    f" (SELECT count(*) FROM orders WHERE status IN {UNRESOLVED_ORDERS}) AS moving"
                )
            )
        ).one()
        return BooksRevision(row.postings, row.executions, row.moving)
