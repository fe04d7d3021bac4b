"""The account's records in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from portfolio.src.ports import ValuedBalance
from shared.src.database import Database
from shared.src.sql import text

_EMPTY = text("""
UPDATE wallets SET free = 0, locked = 0, updated_at = :at
WHERE asset <> ALL(CAST(:held AS varchar[])) AND (free <> 0 OR locked <> 0)
""")

_HOLD = text("""
INSERT INTO wallets (asset, free, locked, updated_at) VALUES (:asset, :free, :locked, :time)
ON CONFLICT (asset) DO UPDATE SET free = EXCLUDED.free, locked = EXCLUDED.locked, updated_at = EXCLUDED.updated_at
""")

_SNAPSHOT = text("""
INSERT INTO portfolio_balances (time, asset, free, locked, total, value_usdc)
VALUES (:time, :asset, :free, :locked, :total, :value) ON CONFLICT (asset, time) DO NOTHING
""")


class PostgresAccountRecords:
    """Implements ``portfolio.src.ports.AccountRecords``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def write(self, held: Sequence[ValuedBalance], at: datetime) -> None:
        rows = [
            {
                "time": at,
                "asset": each.balance.asset,
                "free": each.balance.free,
                "locked": each.balance.locked,
                "total": each.balance.total,
                "value": each.value,
            }
            for each in held
        ]
        async with self._database.begin() as connection:
            await connection.execute(_EMPTY, {"at": at, "held": [each.balance.asset for each in held]})
            if rows:
                await connection.execute(_HOLD, rows)
                await connection.execute(_SNAPSHOT, rows)
