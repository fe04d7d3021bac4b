"""What several statements must agree about: what is over, and what the results of cycles are summed from.

The states are IN lists of literals in the order of its enumeration: ``f"status NOT IN {ENDED_CYCLES}"``.
The partial indexes of the migrations have the same text and stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from functools import lru_cache
from typing import NewType

from shared.src.domain.orders import ENDED, TERMINAL, UNRESOLVED, CycleStatus, OrderStatus

Statement = NewType("Statement", str)
"""A statement as the driver wants it: ``%(name)s`` for a parameter, ``%%`` for a percent sign."""

# :name, but neither the cast ::name nor the escaped \:name
_PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)")


@lru_cache(maxsize=1024)
def text(statement: str) -> Statement:
    """The statement for the driver; ``:name`` stands for a parameter, ``\\:`` for a colon before a word."""
    named = _PARAMETER.sub(r"%(\1)s", statement.replace("%", "%%"))
    return Statement(named.replace("\\:", ":"))


def in_list(words: Iterable[StrEnum]) -> str:
    """The words as an SQL list, e.g. ``('a', 'b')``. They are ours: nothing in them needs escaping."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


ENDED_CYCLES = in_list(status for status in CycleStatus if status in ENDED)
# Orders that may still be filled: at rest on the exchange, or perhaps so.
LIVE_ORDERS = in_list(status for status in OrderStatus if status not in TERMINAL)
UNRESOLVED_ORDERS = in_list(status for status in OrderStatus if status in UNRESOLVED)

# The columns of ``core.risk.protections.EndedTrade``, the oldest first.
ENDED_TRADES = """
SELECT symbol, completed_at, coalesce(profit_loss_percent, 0) / 100 AS profit, exit_reason FROM trade_cycles
WHERE status = 'completed' AND completed_at >= :since ORDER BY completed_at, id
"""

# The sums of ``core.statistics.results.Results`` over rows of ``valued_cycles`` that are completed.
RESULT_SUMS = """
count(*) AS cycles, count(*) FILTER (WHERE profit_loss > 0) AS wins,
coalesce(sum(profit_loss) FILTER (WHERE profit_loss > 0), 0) AS gained,
coalesce(-sum(profit_loss) FILTER (WHERE profit_loss < 0), 0) AS lost,
coalesce(sum(fees), 0) AS fees,
coalesce(sum(volume), 0) AS volume,
max(profit_loss) AS best, min(profit_loss) AS worst
"""

# What executions lost against their benchmarks, and the amounts it was measured on, over rows of ``valued_cycles``.
SLIPPAGE_SUMS = "coalesce(sum(slippage), 0) AS slippage, coalesce(sum(entry_value + exit_value), 0) AS measured"

# The last points of the books' value, newest first
EQUITY_CURVE = "SELECT time, equity, return_index FROM equity_points ORDER BY time DESC LIMIT :limit"
EQUITY_POINTS_READ = 20_000
# When positions were open; one that still is ends now
OPEN_TIMES = """
SELECT opened_at, CASE WHEN status = 'completed' THEN completed_at END AS closed_at FROM trade_cycles
WHERE opened_at IS NOT NULL AND quantity > 0 ORDER BY opened_at
"""
