"""Nothing that is owned is forgotten, and nothing is claimed that is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.audit.positions import Position, sum_of, traded_by_others
from tests.simulation.facts import Books, Exchange, Listing

# What may be left of a position that ended, quote units at its cost: this, or what the smallest order cost in its
# symbol when it was first seen; whatever the exchange's minimum is by now.
DUST_COST_MAX = Decimal(10)
ROUNDING = Decimal("1.01")
# A fill that nobody told yet makes a position that ended hold something until somebody asks, simulated seconds.
FOUND_WITHIN_S = 40.0


@dataclass(slots=True)
class ForgottenRule:
    """Remembers what is dust of each position, and since when positions have ended and hold more."""

    _dust: dict[str, Decimal] = field(default_factory=dict)
    _since_s: dict[str, float] = field(default_factory=dict)

    def look(
        self,
        exchange: Exchange,
        positions: dict[str, Position],
        books: Books,
        taken: Mapping[str, Decimal],
        *,
        within_s: float = FOUND_WITHIN_S,
    ) -> Iterator[str]:
        """Positions that ended in the books more than ``within_s`` ago and hold more than dust.

        ``taken``: units by symbol that somebody sold by hand; whose they were nobody can tell.
        """
        now_s = exchange.now_s
        for cycle in books.cycles:
            position = positions.get(cycle.cycle_id)
            if position is None:
                continue
            dust = self._dust.setdefault(cycle.cycle_id, _smallest_cost(exchange.listings[cycle.symbol]))
            left = (position.held - taken[position.symbol]) * position.unit_cost
            if cycle.is_open or left <= dust:
                self._since_s.pop(cycle.cycle_id, None)
            elif now_s - self._since_s.setdefault(cycle.cycle_id, now_s) >= within_s:
                yield (
                    f"{cycle.cycle_id}: it is {cycle.status} ({cycle.exit_reason!r}) and holds {position.held} of "
                    f"{position.symbol}, bought for {position.cost:.2f}"
                )


def _smallest_cost(listing: Listing) -> Decimal:
    smallest = max(listing.notional_min, max(listing.step, listing.quantity_min) * listing.last)
    return max(DUST_COST_MAX, smallest * ROUNDING)


def missing(exchange: Exchange, positions: Mapping[str, Position], books: Books, *, was_halted: bool) -> Iterator[str]:
    """To be asked once everything is quiet: assets of which open positions claim more than the account holds.

    What the books say was sold of a position it does not claim: a sale by hand has to be there too. What is less than
    a lot stands under no order, and goes with all that is free. Coins that were withdrawn are the owner's business: a
    platform that halted (``was_halted``), with the difference as its reason, is right, also once a person lifted that.
    """
    for listing in exchange.listings.values():
        withdrawn = exchange.flows.get(listing.base, Decimal(0)) < 0
        if withdrawn and was_halted:
            continue
        mine = (
            (positions[cycle.cycle_id].bought, cycle.sold)
            for cycle in books.cycles
            if cycle.is_open and cycle.cycle_id in positions and cycle.symbol == listing.symbol
        )
        claimed = sum_of(listing.in_lots(max(Decimal(0), bought - sold)) for bought, sold in mine)
        held = exchange.held.get(listing.base, Decimal(0))
        if claimed > held:
            yield f"open positions claim {claimed} {listing.base}, the account holds {held}"


def oversold(exchange: Exchange, positions: dict[str, Position]) -> Iterator[str]:
    """Positions that sold more than they ever bought: somebody else's coins are gone."""
    for position in positions.values():
        listing = exchange.listings[position.symbol]
        if position.held < -listing.step:
            yield f"{position.cycle_id} sold {position.sold} {listing.base} and bought {position.bought} only"


def unexplained(exchange: Exchange, positions: dict[str, Position], books: Books) -> Iterator[str]:
    """The exchange's own arithmetic: opening, flows, trades. What is wrong here is wrong in the simulation."""
    others = traded_by_others(exchange, books.orders)
    for listing in exchange.listings.values():
        own = exchange.opening.get(listing.base, Decimal(0)) + exchange.flows.get(listing.base, Decimal(0))
        mine = sum_of(position.held for position in positions.values() if position.symbol == listing.symbol)
        fees = sum_of(
            trade.fee for trade in exchange.trades if trade.fee_asset == listing.base and trade.symbol != listing.symbol
        )
        total = own + mine + others.get(listing.symbol, Decimal(0)) - fees
        held = exchange.held.get(listing.base, Decimal(0))
        if total != held:
            yield f"the simulation lost count: {total} {listing.base} expected, {held} held"
