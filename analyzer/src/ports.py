"""What the analyzer needs of the world beside a bus: parameters that were set, features that were computed, futures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

from analyzer.src.strategy_loader import LoadedStrategy
from shared.src.domain.features import BarFeatures

END_OF_TIME_MS: Final = 4_102_444_800_000
# by strategy: the options that were set, without those that keep the environment's value or the default
Overrides = dict[str, dict[str, float]]


class ParameterStore(Protocol):
    """The parameters that were set, with everything that was set before. All raise TransientError."""

    async def current(self) -> Overrides:
        """The overrides of every strategy that has some."""
        ...

    async def version(self) -> int:
        """A number that grows with every change."""
        ...

    async def change(
        self, strategy: LoadedStrategy, changes: Mapping[str, float | None], *, author: str
    ) -> dict[str, float]:
        """Write a change down; returns the overrides that hold from now on. None gives an option back.

        Raises:
            ConfigurationError: see ``parameters.merged``; nothing was changed.
        """
        ...

    async def history(self, strategy: str, limit: int = 20) -> Sequence[dict[str, Any]]:
        """The last changes, newest first: parameters, author, changed_at."""
        ...


class StoredFeatures(Protocol):
    """The feature rows that a restarted analyzer needs before its strategies can look back."""

    async def tail(self, *, count: int, before_ms: int = END_OF_TIME_MS) -> Sequence[BarFeatures]:
        """The newest ``count`` rows of each symbol and time frame that closed before ``before_ms``.

        Those of a series oldest first. The values are those of the frame that the row was sent in.

        Raises:
            TransientError: they cannot be read now.
        """
        ...


class FuturesSource(Protocol):
    """Binance's public futures data."""

    async def premium_index(self) -> Any:
        """Every perpetual and delivery contract, as GET premiumIndex has them: symbol, markPrice, lastFundingRate.

        Raises:
            TransientError: there is no answer now, or one that is not JSON.
        """
        ...
