"""Rows as the trader writes them, and an account that tests move."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from portfolio.src.exchange_account import Trade
from shared.src.contracts.orders import ExecutionEvent
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.database import Database
from shared.src.domain.orders import LiquidityRole, Side
from shared.src.exchange.models import Balance

ENDED = ("completed", "canceled", "failed")


def wanted(intent_id: str, amount: Decimal, *, pocket: str = "active") -> ReservationRequest:
    """A request for funds."""
    return ReservationRequest(intent_id=intent_id, pocket=pocket, amount=amount)


@dataclass
class FakeAccount:
    """An exchange account under the test's control."""

    held: dict[str, Decimal] = field(default_factory=dict)
    listed: dict[str, dict[int, Trade]] = field(default_factory=dict)
    keeps_trades: bool = True

    def move(self, asset: str, amount: str | int) -> None:
        self.held[asset] = self.held.get(asset, Decimal(0)) + Decimal(amount)

    async def balances(self) -> dict[str, Balance]:
        return {asset: Balance(asset, amount, Decimal(0)) for asset, amount in self.held.items() if amount}

    async def trades(self, symbol: str, since: datetime) -> dict[int, Trade] | None:
        return self.listed.get(symbol, {}) if self.keeps_trades else None

    async def close(self) -> None:
        """Nothing to close."""


class TraderRows:
    """Writes what the trader would."""

    def __init__(self, database: Database, at: datetime) -> None:
        self._database = database
        self._at = at

    async def cycle(self, intent_id: str, status: str = "active_buy", *, profit: str | None = None) -> str:
        ended = self._at if status in ENDED else None
        async with self._database.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO trade_cycles (id, intent_id, symbol, strategy, status, side, quantity, entry_price,"
                    " exit_price, exit_quantity, profit_loss, demo, opened_at, created_at, updated_at, completed_at)"
                    " VALUES (:id, :intent, 'BTCUSDC', 'test', :status, 'BUY', 1, 100, 110, 1, :profit, TRUE, :at, :at,"
                    " :at, :ended) ON CONFLICT (id) DO UPDATE SET status = EXCLUDED.status,"
                    " profit_loss = EXCLUDED.profit_loss, completed_at = EXCLUDED.completed_at"
                ),
                {
                    "id": f"cy-{intent_id}",
                    "intent": intent_id,
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


def fill_event(
    intent_id: str,
    trade_id: int,
    at: datetime,
    *,
    side: Side = Side.BUY,
    purpose: str = "entry",
    quantity: str = "1",
    price: str = "100",
    fee: str = "0.1",
    fee_asset: str = "BNB",
) -> ExecutionEvent:
    return ExecutionEvent(
        message_id=f"ex-BTCUSDC-{trade_id}",
        occurred_at=at,
        execution_id=f"ex-BTCUSDC-{trade_id}",
        order_id="1",
        client_order_id=f"rt-{intent_id}-{purpose}",
        trade_id=trade_id,
        intent_id=intent_id,
        cycle_id=f"cy-{intent_id}",
        symbol="BTCUSDC",
        side=side,
        price=Decimal(price),
        quantity=Decimal(quantity),
        quote_quantity=Decimal(price) * Decimal(quantity),
        fee=Decimal(fee),
        fee_asset=fee_asset,
        role=LiquidityRole.TAKER,
        purpose=purpose,
        strategy="test",
        demo=True,
    )
