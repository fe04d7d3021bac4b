"""Positions as the exchange's own trades tell them: what each cycle bought, sold and paid, and what stands for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.facts import BookedOrder, Exchange, ExchangeOrder, Listing, Trade

ZERO = Decimal(0)


@dataclass(slots=True)
class Position:
    """Base units bought and sold, net of fees in coins; quote units paid and got, net of fees in quote.

    ``gross``: base units bought before the fee in coins was taken.
    """

    cycle_id: str
    symbol: str
    bought: Decimal = ZERO
    gross: Decimal = ZERO
    sold: Decimal = ZERO
    paid: Decimal = ZERO
    got: Decimal = ZERO
    fees_elsewhere: bool = False
    orders: list[ExchangeOrder] = field(default_factory=list)

    @property
    def held(self) -> Decimal:
        return self.bought - self.sold

    @property
    def unit_cost(self) -> Decimal:
        """Quote units paid for one base unit that is held."""
        return self.paid / self.bought if self.bought else ZERO

    @property
    def entry_price(self) -> Decimal:
        """Quote units paid for one base unit that was bought."""
        return self.paid / self.gross if self.gross else ZERO

    @property
    def cost(self) -> Decimal:
        """What is still held, at what was paid for it."""
        return max(ZERO, self.held) * self.unit_cost

    @property
    def entries(self) -> list[ExchangeOrder]:
        return [order for order in self.orders if order.side == "BUY"]

    @property
    def open_entries(self) -> list[ExchangeOrder]:
        return [order for order in self.entries if order.is_open]

    @property
    def stops(self) -> list[ExchangeOrder]:
        """Stops that stand and wait for their trigger."""
        return [order for order in self.orders if order.is_open and order.is_stop and order.waits]

    def add(self, trade: Trade, listing: Listing) -> None:
        in_coins = trade.fee if trade.fee_asset == listing.base else ZERO
        in_quote = trade.fee if trade.fee_asset == listing.quote else ZERO
        self.fees_elsewhere |= bool(trade.fee) and trade.fee_asset not in {listing.base, listing.quote}
        if trade.side == "BUY":
            self.bought += trade.quantity - in_coins
            self.gross += trade.quantity
            self.paid += trade.quote + in_quote
        else:
            self.sold += trade.quantity + in_coins
            self.got += trade.quote - in_quote


def positions_of(exchange: Exchange, rows: Mapping[str, BookedOrder]) -> dict[str, Position]:
    """Every position there ever was, by its cycle."""
    positions: dict[str, Position] = {}
    owners: dict[int, Position] = {}
    for order in exchange.orders:
        row = rows.get(order.client_id)
        if row is None or row.cycle_id is None or order.by_hand:
            continue
        position = positions.setdefault(row.cycle_id, Position(row.cycle_id, order.symbol))
        position.orders.append(order)
        owners[order.order_id] = position
    for trade in exchange.trades:
        owner = owners.get(trade.order_id)
        if owner is not None:
            owner.add(trade, exchange.listings[trade.symbol])
    return positions


def traded_by_others(exchange: Exchange, rows: Mapping[str, BookedOrder]) -> dict[str, Decimal]:
    """Base units by symbol that orders outside of every position bought (+) and sold (-), with their fees in coins."""
    ours = {
        order.order_id
        for order in exchange.orders
        if not order.by_hand and (row := rows.get(order.client_id)) is not None and row.cycle_id is not None
    }
    moved: dict[str, Decimal] = {}
    for trade in exchange.trades:
        if trade.order_id not in ours:
            units = trade.quantity if trade.side == "BUY" else -trade.quantity
            fee = trade.fee if trade.fee_asset == exchange.listings[trade.symbol].base else ZERO
            moved[trade.symbol] = moved.get(trade.symbol, ZERO) + units - fee
    return moved


def taken_by_hand(exchange: Exchange, rows: Mapping[str, BookedOrder]) -> dict[str, Decimal]:
    """Base units by symbol of positions that somebody sold, withdrew or holds by orders of his own, by hand: more than
    was the owner's own. Who took a position's protection off may sell its coins before his own; and once a sale took
    coins of positions along, nobody can tell how much of it was whose.
    """
    others = traded_by_others(exchange, rows)
    taken: dict[str, Decimal] = {}
    for symbol, listing in exchange.listings.items():
        opening = exchange.opening.get(listing.base, ZERO) + exchange.flows.get(listing.base, ZERO)
        orders = [order for order in exchange.orders if order.symbol == symbol]
        locked = sum_of(order.remaining for order in orders if order.by_hand and order.is_open and order.side == "SELL")
        taken[symbol] = max(ZERO, locked - (opening + others.get(symbol, ZERO)))
        if taken[symbol] >= listing.step or any(order.canceled_by_hand for order in orders):
            taken[symbol] = max(taken[symbol], _sold_by_hand(exchange, orders))
    return taken


def _sold_by_hand(exchange: Exchange, orders: Iterable[ExchangeOrder]) -> Decimal:
    sales = {order.order_id for order in orders if order.by_hand and order.side == "SELL"}
    return sum_of(trade.quantity for trade in exchange.trades if trade.order_id in sales)


def sum_of(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
