"""The tables ``cycle_values`` and ``valuation``: what completed cycles came to in the asset of valuation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.statistics.conversion import CycleValue, UnpricedFee, UnvaluedCycle, quote_of
from shared.src.database import Database
from shared.src.sql import text

_VALUED_IN = text("""
INSERT INTO valuation (asset) VALUES (:asset) ON CONFLICT (only_row) DO UPDATE SET asset = EXCLUDED.asset
""")

# The trader writes what a fee was worth in quote units with the fill, and 0 where nobody could price it.
_UNVALUED = text("""
SELECT c.id, c.symbol, c.completed_at,
       (SELECT json_agg(json_build_array(e.fee_asset, e.fee::text) ORDER BY e.timestamp, e.trade_id)
        FROM trade_executions e
        WHERE e.cycle_id = c.id AND e.fee > 0 AND coalesce((e.metadata ->> 'fee_quote')::numeric, 0) = 0) AS unpriced
FROM trade_cycles c LEFT JOIN cycle_values v ON v.cycle_id = c.id AND v.valued_in = :asset
WHERE c.status = 'completed'
  AND (c.completed_at >= :since AND v.cycle_id IS NULL
       OR c.id IN (SELECT u.cycle_id FROM cycle_values u WHERE u.rate IS NULL OR u.fee_gap IS NULL))
ORDER BY c.completed_at LIMIT :limit
""")

_WRITE = text("""
INSERT INTO cycle_values (cycle_id, valued_in, rate, fee_gap, updated_at) VALUES (:cycle, :asset, :rate, :gap, :at)
ON CONFLICT (cycle_id) DO UPDATE SET valued_in = EXCLUDED.valued_in, rate = EXCLUDED.rate, fee_gap = EXCLUDED.fee_gap,
    updated_at = EXCLUDED.updated_at
""")


class PostgresCycleValues:
    """Implements ``portfolio.src.ports.CycleValues``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def valued_in(self, asset: str) -> None:
        async with self._database.begin() as connection:
            await connection.execute(_VALUED_IN, {"asset": asset})

    async def unvalued(self, asset: str, *, since: datetime, limit: int) -> list[UnvaluedCycle]:
        async with self._database.autocommit() as connection:
            rows = await connection.execute(_UNVALUED, {"asset": asset, "since": since, "limit": limit})
            return [_cycle(row, asset) for row in rows]

    async def write(self, values: Sequence[CycleValue], at: datetime) -> None:
        rows = [
            {"cycle": each.cycle_id, "asset": each.valued_in, "rate": each.rate, "gap": each.fee_gap, "at": at}
            for each in values
        ]
        async with self._database.begin() as connection:
            await connection.execute(_WRITE, rows)


def _cycle(row: Any, asset: str) -> UnvaluedCycle:
    fees = tuple(UnpricedFee(fee_asset, Decimal(fee)) for fee_asset, fee in row.unpriced or ())
    return UnvaluedCycle(row.id, quote_of(row.symbol, asset), row.completed_at, fees)
