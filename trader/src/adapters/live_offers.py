"""What a live tick tells the matching engine of the outside world: standing offers, and the smallest trade."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from shared.src.contracts.market import MarketTick
from shared.src.domain.money import floor_to_step
from shared.src.domain.orders import Side

# What stands behind the best level: a share of the price away, a multiple of its quantity. The tick does not say.
DEPTH = ((Decimal("0.0005"), 20), (Decimal("0.002"), 200))

Offers = list[tuple[Decimal, Decimal]]


@dataclass(frozen=True, slots=True)
class Move:
    """All that outsiders offer now, and a trade of theirs: stops measure by trades."""

    bids: Offers
    asks: Offers
    side: Side
    price: Decimal
    quantity: Decimal


def move_of(tick: MarketTick, known: MarketTick | None, *, tick_size: Decimal, step: Decimal) -> Move:
    """The best level as it was told, more behind it, and one step traded at the side the price moved to."""
    bids, asks = {tick.bid: tick.bid_quantity}, {tick.ask: tick.ask_quantity}
    for away, times in DEPTH:
        lower = floor_to_step(tick.bid * (1 - away), tick_size)
        upper = floor_to_step(tick.ask * (1 + away), tick_size)
        if 0 < lower < tick.bid:
            bids[lower] = tick.bid_quantity * times
        if upper > tick.ask:
            asks[upper] = tick.ask_quantity * times
    falls = known is not None and tick.bid < known.bid
    return Move(
        bids=[(price, quantity) for price, quantity in bids.items() if quantity > 0],
        asks=[(price, quantity) for price, quantity in asks.items() if quantity > 0],
        side=Side.SELL if falls else Side.BUY,
        price=tick.bid if falls else tick.ask,
        quantity=step or Decimal(1),
    )
