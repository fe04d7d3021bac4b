"""The plan of an approved entry, by what the user chose."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from core.execution.plan import EntryPlan
from core.risk.limits import stop_refusal
from core.risk.verdicts import Approved
from shared.src.domain.errors import InvariantError
from shared.src.domain.execution import ExecutionChoice, ExecutionMethod
from shared.src.exchange.rules import SymbolRules

HUNDRED: Final = Decimal(100)


def planned(choice: ExecutionChoice, approved: Approved, rules: SymbolRules) -> EntryPlan | None:
    """The plan; None for one order at once. ``approved``: as an entry at market."""
    if choice.method is ExecutionMethod.AT_ONCE:
        return None
    if approved.price_max is None or approved.arrival is None:
        raise InvariantError("an entry in several orders is approved on the market, with the most that it may pay")
    percent = choice.participation_percent
    return EntryPlan(
        method=choice.method,
        quantity=approved.quantity,
        price_max=approved.price_max,
        arrival=approved.arrival,
        seconds=choice.seconds,
        slices=_slices(choice.slices, approved, rules),
        share=None if percent is None else percent / HUNDRED,
    )


def _slices(wanted: int, approved: Approved, rules: SymbolRules) -> int:
    """As many parts as are wanted, or fewer: each large enough to be bought, and to be protected by a stop."""

    def is_protectable(slices: int) -> bool:
        return not stop_refusal(rules.floor_quantity(approved.quantity / slices), approved.levels.stop_loss, rules)

    return next((slices for slices in range(wanted, 1, -1) if is_protectable(slices)), 1)
