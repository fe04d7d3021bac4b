"""What stops entries: a pause by hand, or a halt by which the platform stopped itself.

Both are rows that outlive every process, with a reason and a beginning, and hold for a scope: everything, a symbol or a
strategy. Whoever may trade lifts a pause; only an admin lifts a halt, or its own time when it has one (``until``).
Exits go on under either.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

ALL: Final = "all"


class Cause(StrEnum):
    """Why entries are stopped."""

    HAND = "hand"
    DIFFERENCE = "difference"  # the exchange holds less than the positions say
    UNSELLABLE = "unsellable"  # a position is held that no order may sell now
    PANIC = "panic"
    DAILY_LOSS = "daily_loss"
    DRAWDOWN = "drawdown"
    PRICE_JUMP = "price_jump"
    REJECTS = "rejects"
    LATENCY = "latency"


@dataclass(frozen=True, slots=True)
class Pause:
    """Entries in ``scope`` are stopped. There is one at a time for each scope and cause."""

    scope: str
    reason: str
    since: datetime
    cause: Cause = Cause.HAND
    until: datetime | None = None

    @property
    def is_halt(self) -> bool:
        return self.cause is not Cause.HAND

    def holds(self, now: datetime) -> bool:
        """Whether it is still in force."""
        return self.until is None or now < self.until


def reasons(pauses: Iterable[Pause], *, halts: bool) -> dict[str, str]:
    """The reasons of the halts, or of the pauses by hand, by scope."""
    found: dict[str, str] = {}
    for pause in pauses:
        if pause.is_halt is halts:
            known = found.get(pause.scope, "")
            found[pause.scope] = f"{known}; {pause.reason}" if known else pause.reason
    return found
