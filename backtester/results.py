"""What a backtest answers, whichever engine ran it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from shared.src.domain.money import ZERO


@dataclass(frozen=True, slots=True)
class BacktestTrade:
    """A position from its entry to flat. Times in ms UTC, prices and money in quote units, ``quantity`` in base units.

    ``profit_loss`` is net of ``fees``; ``is_ambiguous``: its last bar reached stop and target, in which order it does
    not say.
    """

    symbol: str
    strategy: str
    opened_ms: int
    closed_ms: int
    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    fees: Decimal
    profit_loss: Decimal
    profit_loss_percent: Decimal
    exit_reason: str
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class CashFlow:
    """What a fill changed: ``cash`` in quote units, ``held`` in base units of the symbol."""

    time_ms: int
    symbol: str
    cash: Decimal
    held: Decimal


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """Everything a run did. ``made``: decisions that were followed; ``refused``: those that were not, by the reason.

    ``votes``: of each strategy.
    """

    trades: Sequence[BacktestTrade]
    flows: Sequence[CashFlow]
    votes: Counter[str] = field(default_factory=Counter)
    made: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    @property
    def net(self) -> Decimal:
        """What the closed positions brought, net of fees."""
        return sum((trade.profit_loss for trade in self.trades), ZERO)

    @property
    def ambiguous(self) -> int:
        return sum(trade.is_ambiguous for trade in self.trades)
