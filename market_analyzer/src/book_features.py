"""What the order book said when a bar closed, beside the features of the bar.

The book is read when the bar is decided on, so that nothing in it comes after the decision. One that is more than
``AGE_MS_MAX`` older than the close of the bar, or more than ``LATE_MS_MAX`` younger (a bar decided on late, after a
restart or a gap), does not belong to the bar: its features are unknown, as they are without a book. They cannot be
computed from candles: a corrected bar and a file have none.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from decimal import Decimal

from core.features.engine import FeatureRow
from core.features.registry import BOOK_COLUMNS
from shared.src.bus.ports import LastValues
from shared.src.contracts.market import BookDepth
from shared.src.contracts.topics import DEPTH_KEY, KAFKA_DEPTH
from shared.src.domain.clock import to_ms
from shared.src.domain.errors import ContractError

logger = logging.getLogger(__name__)

# depths come once a second; a bar is decided on within moments of its close
AGE_MS_MAX = 10_000
LATE_MS_MAX = 5_000
# the band of the imbalance, percent of the middle
BAND = Decimal("0.5")


class OrderBookReader:
    """The newest depth of symbols, where the dispatcher keeps it."""

    def __init__(self, values: LastValues) -> None:
        self._values = values

    async def newest(self, symbols: Collection[str]) -> dict[str, BookDepth]:
        """The depths that are known, in one round trip.

        Raises:
            TransientError: the values are away.
        """
        asked = sorted(symbols)
        found = await self._values.get([DEPTH_KEY.format(symbol=symbol) for symbol in asked])
        depths = {}
        for symbol, raw in zip(asked, found, strict=True):
            if raw is None:
                continue
            try:
                depths[symbol] = KAFKA_DEPTH.decode(raw)
            except ContractError as error:
                logger.warning("depth is not readable", extra={"symbol": symbol, "reason": str(error)})
        return depths


def book_features(depth: BookDepth | None, *, close_time: int) -> FeatureRow:
    """The book's features of the bar that closed then (ms), every one None when there is none that belongs to it.

    ``spread_bps`` is (ask - bid) / middle in basis points; ``bid_depth`` and ``ask_depth`` are the quote amounts on
    offer within half a percent of the middle, None where the book is not known that far; ``book_imbalance`` is
    (bid_depth - ask_depth) / (bid_depth + ask_depth), -1..1.
    """
    if depth is None or not -AGE_MS_MAX <= to_ms(depth.occurred_at) - close_time <= LATE_MS_MAX:
        return dict.fromkeys(BOOK_COLUMNS)
    band = next((band for band in depth.bands if band.percent == BAND), None)
    return {
        "spread_bps": float(depth.spread_bps),
        "book_imbalance": _number(depth.imbalance),
        "bid_depth": _number(band.bid) if band else None,
        "ask_depth": _number(band.ask) if band else None,
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
