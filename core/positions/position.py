"""What a cycle holds and what it earned, folded from its fills alone.

With bought quantity B, base fees f and sold quantity S the cycle holds B - f - S. Its profit is
S x (average exit - average entry) - fees, every fee valued in quote at the price of its fill; what cannot be sold
(dust) stays at its cost and earns nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from core.positions.model import Fill
from shared.src.domain.money import ZERO
from shared.src.domain.orders import Side

HUNDRED = Decimal(100)


@dataclass(frozen=True, slots=True)
class Position:
    """Sums over the fills of one cycle; quantities in base units, the rest in quote units."""

    bought: Decimal = ZERO
    bought_quote: Decimal = ZERO
    sold: Decimal = ZERO
    sold_quote: Decimal = ZERO
    base_fees: Decimal = ZERO
    fees: Decimal = ZERO

    @classmethod
    def of(cls, fills: Iterable[Fill], base: str) -> Position:
        """Fold the fills of one cycle, in their order; ``base`` is the asset whose fees reduce the holding.

        A sale by hand may sell more than the cycle holds: the rest of it sold the operator's own coins.
        """
        bought = bought_quote = sold = sold_quote = base_fees = fees = ZERO
        for fill in fills:
            share = Decimal(1)
            if fill.side is Side.BUY:
                bought += fill.quantity
                bought_quote += fill.quote_quantity
            else:
                part = min(fill.quantity, max(ZERO, bought - base_fees - sold))
                share = part / fill.quantity
                sold += part
                sold_quote += fill.quote_quantity * share
            base_fees += fill.fee * share if fill.fee_asset == base else ZERO
            fees += fill.fee_quote * share
        return cls(bought, bought_quote, sold, sold_quote, base_fees, fees)

    @property
    def held(self) -> Decimal:
        """Base units that the cycle owns."""
        return self.bought - self.base_fees - self.sold

    @property
    def entry_price(self) -> Decimal | None:
        return self.bought_quote / self.bought if self.bought_quote else None

    @property
    def exit_price(self) -> Decimal | None:
        return self.sold_quote / self.sold if self.sold_quote else None

    @property
    def profit_loss(self) -> Decimal:
        """Realised, net of fees, in quote units."""
        cost = self.bought_quote * self.sold / self.bought if self.bought else ZERO
        return self.sold_quote - cost - self.fees

    @property
    def profit_loss_percent(self) -> Decimal:
        """Of what was paid for the entry."""
        return HUNDRED * self.profit_loss / self.bought_quote if self.bought_quote else ZERO
