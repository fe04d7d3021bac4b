"""What may be bought: per intent one order alive, no more than approved, set aside and allowed, never while paused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.audit.positions import Position, sum_of
from tests.simulation.facts import Books, Exchange, ExchangeOrder, Limits, Weather

# A pause that was seen so long ago binds every order; before that the order may be on its way. When it began is told by
# the platform's clock, which may be wrong.
ON_ITS_WAY_S = 0.2
# Who was told nothing and could read nothing for so long is blind, and opens nothing.
BLIND_S = 35.0
# Nobody tells of a new limit of the exchange: whoever reads its rules once a minute knows it after so long.
RULES_KNOWN_S = 65.0
# A fee in coins makes what arrives a little cheaper than what was paid; limits are on what is paid.
ROUNDING = Decimal("1.0005")


@dataclass(slots=True)
class EntryRule:
    """Remembers pauses and limits, since when the exchange allows so many stops, and which orders were judged."""

    _seen_s: dict[tuple[str, float], float] = field(default_factory=dict)
    _judged: set[int] = field(default_factory=set)
    _limits: Limits | None = None
    _limited_s: float = 0.0
    _stops_max: dict[str, tuple[int | None, float]] = field(default_factory=dict)

    def look(
        self,
        exchange: Exchange,
        positions: dict[str, Position],
        books: Books,
        *,
        limits: Limits,
        weather: Weather,
        taken: Mapping[str, Decimal],
    ) -> Iterator[str]:
        """What breaks a rule now. ``taken``: units by symbol that somebody sold by hand."""
        if limits != self._limits:
            self._limits, self._limited_s = limits, exchange.now_s
        for symbol, listing in exchange.listings.items():
            if symbol not in self._stops_max or self._stops_max[symbol][0] != listing.stops_max:
                self._stops_max[symbol] = (listing.stops_max, exchange.now_s)
        new = [
            order
            for order in exchange.orders
            if order.side == "BUY" and not order.by_hand and order.order_id not in self._judged
        ]
        for order in new:
            self._judged.add(order.order_id)
            yield from _known(order, books)
            yield from self._paused(order, books)
            yield from _blind(order, weather)
            yield from self._unprotectable(order, exchange)
        self._seen_s = {
            (scope, since_s): self._seen_s.get((scope, since_s), exchange.now_s)
            for scope, since_s in books.pauses.items()
        }
        yield from approved(positions, books)
        symbols = {order.symbol for order in new if order.placed_s > self._limited_s + ON_ITS_WAY_S}
        if symbols:
            yield from within_limits(exchange, positions, books, limits=limits, symbols=symbols, taken=taken)

    def _paused(self, order: ExchangeOrder, books: Books) -> Iterator[str]:
        row = books.orders.get(order.client_id)
        cycle = next((each for each in books.cycles if row is not None and each.cycle_id == row.cycle_id), None)
        scopes = {"all", order.symbol, cycle.strategy if cycle is not None else "all"}
        for scope in sorted(scopes & set(books.pauses)):
            seen_s = self._seen_s.get((scope, books.pauses[scope]))
            if seen_s is not None and order.placed_s > seen_s + ON_ITS_WAY_S:
                yield f"{order.client_id} was placed at {order.placed_s:.2f} s, {scope} was paused at {seen_s:.2f} s"

    def _unprotectable(self, order: ExchangeOrder, exchange: Exchange) -> Iterator[str]:
        """An entry in a symbol in which no further stop may stand, as could be known."""
        most, since_s = self._stops_max[order.symbol]
        standing = [
            each
            for each in exchange.orders
            if each.symbol == order.symbol and each.is_open and each.waits and each.order_id < order.order_id
        ]
        if most is not None and len(standing) >= most and order.placed_s > since_s + RULES_KNOWN_S:
            yield f"{order.client_id} bought in {order.symbol}, where {len(standing)} stops stand of {most} allowed"


def _blind(order: ExchangeOrder, weather: Weather) -> Iterator[str]:
    since_s = weather.blind_since_s
    if since_s is not None and order.placed_s > since_s + BLIND_S:
        yield f"{order.client_id} was placed at {order.placed_s:.2f} s, the trader is blind since {since_s:.2f} s"


def _known(order: ExchangeOrder, books: Books) -> Iterator[str]:
    if order.client_id not in books.orders:
        yield f"an order {order.client_id} that no row of the books announces"


def approved(positions: dict[str, Position], books: Books) -> Iterator[str]:
    """Per intent one order alive, and no more bought than approved and set aside."""
    for cycle in books.cycles:
        position, intent = positions.get(cycle.cycle_id), books.intents.get(cycle.intent_id)
        if position is None or intent is None:
            continue
        alive = position.open_entries
        if len(alive) > 1:
            yield f"{intent.intent_id}: {len(alive)} orders alive: {', '.join(order.client_id for order in alive)}"
        executed = sum_of(order.executed for order in position.entries)
        possible = executed + sum_of(order.remaining for order in alive)
        if intent.quantity and possible > intent.quantity:
            yield f"{intent.intent_id}: {possible} bought or about to be, {intent.quantity} approved"
        if position.paid > intent.reserved:
            yield f"{intent.intent_id}: {position.paid:.2f} paid, {intent.reserved:.2f} set aside"


def _capital(exchange: Exchange, positions: dict[str, Position], quote: str) -> Decimal:
    """What the account has to divide: the quote asset, and what is held at its cost."""
    return exchange.held.get(quote, Decimal(0)) + sum_of(position.cost for position in positions.values())


def within_limits(
    exchange: Exchange,
    positions: dict[str, Position],
    books: Books,
    *,
    limits: Limits,
    symbols: set[str],
    taken: Mapping[str, Decimal],
) -> Iterator[str]:
    """What is at stake after entries in some symbols: held at cost, and what entries that rest may still spend.

    What somebody sold by hand of the positions (``taken``) is not at stake any more.
    """
    open_ids = {cycle.cycle_id for cycle in books.cycles if cycle.is_open}
    at_stake: dict[str, Decimal] = {}
    count = 0
    for cycle_id, position in positions.items():
        resting = sum_of(order.remaining * order.price for order in position.open_entries)
        stake = max(Decimal(0), position.held - taken[position.symbol]) * position.unit_cost + resting
        if cycle_id not in open_ids or not stake:
            continue
        count += 1
        at_stake[position.symbol] = at_stake.get(position.symbol, Decimal(0)) + stake
    for symbol in sorted(symbols & set(at_stake)):
        stake = at_stake[symbol]
        room = _capital(exchange, positions, exchange.listings[symbol].quote) * limits.exposure_percent / 100
        if stake > room * ROUNDING:
            yield f"{stake:.2f} at stake in {symbol}, MAX_EXPOSURE_PERCENT allows {room:.2f}"
        if stake > limits.position_size * ROUNDING:
            yield f"{stake:.2f} at stake in {symbol}, MAX_POSITION_SIZE {limits.position_size}"
    lost = -sum_of(cycle.profit_loss or Decimal(0) for cycle in books.cycles if not cycle.is_open)
    if lost >= limits.daily_loss:
        yield f"{lost:.2f} lost today, MAX_DAILY_LOSS {limits.daily_loss}, and something is bought"
    if count > limits.positions:
        yield f"{count} positions are open, MAX_CONCURRENT_POSITIONS {limits.positions}"
