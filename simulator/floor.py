"""Where a market meets the exchange: its steps become offers and trades of the engine, and what the engine says of
them becomes candles, stream messages and news for accounts.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

from shared.src.domain.orders import Side
from simulator.api.streams.feed import Audience, Feed
from simulator.engine.events import (
    AccountEvent,
    AggTradeEvent,
    BalanceEvent,
    BookEvent,
    Event,
    ExternalLockEvent,
    ListEvent,
    OrderEvent,
    StatusEvent,
    TradeEvent,
)
from simulator.engine.exchange import Engine
from simulator.market.book import Level
from simulator.market.candle_store import TwinCandles
from simulator.market.clock import MarketClock

AccountNews = OrderEvent | AccountEvent | BalanceEvent | ExternalLockEvent | ListEvent


class TradingFloor:
    """Implements ``simulator.market.mirror.MirrorSink``: what a driver plays into.

    ``due`` says when the market moves next (ms of market time): its driver's, once there is one. ``on_account`` gets
    what happened to an account, in order. ``monotonic`` (seconds) paces open candles on the streams of a market that is
    faster than real time.
    """

    def __init__(
        self,
        exchange: Engine,
        clock: MarketClock,
        candles: TwinCandles,
        audience: Audience,
        *,
        on_account: Callable[[AccountNews], None],
        monotonic: Callable[[], float],
    ) -> None:
        self.exchange, self.clock, self.candles = exchange, clock, candles
        self.due: Callable[[], int] = clock.market_ms
        self._on_account = on_account
        self.feed = Feed(audience, exchange, candles, clock, self.horizon, monotonic)

    def horizon(self) -> int:
        """Market time (ms) up to which the market has been played: behind the clock while a backlog is worked off.

        Candles close at this time, so that a late market still puts every trade into its own minute.
        """
        return min(self.clock.market_ms(), self.due())

    def move(self, symbol: str, bids: list[Level], asks: list[Level], time_ms: int) -> None:
        """Replace the outside offers of a symbol."""
        self.exchange.set_liquidity(symbol, bids, asks, time_ms + self.clock.skew_ms)

    def trade(self, symbol: str, price: Decimal, quantity: Decimal, taker_buys: bool, time_ms: int) -> None:
        """Let an outside taker trade at ``price``; what the book does not give is printed."""
        side = Side.BUY if taker_buys else Side.SELL
        self.exchange.outside_trade(symbol, side, quantity, time_ms + self.clock.skew_ms, price=price, print_rest=True)

    def candle(self, symbol: str, row: Sequence[int]) -> None:
        """Take a minute candle as the mirrored exchange has it."""
        self.candles[symbol].put(row)

    def end_minute(self, time_ms: int) -> None:
        """Close the candles of the minute that ended."""
        self.settle()
        self.candles.roll(time_ms)
        self.feed.close_candles()

    def settle(self) -> None:
        """Hand out what the market's steps caused, at the steps' own times."""
        skew, horizon = self.clock.skew_ms, self.horizon()
        for event in self.exchange.drain():
            self._tell(event, min(event.time - skew, horizon))
        self.feed.show_candles()

    def flush(self) -> None:
        """Hand out what a request caused."""
        now = self.horizon()
        for event in self.exchange.drain():
            self._tell(event, now)

    def arrive(self) -> None:
        """A stepped clock stands where it was to go: show what is to be seen there."""
        self.flush()
        self.feed.close_candles()
        self.feed.show_candles()

    def _tell(self, event: Event, market_ms: int) -> None:
        match event:
            case TradeEvent():
                self.candles.add_trade(
                    event.symbol, event.price, event.quantity, market_ms, not event.is_buyer_maker, event.trade_id
                )
                self.feed.on_trade(event)
            case AggTradeEvent():
                self.feed.on_agg_trade(event)
            case BookEvent():
                self.feed.on_book(event)
            case StatusEvent():
                pass  # exchangeInfo says it; no stream does
            case _:
                self._on_account(event)
