"""Results of completed cycles: sums that add up, and the figures that follow from them, each defined here once. Pure.

Amounts are in the asset of valuation (``conversion`` brings them there). A profit is net: what the sales brought, less
what the coins cost, less the fees.
A figure that means nothing yet is None, never zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.statistics.figures import percent_of
from shared.src.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class CycleResult:
    """What one completed cycle came to. ``volume`` is what was bought and what was sold; amounts are of one asset."""

    strategy: str
    symbol: str
    completed_at: datetime
    profit_loss: Decimal
    fees: Decimal
    volume: Decimal
    cycle_id: str = ""


@dataclass(frozen=True, slots=True)
class Results:
    """Sums over completed cycles. ``gained`` and ``lost`` are what the winners earned and the losers cost, both >= 0.

    A cycle wins when it earned more than nothing; one that came out even is no win.
    """

    cycles: int = 0
    wins: int = 0
    gained: Decimal = ZERO
    lost: Decimal = ZERO
    fees: Decimal = ZERO
    volume: Decimal = ZERO
    best: Decimal | None = None
    worst: Decimal | None = None

    @classmethod
    def of_sums(cls, sums: Mapping[str, Any]) -> Results:
        """From a row that has these sums among its columns (``shared.src.sql.RESULT_SUMS``)."""
        return cls(**{field.name: sums[field.name] for field in fields(cls)})

    @property
    def losses(self) -> int:
        """Cycles that did not win."""
        return self.cycles - self.wins

    @property
    def profit_loss(self) -> Decimal:
        """Sum of the profits and losses."""
        return self.gained - self.lost

    @property
    def win_rate_percent(self) -> Decimal | None:
        """wins / cycles * 100; None without a cycle."""
        return win_rate_percent(self.wins, self.cycles)

    @property
    def profit_factor(self) -> Decimal | None:
        """gained / lost, without a unit; None as long as nothing was lost."""
        return self.gained / self.lost if self.lost > 0 else None

    @property
    def expectancy(self) -> Decimal | None:
        """profit_loss / cycles: what a cycle earned on average; None without a cycle."""
        return self.profit_loss / self.cycles if self.cycles else None

    def with_cycle(self, cycle: CycleResult) -> Results:
        """These results and one cycle more."""
        profit = cycle.profit_loss
        return Results(
            cycles=self.cycles + 1,
            wins=self.wins + (profit > 0),
            gained=self.gained + max(ZERO, profit),
            lost=self.lost + max(ZERO, -profit),
            fees=self.fees + cycle.fees,
            volume=self.volume + cycle.volume,
            best=profit if self.best is None else max(self.best, profit),
            worst=profit if self.worst is None else min(self.worst, profit),
        )


def results_of(cycles: Iterable[CycleResult]) -> Results:
    """The results of these cycles together."""
    results = Results()
    for cycle in cycles:
        results = results.with_cycle(cycle)
    return results


def win_rate_percent(wins: int, cycles: int) -> Decimal | None:
    """wins / cycles * 100; None without a cycle."""
    return percent_of(Decimal(wins), Decimal(cycles))
