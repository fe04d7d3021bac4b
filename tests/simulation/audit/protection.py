"""Every position is protected by an open stop over all that is held, or being sold, within a bound.

A stop is open while it stands and waits. One that was triggered and did not fill protects nothing any more; an open
target protects nothing either. What the exchange would not take by its size needs no stop.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.audit.positions import Position, sum_of
from tests.simulation.facts import Exchange, Listing, Weather

# How long what is held may stand without a stop while nothing keeps anybody from placing one, simulated seconds.
NAKED_S_MAX = 5.0
# After something kept everybody from it: the longest anybody waits between two attempts, and the attempt.
AFTER_TROUBLE_S = 36.0
# What is uncovered because another small part was just bought is no position: in lots of the exchange's minimum.
SMALL_PART = Decimal("1.05")


@dataclass(slots=True)
class _Naked:
    since_s: float
    units: Decimal
    told: bool = False


@dataclass(slots=True)
class ProtectionRule:
    """Remembers since when positions stand naked, and when placing a stop was last impossible, by symbol."""

    _naked: dict[str, _Naked] = field(default_factory=dict)
    _closed_s: dict[str, float] = field(default_factory=dict)
    longest_s: float = 0.0

    def look(self, exchange: Exchange, positions: dict[str, Position], weather: Weather) -> Iterator[str]:
        """What breaks the rule now; each once."""
        now_s = exchange.now_s
        for symbol, listing in exchange.listings.items():
            if listing.status != "TRADING" or listing.bid is None:
                self._closed_s[symbol] = now_s
        for cycle_id, position in positions.items():
            units = uncovered(position, exchange.listings[position.symbol])
            if not units:
                self._clothe(cycle_id, now_s, weather, position.symbol)
                continue
            naked = self._naked.setdefault(cycle_id, _Naked(now_s, units))
            naked.units = units
            allowed_s = self._allowed_s(naked, position.symbol, weather)
            if now_s > allowed_s and not naked.told:
                naked.told = True
                yield (
                    f"{cycle_id}: {units} of {position.held} held in {position.symbol} stood without an open stop "
                    f"from {naked.since_s:.2f} s on, {now_s - naked.since_s:.1f} s by now"
                )

    def _clothe(self, cycle_id: str, now_s: float, weather: Weather, symbol: str) -> None:
        naked = self._naked.pop(cycle_id, None)
        if naked is not None and now_s - naked.since_s > self.longest_s and not self._trouble_s(symbol, weather):
            self.longest_s = now_s - naked.since_s

    def _allowed_s(self, naked: _Naked, symbol: str, weather: Weather) -> float:
        trouble_s = self._trouble_s(symbol, weather)
        if trouble_s is None or trouble_s + AFTER_TROUBLE_S < naked.since_s:
            return naked.since_s + NAKED_S_MAX
        return max(naked.since_s + NAKED_S_MAX, trouble_s + AFTER_TROUBLE_S)

    def _trouble_s(self, symbol: str, weather: Weather) -> float | None:
        moments = [each for each in (weather.last_s, self._closed_s.get(symbol)) if each is not None]
        return max(moments, default=None)


def uncovered(position: Position, listing: Listing) -> Decimal:
    """Base units that are held, could be sold, and that no open stop covers; 0 when that is too little to matter.

    A position whose protection the operator took off by hand is the operator's.
    """
    held = position.held
    if held <= 0 or not listing.sells(held):
        return Decimal(0)
    if any(order.canceled_by_hand and order.side == "SELL" for order in position.orders):
        return Decimal(0)
    bare = held - sum_of(stop.remaining for stop in position.stops)
    is_small = bare < listing.step or bare * listing.last < listing.notional_min * SMALL_PART
    return Decimal(0) if is_small else bare
