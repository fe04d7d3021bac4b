"""What one parameter set came to on a history, and how it is scored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from core.statistics.selection import sharpe

Parameters = Mapping[str, float]
# Of a set that never moved: worse than any that lost.
NO_SCORE = -1e9


@dataclass(frozen=True, slots=True)
class DailyResult:
    """``returns``: net, as shares of the day's first equity, of every UTC day from ``first_day`` (days since the epoch)
    on. ``holding_days``: the longest time that a position was held.
    """

    first_day: int
    returns: tuple[float, ...]
    trades: int
    holding_days: float = 0.0

    def document(self) -> dict[str, Any]:
        """As JSON has it; floats come back as they were."""
        return {
            "first_day": self.first_day,
            "returns": list(self.returns),
            "trades": self.trades,
            "holding_days": self.holding_days,
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> Self:
        return cls(**{**document, "returns": tuple(document["returns"])})

    def score(self, days: NDArray[np.bool_] | None = None) -> float:
        """Sharpe ratio of a day on these days, by default on all; ``NO_SCORE`` where there is none."""
        returns = np.array(self.returns)
        found = sharpe(returns if days is None else returns[days])
        return NO_SCORE if found is None else found


class Backtest(Protocol):
    """Runs a parameter set on the history of a search. Sent to other processes, so it can be pickled."""

    def __call__(self, parameters: Parameters) -> DailyResult:
        """The same parameters have the same result, in any process."""
        ...
