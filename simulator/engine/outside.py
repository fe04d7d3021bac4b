"""Outside participants: what they offer, and what they take."""

from __future__ import annotations

from decimal import Decimal

from shared.src.domain.orders import Side
from simulator.engine.core import Core, Market
from simulator.engine.events import PriceLevel, TradeEvent
from simulator.engine.matching import Matcher, Taker
from simulator.engine.numbers import ZERO, notional


class OutsideParticipants:
    """Everyone without an account here. Their coins are counted, not limited."""

    def __init__(self, core: Core, matcher: Matcher) -> None:
        self.core = core
        self.matcher = matcher

    def set_liquidity(self, market: Market, bids: list[PriceLevel], asks: list[PriceLevel], now_ms: int) -> None:
        """Replace all standing offers; those that reach users' orders take them first.

        Raises:
            ValueError: bids and asks cross each other, or a price or quantity makes no sense.
        """
        top, bottom = max((bid[0] for bid in bids), default=None), min((ask[0] for ask in asks), default=None)
        if top is not None and bottom is not None and top >= bottom:
            raise ValueError(f"{market.rules.symbol}: outside bids at {top} and asks at {bottom} cross each other")
        book = market.book
        best_bid, best_ask = book.best(Side.BUY), book.best(Side.SELL)
        if (top and best_ask and top >= best_ask[0]) or (bottom and best_bid and bottom <= best_bid[0]):
            bids, asks = self._take_into(market, bids, asks, now_ms)
        book.set_outside(Side.BUY, bids)
        book.set_outside(Side.SELL, asks)

    def _take_into(
        self, market: Market, bids: list[PriceLevel], asks: list[PriceLevel], now_ms: int
    ) -> tuple[list[PriceLevel], list[PriceLevel]]:
        """Let new offers that reach users' orders take them; returns what is left of the offers to rest."""
        book = market.book
        for side, offers in ((Side.BUY, bids), (Side.SELL, asks)):
            # Old offers that are not offered any more must not stand in the way.
            levels = book.half(side).levels
            book.set_outside(
                side, [(price, min(levels[price].outside, wanted)) for price, wanted in offers if price in levels]
            )
        resting: dict[Side, list[PriceLevel]] = {}
        for side, offers in ((Side.BUY, bids), (Side.SELL, asks)):
            resting[side] = []
            # From the most aggressive price on: price priority among those who take.
            for price, quantity in sorted(offers, reverse=side is Side.BUY):
                taker = Taker(side, quantity, price)
                self.matcher.take(market, taker, now_ms)
                if taker.remaining > ZERO:
                    resting[side].append((price, taker.remaining))
        return resting[Side.BUY], resting[Side.SELL]

    def trade(
        self,
        market: Market,
        side: Side,
        quantity: Decimal,
        now_ms: int,
        *,
        price: Decimal | None,
        print_rest: bool,
    ) -> Decimal:
        """Take from the book; see Exchange.outside_trade. Raises ValueError."""
        if quantity <= ZERO or (price is not None and price <= ZERO):
            raise ValueError(f"{market.rules.symbol}: a trade of {quantity} at {price} makes no sense")
        if print_rest and price is None:
            raise ValueError("a trade can only be printed at a price")
        taker = Taker(side, quantity, price)
        self.matcher.take(market, taker, now_ms)
        if print_rest and price is not None and taker.remaining > ZERO:
            self._print(market, side, price, taker.remaining, now_ms)
            taker.remaining = ZERO
        return quantity - taker.remaining

    def _print(self, market: Market, side: Side, price: Decimal, quantity: Decimal, now_ms: int) -> None:
        trade = TradeEvent(
            market.rules.symbol,
            market.tape.next_trade_id,
            price,
            quantity,
            notional(price, quantity),
            now_ms,
            side is Side.SELL,
        )
        market.tape.record(trade)
        market.fresh_prices.append(price)
        self.core.events.append(trade)
        self.core.events.extend(market.tape.close_taker())
