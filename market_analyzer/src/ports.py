"""What the market analyzer needs of the world beside a bus and the stored candles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from shared.src.domain.candles import Timeframe
from shared.src.domain.features import BarFeatures

# symbol, time frame, open time of the bar in ms
Place = tuple[str, Timeframe, int]
Confirm = Callable[[], Awaitable[None]]


class FeatureStore(Protocol):
    """Feature rows, one for each bar: a bar that is computed again replaces every column. All raise TransientError."""

    async def store(self, rows: Sequence[BarFeatures], confirm: Confirm) -> None:
        """Store the features of several bars, all or none.

        ``confirm`` is asked before they count; it raises when another process has the candles by now.

        Raises:
            LeaseLostError: another process has the candles by now; nothing was stored.
        """
        ...

    async def newest(self, symbol: str, timeframe: Timeframe) -> int | None:
        """Open time in ms of the newest bar that has features, None when there is none."""
        ...

    async def outdated(self, places: Sequence[Place]) -> set[Place]:
        """The bars whose stored candle changed since their features were computed, or that have none."""
        ...
