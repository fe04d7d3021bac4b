"""Decisions, cycles, fills and orders as the dashboard reads them. Every value is bound, every list has a bound."""

from __future__ import annotations

from shared.src.database import Database
from shared.src.domain.clock import to_ms
from shared.src.domain.money import wire
from shared.src.domain.orders import ENDED
from shared.src.sql import ENDED_CYCLES, LIVE_ORDERS
from visualization.src.adapters.postgres_rows import fetching
from visualization.src.adapters.rows import cycle_view, decision_view, order_view, trade_view, verdict
from visualization.src.views import CycleView, DecisionView, OrderView, SignalView, TradeView

DECISION_COLUMNS = """
SELECT signal.id, signal.symbol, signal.timeframe, signal.side, signal.strength, signal.level, signal.confidence,
       signal.price, signal.strategy, signal.reason, signal.accepted, signal.votes, signal.timestamp,
       decision.approved, decision.reason AS verdict_reason, decision.decided_at
FROM trading_signals AS signal
LEFT JOIN LATERAL (
    SELECT approved, reason, decided_at FROM decisions
    WHERE consensus_id = signal.id ORDER BY approved DESC, decided_at LIMIT 1
) AS decision ON TRUE
"""


class PostgresTradingReads:
    """Implements ``visualization.src.ports.TradingReads``."""

    def __init__(self, database: Database) -> None:
        self._fetch = fetching(database)

    async def chart_signals(self, symbol: str, limit: int, strategy: str = "") -> list[SignalView]:
        """Consensus signals of a symbol, oldest first, at the bar they were made on."""
        rows = await self._fetch(
            f"""
            {DECISION_COLUMNS}
            WHERE signal.accepted AND signal.side IS NOT NULL AND signal.symbol = :symbol
              AND (:strategy = '' OR signal.strategy = :strategy)
            ORDER BY signal.timestamp DESC LIMIT :limit
            """,
            symbol=symbol,
            strategy=strategy,
            limit=limit,
        )
        return [
            SignalView(
                id=row["id"],
                time=to_ms(row["timestamp"]),
                side=row["side"],
                strategy=row["strategy"],
                strength=row["strength"] or 0.0,
                price=wire(row["price"]),
                verdict=verdict(row),
            )
            for row in reversed(rows)
        ]

    async def decisions(self, *, symbol: str, accepted_only: bool, limit: int) -> list[DecisionView]:
        """Consensus signals with their votes and what became of them, newest first."""
        rows = await self._fetch(
            f"""
            {DECISION_COLUMNS}
            WHERE signal.side IS NOT NULL AND (signal.accepted OR NOT :accepted_only)
              AND (:symbol = '' OR signal.symbol = :symbol)
            ORDER BY signal.timestamp DESC, signal.id LIMIT :limit
            """,
            symbol=symbol,
            accepted_only=accepted_only,
            limit=limit,
        )
        return [decision_view(row) for row in rows]

    async def cycles(self, *, symbol: str, status: str, limit: int) -> list[CycleView]:
        """Cycles, newest first. ``status`` is one of the states, ``open``, ``closed`` or empty for all."""
        states = {"": (), "open": (), "closed": sorted(ENDED)}.get(status, (status,))
        rows = await self._fetch(
            f"""
            SELECT id, symbol, strategy, managed_by, pocket, side, status, quantity, exit_quantity, entry_price,
                   exit_price, stop_price, take_profit_price, profit_loss, profit_loss_percent,
                   fees, exit_reason, created_at, completed_at
            FROM trade_cycles
            WHERE (:symbol = '' OR symbol = :symbol)
              AND (NOT :is_open OR status NOT IN {ENDED_CYCLES})
              AND (cardinality(CAST(:states AS text[])) = 0 OR status = ANY (CAST(:states AS text[])))
            ORDER BY coalesce(completed_at, created_at) DESC, id LIMIT :limit
            """,
            symbol=symbol,
            is_open=status == "open",
            states=list(states),
            limit=limit,
        )
        return [cycle_view(row) for row in rows]

    async def trades(self, *, symbol: str, limit: int) -> list[TradeView]:
        """Fills, newest first."""
        rows = await self._fetch(
            """
            SELECT id, order_id, coalesce(cycle_id, '') AS cycle_id, symbol, side, price, quantity, quote_quantity,
                   fee, fee_asset, role, purpose, strategy, timestamp
            FROM trade_executions WHERE (:symbol = '' OR symbol = :symbol)
            ORDER BY timestamp DESC, trade_id DESC LIMIT :limit
            """,
            symbol=symbol,
            limit=limit,
        )
        return [trade_view(row) for row in rows]

    async def orders(self, *, symbol: str, open_only: bool, limit: int) -> list[OrderView]:
        """Orders, newest first; a state that is not final counts as open, UNKNOWN included."""
        rows = await self._fetch(
            f"""
            SELECT client_order_id, exchange_order_id, symbol, side, type, status, purpose, price, stop_price,
                   quantity, executed_quantity, created_at
            FROM orders
            WHERE (:symbol = '' OR symbol = :symbol)
              AND (NOT :open_only OR status IN {LIVE_ORDERS})
            ORDER BY created_at DESC, client_order_id LIMIT :limit
            """,
            symbol=symbol,
            open_only=open_only,
            limit=limit,
        )
        return [order_view(row) for row in rows]
