"""Capital and results as the dashboard shows them; every figure is one of ``core``."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from core.capital.pockets import availability
from core.capital.valuation import symbols_of, value
from core.statistics.conversion import foreign_quotes, volume_of
from core.statistics.equity import thinned
from core.statistics.figures import percent_of, rounded
from core.statistics.performance import performance_figures
from core.statistics.results import Results
from shared.src.domain.money import ZERO, wire
from shared.src.exchange.models import Balance
from visualization.src.ports import Grouping, PerformanceReads
from visualization.src.views import BalanceView, EquityPoint, GlobalStatistics, GroupStatistics, PocketView, amount

EQUITY_POINTS_MAX = 400


class PerformanceViews:
    """Answers the performance panels. ``quote_asset`` is what everything is valued in."""

    def __init__(self, reads: PerformanceReads, *, quote_asset: str) -> None:
        self._reads = reads
        self._quote = quote_asset

    async def pockets(self) -> list[PocketView]:
        pockets = await self._reads.pockets()
        available = availability(pockets)
        return [
            PocketView(
                name=pocket.name,
                asset=self._quote,
                share_percent=wire(pocket.share_percent),
                total=wire(pocket.total),
                used=wire(pocket.used),
                reserved=wire(pocket.reserved),
                available=wire(available[pocket.name]),
            )
            for pocket in pockets
        ]

    async def balances(self) -> list[BalanceView]:
        """What the exchange last said, valued at the last stored prices; the most valuable first."""
        held = await self._reads.held()
        prices = await self._reads.prices(symbols_of((balance.asset for balance in held), self._quote))
        valued = [(balance, value(balance.total, balance.asset, self._quote, prices)) for balance in held]
        valued.sort(key=lambda pair: (-(pair[1] or ZERO), pair[0].asset))
        return [_balance(balance, worth) for balance, worth in valued]

    async def equity(self) -> list[EquityPoint]:
        """Value of the whole account at each snapshot, thinned to what a screen can show."""
        points = thinned((await self._reads.equity()).values, EQUITY_POINTS_MAX)
        return [EquityPoint(time=time, value=wire(round(worth, 8))) for time, worth in points]

    async def overview(self, now: datetime) -> GlobalStatistics:
        """Everything traded until ``now`` (market time), net of fees; the day is the UTC day."""
        sums, curve = await self._reads.sums(now), await self._reads.equity()
        results = sums.results
        foreign = foreign_quotes(sums.volumes_24h, self._quote)
        prices = await self._reads.prices(symbols_of(foreign, self._quote)) if foreign else {}
        values = [worth for _, worth in curve.values]
        figures = performance_figures(results, curve, await self._reads.open_times(now))
        return GlobalStatistics(
            equity=wire(round(values[-1], 8)) if values else None,
            pnl_total=wire(results.profit_loss),
            pnl_day=wire(sums.profit_today),
            fees=wire(results.fees),
            cycles_open=sums.cycles_open,
            cycles_completed=results.cycles,
            wins=results.wins,
            losses=results.losses,
            win_rate_percent=amount(rounded(figures.win_rate_percent)),
            profit_factor=amount(rounded(figures.profit_factor)),
            expectancy=amount(rounded(figures.expectancy, 8)),
            return_percent=amount(rounded(figures.return_percent)),
            roi_percent=amount(rounded(percent_of(results.profit_loss, values[0] if values else ZERO))),
            sharpe=amount(rounded(figures.sharpe)),
            sortino=amount(rounded(figures.sortino)),
            calmar=amount(rounded(figures.calmar)),
            max_drawdown_percent=amount(rounded(figures.max_drawdown_percent)),
            exposure_percent=amount(rounded(figures.exposure_percent)),
            turnover=amount(rounded(figures.turnover)),
            volume_24h=wire(volume_of(sums.volumes_24h, self._quote, prices)),
            trades_24h=sums.trades_24h,
        )

    async def grouped(self, by: Grouping) -> list[GroupStatistics]:
        """Completed cycles by strategy or by symbol, the most profitable first."""
        return [_group(name, results) for name, results in await self._reads.grouped(by)]


def _balance(balance: Balance, worth: Decimal | None) -> BalanceView:
    return BalanceView(
        asset=balance.asset,
        free=wire(balance.free),
        locked=wire(balance.locked),
        total=wire(balance.total),
        value_quote=amount(worth),
    )


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
