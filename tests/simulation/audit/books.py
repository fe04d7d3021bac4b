"""The books: each trade of the exchange once, every asset conserved, equal to the exchange once everything is quiet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal

from tests.simulation.audit.holdings import DUST_COST_MAX
from tests.simulation.audit.positions import Position
from tests.simulation.facts import Books, Exchange

CENT = Decimal("0.01")
HAND_SHARE = Decimal("0.01")


def booked_once(exchange: Exchange, books: Books) -> Iterator[str]:
    """What is booked is a trade of the exchange, once, with its amounts."""
    real = {(trade.symbol, trade.trade_id): trade for trade in exchange.trades}
    counts = Counter((trade.symbol, trade.trade_id) for trade in books.trades)
    for key, count in counts.items():
        if count > 1:
            yield f"trade {key} is booked {count} times"
    for booked in books.trades:
        trade = real.get((booked.symbol, booked.trade_id))
        if trade is None:
            yield f"trade {booked.symbol} {booked.trade_id} is booked and never happened"
        elif booked.quantity != trade.quantity:
            yield f"trade {booked.symbol} {booked.trade_id}: {booked.quantity} booked, {trade.quantity} traded"


def conserved(books: Books) -> Iterator[str]:
    """Every line of the journal has its other side."""
    for asset, amount in books.unbalanced.items():
        yield f"the journal does not add up: {amount} {asset}"


def alive(books: Books) -> Iterator[str]:
    """No process ended by itself, no message broke its handler."""
    yield from (f"a process ended: {text}" for text in books.ended)
    yield from (f"a message broke its handler: {text}" for text in books.dead_letters)


def alone(books: Books) -> Iterator[str]:
    """One trader acts for the account, however many are started."""
    if books.acting > 1:
        yield f"{books.acting} traders act"


def settled(exchange: Exchange, books: Books) -> Iterator[str]:
    """To be asked once everything is quiet: everything is booked, and the ledger is equal to the exchange."""
    yield from _unbooked(exchange, books)
    if books.ledger is None:
        yield "the books were never opened"
        return
    for asset in sorted({*exchange.held, *books.ledger}):
        has, says = exchange.held.get(asset, Decimal(0)), books.ledger.get(asset, Decimal(0))
        if has != says:
            yield f"the account holds {has} {asset}, the ledger says {says}"
    if books.halted:
        yield f"funds are halted though every movement can be explained: {books.halted}"


def _unbooked(exchange: Exchange, books: Books) -> Iterator[str]:
    booked = {(trade.symbol, trade.trade_id) for trade in books.trades}
    for trade in exchange.trades:
        if (trade.symbol, trade.trade_id) not in booked:
            yield f"trade {trade.symbol} {trade.trade_id} ({trade.side} {trade.quantity}) was never booked"
    posted = set(books.posted)
    for row in books.trades:
        if f"fill:ex-{row.symbol}-{row.trade_id}" not in posted:
            yield f"trade {row.symbol} {row.trade_id} is not in the ledger"


def at_rest(books: Books) -> Iterator[str]:
    """To be asked once everything is quiet: nothing waits for an answer or holds funds that never come back."""
    yield from (f"order {name} is unresolved for ever" for name in books.unresolved)
    ended = {cycle.intent_id for cycle in books.cycles if not cycle.is_open}
    for intent_id in books.leased:
        if intent_id in ended:  # one that came to nothing else gives its funds back when its lease runs out
            yield f"funds of {intent_id} are set aside for ever"


def earned(
    exchange: Exchange, positions: dict[str, Position], taken: Mapping[str, Decimal], books: Books
) -> Iterator[str]:
    """The recorded result of a position that ended is what its trades brought, with its dust at cost.

    Coins of it that somebody sold by hand brought what they were sold for, more or less (``HAND_SHARE``): which of
    several sales were of the position's coins nobody can tell. Coins that were withdrawn brought nothing to judge by.
    Dust is the owner's from the end on: a sale by hand that took it along may have come before the end or after it.
    """
    for cycle in books.cycles:
        position = positions.get(cycle.cycle_id)
        if position is None or not cycle.is_completed or position.fees_elsewhere:
            continue
        by_hand = min(taken[cycle.symbol], max(Decimal(0), position.held))
        prices = _sold_by_hand_at(exchange, cycle.symbol)
        if by_hand and (not prices or len(_holding(positions, cycle.symbol)) > 1):
            continue
        if position.cost <= DUST_COST_MAX:
            prices = [*prices, position.entry_price]
        result = position.got - position.paid + (position.held - by_hand) * position.entry_price
        allowed = CENT + by_hand * position.unit_cost * HAND_SHARE
        least = result + by_hand * min(prices, default=Decimal(0)) - allowed
        most = result + by_hand * max(prices, default=Decimal(0)) + allowed
        recorded = cycle.profit_loss
        if recorded is None or not least <= recorded <= most:
            yield f"{cycle.cycle_id}: a result of {recorded} is recorded, its trades brought {least:.4f} to {most:.4f}"


def _holding(positions: Mapping[str, Position], symbol: str) -> list[Position]:
    return [each for each in positions.values() if each.symbol == symbol and each.cost > CENT]


def _sold_by_hand_at(exchange: Exchange, symbol: str) -> list[Decimal]:
    """What a coin brought in the sales by hand, net of fees; empty without any, or when coins were withdrawn."""
    if exchange.flows.get(exchange.listings[symbol].base, Decimal(0)) < 0:
        return []
    by_hand = {order.order_id for order in exchange.orders if order.by_hand and order.side == "SELL"}
    sales = (trade for trade in exchange.trades if trade.order_id in by_hand and trade.symbol == symbol)
    return [(trade.quote - trade.fee) / trade.quantity for trade in sales]
