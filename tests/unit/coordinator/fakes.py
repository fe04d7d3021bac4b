"""Funds and exchange rules under a test's control."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from core.risk.funding import Denied, Granted
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.exchange.rules import SymbolRules


@dataclass
class FakeFunds:
    """Grants what is asked, unless told otherwise; the same intent gets the same."""

    error: Exception | None = None
    denial: str = ""
    granted_anyway: set[str] = field(default_factory=set)
    leases: dict[str, Decimal] = field(default_factory=dict)
    asked: list[list[str]] = field(default_factory=list)

    async def reserve(self, wanted: Sequence[ReservationRequest], *, ttl_s: float) -> list[Granted | Denied]:
        self.asked.append([each.intent_id for each in wanted])
        if self.error is not None:
            raise self.error
        answers: list[Granted | Denied] = []
        for each in wanted:
            if self.denial and each.intent_id not in self.granted_anyway:
                return [*answers, Denied(self.denial)]
            answers.append(Granted(self.leases.setdefault(each.intent_id, each.amount)))
        return answers


class FakeRules:
    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        return {
            symbol: SymbolRules(
                symbol, symbol.removesuffix("USDC"), "USDC", step=Decimal("0.00001"), notional_min=Decimal(5)
            )
            for symbol in symbols
        }
