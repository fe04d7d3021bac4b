"""What every part of the API shares: the exchange, its clock, its market data, keys, limits, faults."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from simulator.api.auth import ApiKey
from simulator.api.limits import RateLimits
from simulator.engine.exchange import Engine

TRANSFERS_MAX = 10_000


class TwinClock(Protocol):
    """Market time of the twin. ``mode``: real, accelerated or stepped; ``speed``: market seconds a wall second."""

    mode: str
    start_ms: int
    speed: float

    def now_ms(self) -> int:
        """Market time, skew included: what serverTime says."""
        ...

    def wall_ms(self) -> int:
        """Wall time: rate limits of an accelerated twin run on it."""
        ...


@dataclass(frozen=True, slots=True)
class CandleRow:
    """One kline row; ``close_time`` = open time + interval - 1."""

    open_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_time: int
    quote_volume: Decimal
    trades: int
    taker_base: Decimal
    taker_quote: Decimal


@dataclass(frozen=True, slots=True)
class WindowStats:
    """Statistics of one symbol over a window: tickers are views of it."""

    symbol: str
    open: Decimal
    high: Decimal
    low: Decimal
    last: Decimal
    previous_close: Decimal
    last_quantity: Decimal
    volume: Decimal
    quote_volume: Decimal
    open_time: int
    close_time: int
    first_id: int
    last_id: int
    count: int


class TwinMarketData(Protocol):
    """Candles and statistics; the market (synthetic, replay or still) keeps them."""

    def klines(
        self, symbol: str, interval: str, *, start: int | None, end: int | None, limit: int, offset_ms: int = 0
    ) -> Sequence[CandleRow]:
        """Rows in Binance's selection rules: none -> newest; start -> oldest from start; end -> newest up to end."""
        ...

    def stats(self, symbol: str, *, open_time: int, close_time: int) -> WindowStats:
        """What happened between two times (inclusive)."""
        ...


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that hits one request. Kinds that REST knows (``params`` in brackets):

    delay [ms]: wait (wall time) before doing the work.
    delay_answer [ms]: do the work, then wait.
    drop_request: the request is lost on the way: nothing is done, the connection breaks.
    drop_answer: the work is done, the answer is lost: the connection breaks.
    timeout: the work is done, the answer is HTTP 504/-1007 (unknown outcome); ``before`` true: not done.
    http_error [status, body?, before?]: any status with an HTML body; the work is done unless ``before``.
    error [code, msg, status?, after?]: a Binance error; the work is not done unless ``after``.
    rate_limit [retry_after]: 429 and -1003.
    ban [retry_after]: 418 and -1003.
    malformed: the work is done, the answer is cut in the middle.
    duplicate_answer is meaningless over HTTP. Kinds of streams are ignored here.
    """

    kind: str
    params: Mapping[str, Any] = field(default_factory=dict)


FaultHook = Callable[[str, str | None, str | None], Awaitable[Fault | None]]


async def no_faults(endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
    """The hook of a healthy exchange. ``endpoint``: "POST /api/v3/order" or a WebSocket API method."""
    return None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Units of an asset that were deposited (positive) or withdrawn, at a market time (ms). ``number``: its own."""

    number: int
    account: str
    asset: str
    amount: Decimal
    at_ms: int


@dataclass
class TwinState:
    """Everything the API needs. ``flush`` is called after each change of the exchange: it drains the events and
    hands them to the streams."""

    exchange: Engine
    clock: TwinClock
    # None where no endpoint asks for it: the engine of paper trading, whose prices come from the live market.
    market: TwinMarketData | None = None
    keys: dict[str, ApiKey] = field(default_factory=dict)
    limits: RateLimits = field(default_factory=RateLimits)
    fault: FaultHook = no_faults
    flush: Callable[[], None] = lambda: None
    # Called with an address that is banned: its WebSocket API connections end.
    on_ban: Callable[[str], None] = lambda address: None
    sors: list[dict[str, Any]] = field(default_factory=list)
    # Spot TWAP orders by algo id (sapi); kept here since they are an application on top of the exchange.
    algos: dict[int, Any] = field(default_factory=dict)
    # Symbols that will be delisted, and when (market time, ms).
    delistings: dict[str, int] = field(default_factory=dict)
    # What was deposited and withdrawn by hand since the twin was started, the newest of it.
    transfers: deque[Transfer] = field(default_factory=lambda: deque(maxlen=TRANSFERS_MAX))

    def note_transfer(self, account: str, asset: str, amount: Decimal, at_ms: int) -> None:
        """Remember a deposit or a withdrawal for the histories of the wallet."""
        number = self.transfers[-1].number + 1 if self.transfers else 1
        self.transfers.append(Transfer(number, account, asset, amount, at_ms))

    def tell_ban(self, address: str) -> None:
        """An address was answered 418: call ``on_ban`` if the limits banned it, and no fault that hits some calls."""
        if self.limits.banned_until(address, self.limits_ms()) is not None:
            self.on_ban(address)

    def limits_ms(self) -> int:
        """The time rate limits run on: wall time when market time is accelerated."""
        return self.clock.wall_ms() if self.clock.mode == "accelerated" else self.clock.now_ms()
