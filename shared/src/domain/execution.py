"""Ways to execute an entry at market."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class ExecutionMethod(StrEnum):
    """How what was approved is bought."""

    AT_ONCE = "at_once"  # one order that takes what the book offers up to the bound
    MAKER_FIRST = "maker_first"  # an order at the best bid, and what it did not get at once after a while
    TWAP = "twap"  # equal parts at equal distances of time
    PARTICIPATION = "participation"  # no more than a share of what is traded in the market


@dataclass(frozen=True, slots=True)
class ExecutionChoice:
    """A method and its measures. ``seconds`` of the market: how long an order waits as a maker, or how long all of it
    may take. ``slices``: into how many parts TWAP divides. ``participation_percent``: at most so much of what is
    traded, None: no such bound.
    """

    method: ExecutionMethod
    seconds: int = 0
    slices: int = 1
    participation_percent: Decimal | None = None
