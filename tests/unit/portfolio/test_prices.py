"""Prices for valuation: ticks, then candles, then the exchange's list; what nobody prices is not known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from portfolio.src.prices import LISTED_FOR_S, LastPrices
from shared.memory.last_values import MemoryLastValues
from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import TransientError


class Sources:
    """A candle store and an exchange's list under the test's control."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.closed: dict[str, Decimal] = {}
        self.then: dict[str, Decimal] = {}
        self.listed: dict[str, Decimal] | None = {}
        self.asked = 0
        self.prices = LastPrices(
            MemoryLastValues(self.clock),
            self._closes,
            quote_asset="USDC",
            clock=self.clock,
            closes_at=self._closes_at,
            listed=self._list,
        )

    async def _closes(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        return {symbol: price for symbol, price in self.closed.items() if symbol in symbols}

    async def _closes_at(self, symbols: Sequence[str], moment: datetime) -> dict[str, Decimal]:
        return {symbol: price for symbol, price in self.then.items() if symbol in symbols}

    async def _list(self) -> dict[str, Decimal]:
        self.asked += 1
        if self.listed is None:
            raise TransientError("away")
        return self.listed


async def test_the_exchange_is_asked_only_for_what_no_followed_symbol_prices() -> None:
    sources = Sources()
    sources.closed = {"BTCUSDC": Decimal(50000)}
    sources.listed = {"BTCUSDC": Decimal(1), "EURUSDC": Decimal("1.1"), "ODDUSDC": Decimal(3)}
    assert await sources.prices.of_assets(["BTC", "USDC"]) == {"BTCUSDC": Decimal(50000)}
    assert sources.asked == 0
    assert await sources.prices.of_assets(["BTC", "EUR"]) == {"BTCUSDC": Decimal(50000), "EURUSDC": Decimal("1.1")}


async def test_the_list_is_read_now_and_then_and_stays_as_it_was_without_an_answer() -> None:
    sources = Sources()
    sources.listed = {"EURUSDC": Decimal("1.1")}
    for _ in range(3):
        await sources.prices.of_assets(["EUR"])
    assert sources.asked == 1
    sources.listed = None
    sources.clock.advance(LISTED_FOR_S)
    assert await sources.prices.of_assets(["EUR"]) == {"EURUSDC": Decimal("1.1")}
    assert sources.asked == 2


async def test_prices_of_a_moment_are_its_candles_and_those_of_now_where_there_is_none() -> None:
    sources = Sources()
    sources.closed = {"EURUSDC": Decimal("1.2"), "USDCTRY": Decimal(42)}
    sources.then = {"EURUSDC": Decimal("1.1")}
    now = sources.clock.now()
    assert await sources.prices.at(["EUR"], now) == {"EURUSDC": Decimal("1.1")}
    assert await sources.prices.at(["EUR", "TRY"], now) == {"EURUSDC": Decimal("1.1"), "USDCTRY": Decimal(42)}
