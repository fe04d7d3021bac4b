"""What the gateway needs of the world beside the stored candles: the exchange's market data, and who takes candles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from shared.src.contracts.market import BookDepth, DayStatistics, MarketTick, TradeFlow
from shared.src.domain.candles import Candle, Timeframe

# what moves between closed candles: forming candles, best prices, books, trades, the last 24 hours
Live = Candle | MarketTick | BookDepth | TradeFlow | DayStatistics

OnFrame = Callable[[str | bytes], Awaitable[None]]
# called with the streams that were (re)subscribed
OnConnect = Callable[[Sequence[str]], Awaitable[None]]


class KlineSource(Protocol):
    """The exchange's candles over REST."""

    async def klines(
        self,
        symbol: str,
        timeframe: Timeframe,
        *,
        start_ms: int | None = None,
        end_ms: int | None = None,
        limit: int = 500,
    ) -> list[Candle]:
        """Candles in order, the last one possibly still open (``is_closed`` is by the exchange's clock).

        Raises:
            TransientError, RejectedError, ContractError.
        """
        ...


class SnapshotSource(Protocol):
    """The exchange's order books over REST."""

    async def depth(self, symbol: str, *, limit: int) -> dict[str, Any]:
        """A book as Binance writes it.

        Raises:
            TransientError, RejectedError, ContractError.
        """
        ...


class ExchangeMarket(KlineSource, SnapshotSource, Protocol):
    """Both: ``shared.src.exchange.market_data.MarketData`` is one."""


class Socket(Protocol):
    """The connections to the market's streams."""

    async def run(self) -> None:
        """Stay connected until cancelled."""
        ...

    async def set_streams(self, streams: Sequence[str]) -> None:
        """Be subscribed to exactly these."""
        ...

    async def renew(self, streams: Sequence[str]) -> None:
        """Subscribe to these again: they went silent."""
        ...

    async def probe(self) -> str:
        """For /health.

        Raises:
            TransientError: a connection is not there.
        """
        ...

    def statistics(self) -> dict[str, Any]:
        """For /diagnostic."""
        ...


class OpenSocket(Protocol):
    """Makes the socket of a gateway; nothing is connected before its ``run``."""

    def __call__(self, streams: Sequence[str], *, on_frame: OnFrame, on_connect: OnConnect) -> Socket: ...


class MarketLog(Protocol):
    """Where market data is kept in order, by topic; every record is a key and a value."""

    async def send_many(self, topic: str, records: Iterable[tuple[str, bytes]]) -> None:
        """Append records in order; returns when they are safe.

        Raises:
            TransientError: it is not known that they are.
        """
        ...

    def post(self, topic: str, *, key: str, value: bytes) -> bool:
        """Append one record without waiting; False when it is not taken now."""
        ...


class MarketProducer(Protocol):
    """Takes what the gateway publishes."""

    candles: int  # closed ones that were published
    dropped: int  # live messages that nobody took

    async def closed(self, candles: Sequence[Candle], *, source: str) -> None:
        """Publish closed candles of one symbol in order; returns when they are safe, however long that takes: going on
        without them would leave a hole.
        """
        ...

    def live(self, messages: Sequence[Live]) -> None:
        """Publish what moves between closed candles; what is not taken now is gone, the next one is newer."""
        ...
