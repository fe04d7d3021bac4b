"""Capital and results, as SQL: pockets, balances, the equity curve, statistics."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.capital.pockets import Pocket, availability
from core.statistics.equity import max_drawdown_percent, sharpe_ratio, thinned
from core.statistics.figures import percent_of, rounded
from core.statistics.periods import day_start
from core.statistics.results import Results
from shared.src.domain.clock import to_ms
from shared.src.domain.money import wire
from shared.src.sql import ENDED_CYCLES, RESULT_SUMS
from visualization.src.queries import Queries
from visualization.src.rows import Row, amount
from visualization.src.views import BalanceView, EquityPoint, GlobalStatistics, GroupStatistics, PocketView

EQUITY_POINTS_MAX = 400
SNAPSHOTS_MAX = 20_000

GROUPED = {"strategies": "strategy", "symbols": "symbol"}


class PerformanceQueries:
    """Reads on the portfolio's and the trader's tables. ``quote`` is the asset everything is valued in."""

    def __init__(self, queries: Queries, quote: str) -> None:
        self._fetch = queries.fetch
        self._quote = quote

    async def pockets(self) -> list[PocketView]:
        rows = await self._fetch(
            """
            SELECT pocket, share_percent, total, used, reserved FROM capital_pockets
            ORDER BY array_position(ARRAY['active', 'buffer', 'safety'], CAST(pocket AS text))
            """
        )
        available = availability(
            Pocket(row["pocket"], row["share_percent"], row["total"], row["reserved"], row["used"]) for row in rows
        )
        return [
            PocketView(
                name=row["pocket"],
                asset=self._quote,
                share_percent=wire(row["share_percent"]),
                total=wire(row["total"]),
                used=wire(row["used"]),
                reserved=wire(row["reserved"]),
                available=wire(available[row["pocket"]]),
            )
            for row in rows
        ]

    async def balances(self) -> list[BalanceView]:
        """What the exchange last said, valued at the last stored price; the most valuable first."""
        rows = await self._fetch(
            """
            SELECT wallet.asset, wallet.free, wallet.locked, wallet.free + wallet.locked AS total, latest.close AS price
            FROM wallets AS wallet
            LEFT JOIN LATERAL (
                SELECT close FROM market_data
                WHERE symbol = wallet.asset || CAST(:quote AS text) AND timeframe = '1m' ORDER BY time DESC LIMIT 1
            ) AS latest ON TRUE
            WHERE wallet.free + wallet.locked > 0
            """,
            quote=self._quote,
        )
        valued = sorted(
            ((row, self._value(row)) for row in rows), key=lambda pair: (-(pair[1] or Decimal(0)), pair[0]["asset"])
        )
        return [
            BalanceView(
                asset=row["asset"],
                free=wire(row["free"]),
                locked=wire(row["locked"]),
                total=wire(row["total"]),
                value_quote=amount(value),
            )
            for row, value in valued
        ]

    def _value(self, row: Row) -> Decimal | None:
        price = Decimal(1) if row["asset"] == self._quote else row["price"]
        return None if price is None else row["total"] * price

    async def equity(self) -> list[EquityPoint]:
        """Value of the whole account at each snapshot, thinned to what a screen can show."""
        points = thinned(await self._equity_points(), EQUITY_POINTS_MAX)
        return [EquityPoint(time=time, value=wire(round(value, 8))) for time, value in points]

    async def _equity_points(self) -> list[tuple[int, Decimal]]:
        rows = await self._fetch(
            """
            SELECT time, sum(value_usdc) AS value FROM portfolio_balances
            WHERE value_usdc IS NOT NULL GROUP BY time ORDER BY time DESC LIMIT :limit
            """,
            limit=SNAPSHOTS_MAX,
        )
        return [(to_ms(row["time"]), row["value"]) for row in reversed(rows)]

    async def overview(self, now: datetime) -> GlobalStatistics:
        """Everything traded until ``now`` (market time), net of fees; the day is the UTC day."""
        (cycles,) = await self._fetch(
            f"""
            SELECT {RESULT_SUMS}, (SELECT count(*) FROM trade_cycles WHERE status NOT IN {ENDED_CYCLES}) AS open,
                   coalesce(sum(profit_loss) FILTER (WHERE completed_at >= :day), 0) AS pnl_day
            FROM trade_cycles WHERE status = 'completed'
            """,
            day=day_start(now),
        )
        results = Results.of_sums(cycles)
        (day,) = await self._fetch(
            """
            SELECT count(*) AS trades, coalesce(sum(quote_quantity), 0) AS volume FROM trade_executions
            WHERE timestamp > CAST(:now AS timestamptz) - INTERVAL '24 hours'
            """,
            now=now,
        )
        points = await self._equity_points()
        drawdown = max_drawdown_percent([value for _, value in points])
        start = points[0][1] if points else Decimal(0)
        return GlobalStatistics(
            equity=wire(round(points[-1][1], 8)) if points else None,
            pnl_total=wire(results.profit_loss),
            pnl_day=wire(cycles["pnl_day"]),
            fees=wire(results.fees),
            cycles_open=cycles["open"],
            cycles_completed=results.cycles,
            wins=results.wins,
            losses=results.losses,
            win_rate_percent=amount(rounded(results.win_rate_percent)),
            profit_factor=amount(rounded(results.profit_factor)),
            roi_percent=amount(rounded(percent_of(results.profit_loss, start))),
            sharpe=amount(rounded(sharpe_ratio(points))),
            max_drawdown_percent=amount(rounded(drawdown)),
            volume_24h=wire(day["volume"]),
            trades_24h=day["trades"],
        )

    async def grouped(self, by: str) -> list[GroupStatistics]:
        """Completed cycles by ``strategies`` or ``symbols``, the most profitable first."""
        column = GROUPED[by]
        rows = await self._fetch(
            f"""
            SELECT {column} AS name, {RESULT_SUMS}
            FROM trade_cycles WHERE status = 'completed' GROUP BY {column} ORDER BY sum(profit_loss) DESC, 1
            """
        )
        return [_group(row["name"], Results.of_sums(row)) for row in rows]


def _group(name: str, results: Results) -> GroupStatistics:
    return GroupStatistics(
        name=name,
        cycles=results.cycles,
        wins=results.wins,
        win_rate_percent=amount(rounded(results.win_rate_percent)),
        pnl=wire(results.profit_loss),
        pnl_average=amount(rounded(results.expectancy, 8)),
        volume=wire(results.volume),
    )
