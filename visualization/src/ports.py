"""What the dashboard reads. Everything raises TransientError when the store is away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from core.capital.pockets import Pocket
from core.statistics.equity import EquityCurve
from core.statistics.results import Results
from shared.src.domain.candles import Candle, Timeframe
from shared.src.exchange.models import Balance
from visualization.src.views import (
    CandleView,
    CycleView,
    DecisionView,
    IndicatorPoint,
    OrderView,
    SignalView,
    SymbolView,
    TradeView,
)


class MarketReads(Protocol):
    async def traded(self, configured: Sequence[str]) -> list[str]:
        """The symbols in force, given those of the settings."""
        ...

    async def candles(self, symbol: str, timeframe: Timeframe, limit: int) -> list[CandleView]:
        """The last candles, oldest first. Stored ones are completed by those built of the stored minutes."""
        ...

    async def minutes_since(self, symbol: str, since_ms: int) -> list[Candle]:
        """The closed 1m candles from a moment on, oldest first."""
        ...

    async def symbols(self, symbols: Sequence[str], quote: str) -> list[SymbolView]:
        """Last price, change and quote volume of the 24 hours before it, of the symbols in force."""
        ...

    async def available_symbols(self) -> list[str]:
        """Symbols with stored candles."""
        ...

    async def indicator_columns(self) -> list[str]:
        """What the chart may ask for."""
        ...

    async def indicators(
        self, symbol: str, timeframe: Timeframe, columns: Sequence[str], limit: int
    ) -> dict[str, list[IndicatorPoint]]:
        """Values per bar, oldest first. ``columns`` must come from ``indicator_columns``."""
        ...


class TradingReads(Protocol):
    async def chart_signals(self, symbol: str, limit: int, strategy: str = "") -> list[SignalView]:
        """Consensus signals of a symbol, oldest first, at the bar they were made on."""
        ...

    async def decisions(self, *, symbol: str, accepted_only: bool, limit: int) -> list[DecisionView]:
        """Consensus signals with their votes and what became of them, newest first."""
        ...

    async def cycles(self, *, symbol: str, status: str, limit: int) -> list[CycleView]:
        """Cycles, newest first. ``status`` is one of the states, ``open``, ``closed`` or empty for all."""
        ...

    async def trades(self, *, symbol: str, limit: int) -> list[TradeView]:
        """Fills, newest first."""
        ...

    async def orders(self, *, symbol: str, open_only: bool, limit: int) -> list[OrderView]:
        """Orders, newest first; a state that is not final counts as open, UNKNOWN included."""
        ...


class Grouping(StrEnum):
    """By what results are told apart."""

    STRATEGY = "strategy"
    SYMBOL = "symbol"


@dataclass(frozen=True, slots=True)
class TradingSums:
    """Completed cycles, what they earned since midnight UTC, and how much is going on.

    ``volumes_24h``: quote units of each symbol that was traded.
    """

    results: Results
    profit_today: Decimal
    cycles_open: int
    trades_24h: int
    volumes_24h: Mapping[str, Decimal]


class PerformanceReads(Protocol):
    async def pockets(self) -> list[Pocket]:
        """All pockets of the account: active, buffer, safety."""
        ...

    async def held(self) -> list[Balance]:
        """What the exchange last said is held, by asset."""
        ...

    async def prices(self, symbols: Sequence[str]) -> dict[str, Decimal]:
        """The last stored price of each symbol that has one."""
        ...

    async def equity(self) -> EquityCurve:
        """The last points, oldest first."""
        ...

    async def open_times(self, now: datetime) -> list[tuple[int, int]]:
        """When each position was open, ms UTC; one that still is ends ``now``."""
        ...

    async def sums(self, now: datetime) -> TradingSums:
        """Everything traded until ``now`` (market time)."""
        ...

    async def grouped(self, by: Grouping) -> list[tuple[str, Results]]:
        """Results of completed cycles by name, the most profitable first."""
        ...


@dataclass(frozen=True, slots=True)
class Attention:
    """How many of what a person should look at."""

    dead_letters: int
    unknown_orders: int
    unprotected: int


@dataclass(frozen=True, slots=True)
class StoppedScope:
    """Where no position is opened: ``all``, a symbol or a strategy. ``halted``: by the platform, not by a person."""

    scope: str
    reason: str
    halted: bool


class SystemReads(Protocol):
    async def attention(self, protected_by: datetime) -> Attention:
        """``protected_by``: positions that are older and have no stop are not protected."""
        ...

    async def pauses(self, now: datetime) -> list[StoppedScope]:
        """What is in force, halts before pauses of the same scope."""
        ...
