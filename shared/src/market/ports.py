"""The stored candles as services see them: those who read them, and whoever writes them.

``PostgresCandleHistory`` and the dispatcher's table are the real ones, ``shared.memory.candles`` is both in memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

from shared.src.contracts.market import CandleMessage
from shared.src.domain.candles import Candle, Gap, Timeframe

HOLES_MAX: Final = 500


class CandleHistory(Protocol):
    """Closed candles that are stored. All raise TransientError."""

    async def candles(self, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int) -> list[Candle]:
        """The newest ``count`` candles that open no later than ``until_ms``, oldest first."""
        ...

    async def newest(self, symbol: str) -> dict[Timeframe, int]:
        """Open time (ms) of a symbol's newest candle of each time frame; without those that have none."""
        ...

    async def holes(self, *, since_ms: int) -> dict[str, list[Gap]]:
        """Missing minutes between stored 1m candles that open at ``since_ms`` or later, by symbol.

        Returns ``HOLES_MAX`` at most, by symbol and time.
        """
        ...


class CandleWriter(Protocol):
    """Where closed candles are stored.

    A row only ever moves on to a newer candle, by when it was published; of the same moment a correction counts. The
    result does not depend on how often candles come, in which order, or from which process.
    """

    async def store(self, candles: Sequence[CandleMessage]) -> None:
        """Store closed candles, all or none.

        Raises:
            TransientError: the store is away; nothing was stored.
        """
        ...
