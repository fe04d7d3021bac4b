"""The candles of all symbols of one twin."""

from collections.abc import Iterable
from decimal import Decimal

from simulator.market.candles import SymbolCandles
from simulator.market.window import Window, window_of


class TwinCandles:
    """The candles of all symbols of one twin."""

    def __init__(self) -> None:
        self._symbols: dict[str, SymbolCandles] = {}

    def add_symbol(self, symbol: str, *, decimals: int, start_ms: int, price: Decimal) -> SymbolCandles:
        """Begin a symbol with one open flat candle; ``decimals`` are those of its quantity step (0..8)."""
        candles = SymbolCandles(symbol, decimals=decimals, start_ms=start_ms, price=price)
        self._symbols[symbol] = candles
        return candles

    def put(self, candles: SymbolCandles) -> None:
        """Take over the candles of a symbol."""
        self._symbols[candles.symbol] = candles

    def __contains__(self, symbol: object) -> bool:
        return symbol in self._symbols

    def __getitem__(self, symbol: str) -> SymbolCandles:
        return self._symbols[symbol]

    def symbols(self) -> Iterable[str]:
        return self._symbols.keys()

    def add_trade(
        self, symbol: str, price: Decimal, quantity: Decimal, time_ms: int, taker_buys: bool, trade_id: int
    ) -> None:
        """Count one trade in. Raises KeyError for a symbol that was not added."""
        self._symbols[symbol].add_trade(price, quantity, time_ms, taker_buys, trade_id)

    def roll(self, now_ms: int) -> bool:
        """Close every minute that ended by ``now_ms`` in every symbol; says whether any did."""
        closed = 0
        for candles in self._symbols.values():
            closed += candles.roll(now_ms)
        return closed > 0

    def window(self, symbol: str, from_ms: int, now_ms: int) -> Window:
        """Statistics since ``from_ms`` (24 hours for ticker/24hr)."""
        return window_of(self._symbols[symbol], from_ms, now_ms)

    def average_price(self, symbol: str, minutes: int, now_ms: int) -> Decimal:
        """What GET /api/v3/avgPrice and the average-price filters use."""
        return self._symbols[symbol].average_price(minutes, now_ms)
