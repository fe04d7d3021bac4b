"""What the platform's own database says: counts, money, holes, doubles. Every question is one SQL statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.rows import dict_row

from cli.exits import missing
from shared.src.sql import UNRESOLVED_ORDERS

COUNTS = """
SELECT (SELECT count(*) FROM market_data WHERE timeframe = '1m' AND time >= %(since)s) AS candles_closed,
       (SELECT count(*) FROM trading_signals) AS signals,
       (SELECT count(*) FROM decisions) AS decisions,
       (SELECT count(*) FROM orders) AS orders,
       (SELECT count(*) FROM trade_executions) AS fills,
       (SELECT count(*) FROM trade_cycles WHERE opened_at IS NOT NULL) AS cycles_opened,
       (SELECT count(*) FROM trade_cycles WHERE status = 'completed') AS cycles_completed,
       (SELECT count(*) FROM trade_cycles WHERE status = 'failed') AS cycles_failed,
       (SELECT count(*) FROM dead_letters) AS dead_letters,
       (SELECT coalesce(sum(profit_loss), 0) FROM valued_cycles WHERE status = 'completed') AS pnl_net,
       (SELECT coalesce(sum(fees), 0) FROM valued_cycles) AS fees,
       (SELECT coalesce(sum(slippage), 0) FROM valued_cycles) AS slippage,
       (SELECT equity FROM equity_points ORDER BY time DESC LIMIT 1) AS equity,
       (SELECT round((return_index - 1) * 100, 4) FROM equity_points ORDER BY time DESC LIMIT 1) AS return_percent
"""
# Market seconds from the close of the bar to the request for the entry it caused; the caller divides by the speed.
LATENCY = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY late_s) AS p50,
       percentile_cont(0.99) WITHIN GROUP (ORDER BY late_s) AS p99,
       count(late_s) AS n
FROM (SELECT extract(epoch FROM o.sent_at) - (d.intent ->> 'decided_on')::numeric / 1000 AS late_s
      FROM orders o JOIN decisions d USING (intent_id)
      WHERE o.purpose IN ('entry', 'exit') AND o.attempt = 1 AND o.sent_at IS NOT NULL) AS sent
"""
UNPROTECTED = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY unprotected_s) AS p50, max(unprotected_s) AS max
FROM trade_cycles WHERE opened_at IS NOT NULL
"""
# Candles missing between the first and the last one of each symbol.
GAPS = """
SELECT coalesce(sum(extract(epoch FROM step) / 60 - 1), 0)::bigint AS gaps
FROM (SELECT time - lag(time) OVER (PARTITION BY symbol ORDER BY time) AS step
      FROM market_data WHERE timeframe = '1m') AS steps
WHERE step > interval '1 minute'
"""
# An intent that bought or sold twice, or a position sold more than once.
DOUBLES = """
SELECT (SELECT count(*) FROM (SELECT o.intent_id FROM orders o JOIN trade_cycles c ON c.id = o.cycle_id
                              WHERE o.purpose = 'entry' AND o.executed_quantity > 0
                              GROUP BY o.intent_id, c.plan
                              HAVING CASE WHEN c.plan IS NULL THEN count(*) > 1
                                     ELSE sum(o.executed_quantity) > (c.plan ->> 'quantity')::numeric END) AS twice)
     + (SELECT count(*) FROM trade_cycles WHERE exit_quantity > quantity) AS doubles
"""
LEDGER = "SELECT asset, amount FROM ledger_balances WHERE account = 'exchange' AND amount <> 0"
FILLS = "SELECT symbol, trade_id, quantity FROM trade_executions"
SYMBOLS = "SELECT DISTINCT symbol FROM orders ORDER BY symbol"
UNSETTLED = f"""
SELECT (SELECT count(*) FROM orders WHERE status IN {UNRESOLVED_ORDERS})
     + (SELECT count(*) FROM trade_executions WHERE NOT published) AS n
"""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """Reads the database of a run."""

    url: str

    async def _rows(self, query: str, parameters: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        try:
            async with await psycopg.AsyncConnection.connect(self.url, row_factory=dict_row) as connection:
                return await (await connection.execute(query.encode(), parameters)).fetchall()
        except psycopg.OperationalError as error:
            raise missing(f"the database does not answer: {str(error).strip()}") from error

    async def counts(self, since: datetime) -> dict[str, Any]:
        """Totals of the run; candles count from ``since`` (market time)."""
        return (await self._rows(COUNTS, {"since": since}))[0]

    async def latency_s(self) -> dict[str, Any]:
        return (await self._rows(LATENCY))[0]

    async def unprotected_s(self) -> dict[str, Any]:
        return (await self._rows(UNPROTECTED))[0]

    async def gaps(self) -> int:
        return int((await self._rows(GAPS))[0]["gaps"])

    async def doubles(self) -> int:
        return int((await self._rows(DOUBLES))[0]["doubles"])

    async def unsettled(self) -> int:
        """Orders whose outcome is open and fills that have not been passed on."""
        return int((await self._rows(UNSETTLED))[0]["n"])

    async def ledger(self) -> dict[str, Decimal]:
        """What the ledger says lies at the exchange, by asset."""
        return {row["asset"]: row["amount"] for row in await self._rows(LEDGER)}

    async def fills(self) -> dict[tuple[str, int], Decimal]:
        return {(row["symbol"], row["trade_id"]): row["quantity"] for row in await self._rows(FILLS)}

    async def symbols(self) -> list[str]:
        return [row["symbol"] for row in await self._rows(SYMBOLS)]
