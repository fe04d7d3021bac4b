"""The account's records in PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import orjson

from core.capital.equity import BooksHolding, BooksPoint, Valued
from portfolio.src.ports import ValuedBalance
from shared.src.database import Database
from shared.src.domain.money import wire
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

_LAST_POINT = text("""
SELECT p.equity, p.flow, p.return_index, s.holdings FROM equity_state s
CROSS JOIN LATERAL (SELECT equity, flow, return_index FROM equity_points ORDER BY time DESC LIMIT 1) p
WHERE s.valued_in = :asset
""")

_POINT = text("""
INSERT INTO equity_points (time, equity, flow, return_index, equity_eur) VALUES (:at, :equity, :flow, :index, :eur)
ON CONFLICT (time) DO NOTHING
""")

_STATE = text("""
INSERT INTO equity_state (valued_in, holdings) VALUES (:asset, CAST(:holdings AS jsonb))
ON CONFLICT (only_row) DO UPDATE SET valued_in = EXCLUDED.valued_in, holdings = EXCLUDED.holdings
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

    async def last_point(self, asset: str) -> tuple[Valued, BooksPoint] | None:
        async with self._database.autocommit() as connection:
            row = (await connection.execute(_LAST_POINT, {"asset": asset})).one_or_none()
        if row is None:
            return None
        return _valued(row.holdings), BooksPoint(row.equity, row.flow, row.return_index)

    async def write_point(
        self, point: BooksPoint, valued: Valued, at: datetime, asset: str, equity_eur: Decimal | None
    ) -> None:
        values = {"at": at, "equity": point.equity, "flow": point.flow, "index": point.return_index, "eur": equity_eur}
        async with self._database.begin() as connection:
            await connection.execute(_POINT, values)
            await connection.execute(_STATE, {"asset": asset, "holdings": _record(valued)})


def _record(valued: Valued) -> str:
    """By asset: amount, amount brought, rate; as text, which keeps every digit."""
    rates = valued.rates
    return orjson.dumps(
        {
            asset: [wire(each.amount), wire(each.brought), wire(rates[asset]) if asset in rates else None]
            for asset, each in valued.holdings.items()
        }
    ).decode()


def _valued(holdings: dict[str, list[str | None]]) -> Valued:
    known = {
        asset: BooksHolding(Decimal(amount or 0), Decimal(brought or 0))
        for asset, (amount, brought, _) in holdings.items()
    }
    return Valued(known, {asset: Decimal(rate) for asset, (_, _, rate) in holdings.items() if rate is not None})
