"""Rows as the trader writes them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from shared.src.contracts.orders import ExecutionEvent
from shared.src.database import Database
from shared.src.domain.orders import ENDED
from shared.src.sql import text
from tests.behaviour.portfolio.world import fill_event


class TraderRows:
    """Writes what the trader would."""

    def __init__(self, database: Database, at: datetime) -> None:
        self._database = database
        self._at = at

    async def cycle(
        self,
        intent_id: str,
        status: str = "active_buy",
        *,
        profit: str | None = None,
        at: datetime | None = None,
        strategy: str = "test",
        symbol: str = "BTCUSDC",
    ) -> str:
        ended = (at or self._at) if status in ENDED else None
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO trade_cycles (id, intent_id, symbol, strategy, status, side, quantity, entry_price,"
                    " exit_price, exit_quantity, profit_loss, demo, opened_at, created_at, updated_at, completed_at)"
                    " VALUES (:id, :intent, :symbol, :strategy, :status, 'BUY', 1, 100, 110, 1, :profit, TRUE,"
                    " :at, :at, :at, :ended) ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status,"
                    " profit_loss = EXCLUDED.profit_loss, completed_at = EXCLUDED.completed_at"
                ),
                {
                    "id": f"cy-{intent_id}",
                    "intent": intent_id,
                    "symbol": symbol,
                    "strategy": strategy,
                    "status": status,
                    "profit": None if profit is None else Decimal(profit),
                    "at": self._at,
                    "ended": ended,
                },
            )
        return f"cy-{intent_id}"

    async def order(
        self, intent_id: str, status: str, *, side: str = "BUY", purpose: str = "entry", cycle_id: str | None = None
    ) -> str:
        client_order_id = f"rt-{intent_id}-{purpose}"
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO orders (client_order_id, intent_id, cycle_id, purpose, symbol, side, type, quantity,"
                    " status, demo, created_at, updated_at) VALUES (:id, :intent, :cycle, :purpose, 'BTCUSDC', :side,"
                    " 'MARKET', 10, :status, TRUE, :at, :at)"
                    " ON CONFLICT (client_order_id) DO UPDATE SET status = EXCLUDED.status"
                ),
                {
                    "id": client_order_id,
                    "intent": intent_id,
                    "cycle": cycle_id,
                    "purpose": purpose,
                    "side": side,
                    "status": status,
                    "at": self._at,
                },
            )
        return client_order_id

    async def fill(self, intent_id: str, trade_id: int, **values: Any) -> ExecutionEvent:
        """One execution of 1 BTC at 100 USDC with a fee of 0.1 BNB, or as ``values`` say."""
        event = fill_event(intent_id, trade_id, self._at, **values)
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO trade_executions (id, order_id, client_order_id, trade_id, cycle_id, symbol, side,"
                    " price, quantity, quote_quantity, fee, fee_asset, role, purpose, demo, timestamp)"
                    " VALUES (:id, '1', :client, :trade, :cycle, :symbol, :side, :price, :quantity, :quote, :fee,"
                    " :fee_asset, 'taker', :purpose, TRUE, :at)"
                ),
                {
                    "id": event.execution_id,
                    "client": event.client_order_id,
                    "trade": trade_id,
                    "cycle": event.cycle_id or None,
                    "symbol": event.symbol,
                    "side": event.side.value,
                    "price": event.price,
                    "quantity": event.quantity,
                    "quote": event.quote_quantity,
                    "fee": event.fee,
                    "fee_asset": event.fee_asset,
                    "purpose": event.purpose,
                    "at": event.occurred_at,
                },
            )
        return event

    async def entry(self, intent_id: str, trade_id: int, *, status: str = "FILLED", **values: Any) -> ExecutionEvent:
        """A cycle, its entry order and one fill."""
        cycle_id = await self.cycle(intent_id)
        await self.order(intent_id, status, cycle_id=cycle_id)
        return await self.fill(intent_id, trade_id, **values)

    async def follow(self, symbol: str, begins_after: int) -> None:
        """As the trader does when it meets a symbol."""
        async with self._database.begin() as connection:
            await connection.execute(
                text("INSERT INTO trade_cursors (symbol, begins_after, compared_to) VALUES (:symbol, :after, :after)"),
                {"symbol": symbol, "after": begins_after},
            )
