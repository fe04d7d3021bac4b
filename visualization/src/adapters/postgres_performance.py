"""Capital and results as the dashboard reads them: sums and points; what they mean is computed elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from core.capital.pockets import Pocket
from core.statistics.equity import EquityCurve
from core.statistics.periods import day_start
from core.statistics.results import Results
from shared.src.database import Database
from shared.src.domain.clock import to_ms
from shared.src.exchange.models import Balance
from shared.src.market.last_closes import last_closes
from shared.src.sql import ENDED_CYCLES, EQUITY_CURVE, EQUITY_POINTS_READ, OPEN_TIMES, RESULT_SUMS
from visualization.src.adapters.postgres_rows import fetching
from visualization.src.ports import Grouping, TradingSums


class PostgresPerformanceReads:
    """Implements ``visualization.src.ports.PerformanceReads``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._fetch = fetching(database)

    async def pockets(self) -> list[Pocket]:
        rows = await self._fetch(
            """
            SELECT pocket, share_percent, total, reserved, used FROM capital_pockets
            ORDER BY array_position(ARRAY['active', 'buffer', 'safety'], CAST(pocket AS text))
            """
        )
        return [Pocket(row["pocket"], row["share_percent"], row["total"], row["reserved"], row["used"]) for row in rows]

    async def held(self) -> list[Balance]:
        rows = await self._fetch("SELECT asset, free, locked FROM wallets WHERE free + locked > 0 ORDER BY asset")
        return [Balance(row["asset"], row["free"], row["locked"]) for row in rows]

    async def prices(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        return await last_closes(self._database, symbols)

    async def equity(self) -> EquityCurve:
        latest = await self._fetch(EQUITY_CURVE, limit=EQUITY_POINTS_READ)
        rows = latest[::-1]
        return EquityCurve(
            values=[(to_ms(row["time"]), row["equity"]) for row in rows],
            returns=[(to_ms(row["time"]), row["return_index"]) for row in rows],
        )

    async def open_times(self, now: datetime) -> list[tuple[int, int]]:
        return [(to_ms(row["opened_at"]), to_ms(row["closed_at"] or now)) for row in await self._fetch(OPEN_TIMES)]

    async def sums(self, now: datetime) -> TradingSums:
        (cycles,) = await self._fetch(
            f"""
            SELECT {RESULT_SUMS}, (SELECT count(*) FROM trade_cycles WHERE status NOT IN {ENDED_CYCLES}) AS open,
                   coalesce(sum(profit_loss) FILTER (WHERE completed_at >= :day), 0) AS today
            FROM valued_cycles WHERE status = 'completed'
            """,
            day=day_start(now),
        )
        last_day = await self._fetch(
            """
            SELECT symbol, count(*) AS trades, sum(quote_quantity) AS volume FROM trade_executions
            WHERE timestamp > CAST(:now AS timestamptz) - INTERVAL '24 hours' GROUP BY symbol
            """,
            now=now,
        )
        return TradingSums(
            results=Results.of_sums(cycles),
            profit_today=cycles["today"],
            cycles_open=cycles["open"],
            trades_24h=sum(row["trades"] for row in last_day),
            volumes_24h={row["symbol"]: row["volume"] for row in last_day},
        )

    async def grouped(self, by: Grouping) -> list[tuple[str, Results]]:
        rows = await self._fetch(
            f"""
            SELECT {by.value} AS name, {RESULT_SUMS}
            FROM valued_cycles WHERE status = 'completed' GROUP BY {by.value} ORDER BY sum(profit_loss) DESC, 1
            """
        )
        return [(row["name"], Results.of_sums(row)) for row in rows]
