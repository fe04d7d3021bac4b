"""The domain's states as SQL writes them, so that a statement and the code cannot disagree about what is over.

Each constant is an IN list of literals in the order of its enumeration: ``f"status NOT IN {ENDED_CYCLES}"``.
The partial indexes of the migrations have the same text and stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from shared.src.domain.orders import ENDED, TERMINAL, UNRESOLVED, CycleStatus, OrderStatus


def in_list(words: Iterable[StrEnum]) -> str:
    """The words as an SQL list, e.g. ``('a', 'b')``. They are ours: nothing in them needs escaping."""
    return "(" + ", ".join(f"'{word}'" for word in words) + ")"


ENDED_CYCLES = in_list(status for status in CycleStatus if status in ENDED)
# Orders that may still be filled: at rest on the exchange, or perhaps so.
LIVE_ORDERS = in_list(status for status in OrderStatus if status not in TERMINAL)
UNRESOLVED_ORDERS = in_list(status for status in OrderStatus if status in UNRESOLVED)
