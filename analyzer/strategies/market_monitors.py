"""Monitors: they watch spreads between markets, report what they see and never trade.

Spot accounts cannot hold the other leg of most of these (futures, lending), and the loops need orders in one instant
that nobody guarantees. What each sees is an ``Observation``; a vote it never casts.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

from analyzer.strategies.base_strategy import BaseStrategy, MarketData, Signal
from core.risk.fees import FeeModel

Books = Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Observation:
    """A gap that is wider than the threshold, in percent after costs."""

    monitor: str
    subject: str
    percent: float
    numbers: Mapping[str, float] = field(default_factory=dict)


class MarketMonitor(BaseStrategy):
    """A strategy that only looks."""

    family = "monitor"
    title: ClassVar[str]
    # which part of the market data it looks at: books, funding or futures
    reads: ClassVar[str] = "books"
    threshold_percent: ClassVar[float]

    @property
    def name(self) -> str:
        return self.title

    @final
    def generate_signal(self, market_data: MarketData) -> Signal | None:
        return None

    def watched(self, market_data: Mapping[str, Any]) -> int:
        """How many subjects the data lets it compare; 0 says that it cannot see anything."""
        return len(market_data.get(self.reads) or {})

    @abstractmethod
    def observe(self, market_data: MarketData) -> list[Observation]:
        """What is out of line, widest first; empty when nothing is or the data is not there."""


class TriangularMonitor(MarketMonitor):
    """USDC to one coin, to another, and back to USDC: what is left after three taker fees.

    Reads ``books``: best bid and ask by symbol, e.g. LINKUSDC, LINKETH, ETHUSDC; and ``taker_fee``, a share, where the
    exchange does not take its ordinary one.
    """

    title = "Triangular_Monitor"
    quote = "USDC"
    threshold_percent = 0.15

    def watched(self, market_data: Mapping[str, Any]) -> int:
        return len(self._triangles(market_data.get("books") or {}))

    def observe(self, market_data: MarketData) -> list[Observation]:
        books: Books = market_data.get("books") or {}
        fee = float(market_data.get("taker_fee", FeeModel().taker))
        found = []
        for first, second in self._triangles(books):
            found += self._loops(books, first, second, fee)
        return _widest_first(found)

    def _triangles(self, books: Books) -> list[tuple[str, str]]:
        coins = [symbol.removesuffix(self.quote) for symbol in sorted(books) if symbol.endswith(self.quote)]
        return [(first, second) for first in coins for second in coins if first + second in books]

    def _loops(self, books: Books, first: str, second: str, fee: float) -> list[Observation]:
        cross = books[first + second]
        kept = (1.0 - fee) ** 3
        first_bid, first_ask = books[first + self.quote]
        second_bid, second_ask = books[second + self.quote]
        loops = {
            f"{self.quote}>{first}>{second}>{self.quote}": cross[0] * second_bid / first_ask,
            f"{self.quote}>{second}>{first}>{self.quote}": first_bid / (second_ask * cross[1]),
        }
        gains = {path: 100.0 * (result * kept - 1.0) for path, result in loops.items()}
        return [
            Observation(self.title, path, gain, {"fees_percent": 300.0 * fee})
            for path, gain in gains.items()
            if gain > self.threshold_percent
        ]


class StablecoinMonitor(MarketMonitor):
    """Dollar coins away from one another. Reads ``books`` of pairs such as USDCUSDT, FDUSDUSDT, DAIUSDT."""

    title = "Stablecoin_Monitor"
    coins = frozenset({"USDC", "USDT", "FDUSD", "DAI"})
    threshold_percent = 0.02

    def watched(self, market_data: Mapping[str, Any]) -> int:
        return len(self._pairs(market_data.get("books") or {}))

    def observe(self, market_data: MarketData) -> list[Observation]:
        books: Books = market_data.get("books") or {}
        found = []
        for symbol in self._pairs(books):
            bid, ask = books[symbol]
            # what can be earned against parity: buying under one or selling over one
            percent = 100.0 * max(1.0 - ask, bid - 1.0)
            if percent > self.threshold_percent:
                found.append(Observation(self.title, symbol, percent, {"bid": bid, "ask": ask}))
        return _widest_first(found)

    def _pairs(self, books: Books) -> list[str]:
        pairs = {base + quote for base in self.coins for quote in self.coins if base != quote}
        return sorted(pairs & set(books))


class FundingMonitor(MarketMonitor):
    """Perpetual futures whose funding rate is far from zero. Reads ``funding``: the rate per interval by symbol."""

    title = "Funding_Monitor"
    reads = "funding"
    threshold_percent = 0.01

    def observe(self, market_data: MarketData) -> list[Observation]:
        rates: Mapping[str, float] = market_data.get("funding") or {}
        return _widest_first(
            [
                Observation(self.title, symbol, 100.0 * rate, {"funding_rate": rate})
                for symbol, rate in sorted(rates.items())
                if abs(100.0 * rate) > self.threshold_percent
            ]
        )


class CalendarSpreadMonitor(MarketMonitor):
    """Delivery against perpetual futures. Reads ``futures``: both prices by delivery contract, perpetual first."""

    title = "Calendar_Spread_Monitor"
    reads = "futures"
    threshold_percent = 0.2

    def observe(self, market_data: MarketData) -> list[Observation]:
        prices: Mapping[str, tuple[float, float]] = market_data.get("futures") or {}
        found = []
        for symbol, (perpetual, quarterly) in sorted(prices.items()):
            percent = 100.0 * (quarterly / perpetual - 1.0) if perpetual > 0 else 0.0
            if abs(percent) > self.threshold_percent:
                found.append(Observation(self.title, symbol, percent, {"perpetual": perpetual, "quarterly": quarterly}))
        return _widest_first(found)


def _widest_first(found: list[Observation]) -> list[Observation]:
    return sorted(found, key=lambda seen: (-abs(seen.percent), seen.subject))
