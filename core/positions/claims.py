"""Whether the exchange holds what the open positions say we own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from core.positions.cycle_facts import holding
from core.positions.model import CycleState
from shared.src.domain.money import ZERO, floor_to_step
from shared.src.exchange.rules import SymbolRules

Texts = dict[str, str]


def claims(positions: Iterable[tuple[CycleState, SymbolRules]]) -> dict[str, Decimal]:
    """Units by asset that the positions own, in whole lots; assets of which they own nothing are left out.

    What is less than a lot stands under no order: a sale by hand of all that is free takes it along.
    """
    sums: dict[str, Decimal] = {}
    for view, rules in positions:
        sums[rules.base] = sums.get(rules.base, ZERO) + floor_to_step(holding(view, rules), rules.step)
    return {asset: units for asset, units in sums.items() if units > 0}


def shortfalls(claimed: Mapping[str, Decimal], held: Mapping[str, Decimal]) -> Texts:
    """By asset of which the exchange holds less than is claimed, a text that says so."""
    return {
        asset: f"the exchange holds {held.get(asset, ZERO)} {asset}, open positions need {units}"
        for asset, units in claimed.items()
        if held.get(asset, ZERO) < units
    }


def confirmed(found: Mapping[str, str], before: Mapping[str, str]) -> Texts:
    """What was found the last time too: a fill on its way makes a difference for a moment, one that stays is real."""
    return {asset: text for asset, text in found.items() if before.get(asset) == text}
