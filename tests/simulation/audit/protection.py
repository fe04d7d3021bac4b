"""Every position is protected by an open stop over all that is held, or being sold, within a bound.

A stop is open while it stands and waits. One that was triggered and did not fill protects nothing any more; an open
target protects nothing either. What the exchange would not take by its size needs no stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from tests.simulation.audit.positions import Position, sum_of
from tests.simulation.facts import Books, Exchange, Listing, Weather

# How long what is held may stand without a stop while nothing keeps anybody from placing one, simulated seconds.
NAKED_S_MAX = 5.0
# After something kept everybody from it: the longest anybody waits between two attempts, and the attempt.
AFTER_TROUBLE_S = 36.0
# The auditor looks at least this often.
LOOK_S_MAX = 10.0
# What is so for as long can be known to whoever looks before he acts.
KNOWN_S = 0.5
# Rounding to what the exchange takes, as a share of the price.
LOOSE_SHARE = Decimal("0.0005")
# What is uncovered because another small part was just bought is no position: in lots of the exchange's minimum.
SMALL_PART = Decimal("1.05")


@dataclass(slots=True)
class _Naked:
    """``by_us``: the platform took the protection off itself, so it had to know that it could sell."""

    since_s: float
    by_us: bool
    told: bool = False


@dataclass(slots=True)
class _Closed:
    """The last time that a symbol did not trade."""

    since_s: float
    until_s: float


@dataclass(slots=True)
class ProtectionRule:
    """Remembers since when positions stand naked, and when placing a stop was last impossible, by symbol.

    ``longest_s``: how long one stood at most while nothing kept anybody from placing one; ``worst_s``: whatever did.
    """

    longest_s: float = 0.0
    worst_s: float = 0.0
    _naked: dict[str, _Naked] = field(default_factory=dict)
    _closed: dict[str, _Closed] = field(default_factory=dict)
    _empty_s: dict[str, float] = field(default_factory=dict)
    _strictest: dict[str, Listing] = field(default_factory=dict)

    def look(
        self, exchange: Exchange, positions: dict[str, Position], taken: Mapping[str, Decimal], weather: Weather
    ) -> Iterator[str]:
        """What breaks the rule now; each once. ``taken``: units by symbol that somebody sold by hand."""
        now_s = exchange.now_s
        for symbol, listing in exchange.listings.items():
            self._note(symbol, listing, now_s)
        for cycle_id, position in positions.items():
            units = uncovered(position, self._strict(exchange.listings[position.symbol]), taken[position.symbol])
            if not units:
                self._clothe(cycle_id, now_s, self._trouble(position.symbol, weather))
                continue
            naked = self._naked.setdefault(cycle_id, _Naked(now_s, _took_off(position)))
            trouble = self._trouble(position.symbol, weather, known_at_s=naked.since_s if naked.by_us else None)
            if not naked.told and now_s > _allowed_s(naked, trouble):
                naked.told = True
                yield (
                    f"{cycle_id}: {units} of {position.held} held in {position.symbol} stood without an open stop "
                    f"from {naked.since_s:.2f} s on, {now_s - naked.since_s:.1f} s by now"
                )

    def _note(self, symbol: str, listing: Listing, now_s: float) -> None:
        if listing.bid is None:
            self._empty_s[symbol] = now_s
        if listing.status == "TRADING":
            return
        closed = self._closed.get(symbol)
        if closed is None or closed.until_s < now_s - LOOK_S_MAX:
            closed = self._closed[symbol] = _Closed(now_s, now_s)
        closed.until_s = now_s

    def _strict(self, listing: Listing) -> Listing:
        """The listing with the strictest sizes it ever had: rules are read now and then, nobody tells of a change."""
        before = self._strictest.get(listing.symbol, listing)
        strict = replace(
            listing,
            step=max(listing.step, before.step),
            quantity_min=max(listing.quantity_min, before.quantity_min),
            notional_min=max(listing.notional_min, before.notional_min),
        )
        self._strictest[listing.symbol] = strict
        return strict

    def troubles(self, exchange: Exchange, weather: Weather) -> dict[str, list[float]]:
        """By symbol, when something last kept everybody from placing a stop there."""
        return {symbol: self._trouble(symbol, weather) for symbol in exchange.listings}

    def _clothe(self, cycle_id: str, now_s: float, trouble: Sequence[float]) -> None:
        naked = self._naked.pop(cycle_id, None)
        if naked is not None:
            self.worst_s = max(self.worst_s, now_s - naked.since_s)
        if naked is not None and all(each < naked.since_s - AFTER_TROUBLE_S for each in trouble):
            self.longest_s = max(self.longest_s, now_s - naked.since_s)

    def _trouble(self, symbol: str, weather: Weather, known_at_s: float | None = None) -> list[float]:
        """When something last kept everybody from placing a stop or selling.

        ``known_at_s``: when the platform took a protection off by itself. A symbol that was closed before that, and a
        ban that was there by then, it had to know of; that nobody buys, and accidents, it cannot know.
        """
        moments = [*weather.accidents, self._empty_s.get(symbol)]
        closed = self._closed.get(symbol)
        if closed is not None and (known_at_s is None or closed.since_s > known_at_s - KNOWN_S):
            moments.append(closed.until_s)
        since_s = weather.banned_since_s
        if since_s is not None and (known_at_s is None or since_s > known_at_s + KNOWN_S):
            moments.append(weather.banned_s)
        return [each for each in moments if each is not None]


def _allowed_s(naked: _Naked, trouble: Sequence[float]) -> float:
    """Until when the position may stand naked: a while after the last trouble, as far as that is later."""
    since_s = naked.since_s + NAKED_S_MAX
    return max([since_s, *(each + AFTER_TROUBLE_S for each in trouble if each + AFTER_TROUBLE_S > naked.since_s)])


def _took_off(position: Position) -> bool:
    """Whether the newest stop that ended is one that the platform canceled."""
    ended = [order for order in position.orders if not order.is_open and order.is_stop]
    return bool(ended) and ended[-1].is_canceled and not ended[-1].canceled_by_hand


def uncovered(position: Position, listing: Listing, taken: Decimal) -> Decimal:
    """Base units that are held, could be sold, and that no open stop covers; 0 when that is too little to matter.

    A position whose protection the operator took off by hand is the operator's.
    """
    held = position.held - taken
    if held <= 0 or not listing.sells(held):
        return Decimal(0)
    if any(order.canceled_by_hand and order.side == "SELL" for order in position.orders):
        return Decimal(0)
    bare = held - sum_of(stop.remaining for stop in position.stops)
    is_small = bare < listing.step or bare * listing.last < listing.notional_min * SMALL_PART
    return Decimal(0) if is_small else bare


@dataclass(slots=True)
class DecidedStopRule:
    """Remembers of which positions the price was seen at or under the decided stop: those are to be sold anyhow; and
    since when stops stand too far away: an order that trails measures from the price that it meets, which may have
    fallen while it was on its way. It has to be replaced as soon as a missing one.
    """

    _passed: set[str] = field(default_factory=set)
    _far: dict[str, _Naked] = field(default_factory=dict)

    def look(
        self,
        exchange: Exchange,
        positions: Mapping[str, Position],
        books: Books,
        troubles: Mapping[str, Sequence[float]],
    ) -> Iterator[str]:
        """Stops that stand further away than it was decided: the position was sized for the decided loss.

        ``troubles``: by symbol, when something last kept everybody from replacing one.
        """
        for cycle in books.cycles:
            position, intent = positions.get(cycle.cycle_id), books.intents.get(cycle.intent_id)
            if position is None or intent is None or intent.stop is None:
                continue
            if exchange.listings[cycle.symbol].last <= intent.stop:
                self._passed.add(cycle.cycle_id)
            lowest = min((stop.trigger for stop in position.stops), default=intent.stop)
            if cycle.cycle_id in self._passed or lowest >= intent.stop * (1 - LOOSE_SHARE):
                self._far.pop(cycle.cycle_id, None)
                continue
            far = self._far.setdefault(cycle.cycle_id, _Naked(exchange.now_s, by_us=False))
            if exchange.now_s > _allowed_s(far, troubles[cycle.symbol]):
                yield f"{cycle.cycle_id}: its stop is triggered at {lowest:.2f}, {intent.stop:.2f} was decided"
