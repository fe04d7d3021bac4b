"""The gateway's end of the platform in one process: closed candles go straight to where a dispatcher takes them."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.src.ports import Live
from shared.src.bus.ports import Publisher
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import CANDLE_CLOSED
from shared.src.domain.candles import Candle
from shared.src.domain.clock import Clock
from shared.src.market.ports import CandleWriter


class MemoryMarketProducer:
    """Implements ``MarketProducer``: stored first, then on the topic that is decided on.

    What moves between closed candles is dropped: in one process, prices come from the exchange itself.
    """

    def __init__(self, publisher: Publisher, candles: CandleWriter, clock: Clock) -> None:
        self._publisher = publisher
        self._store = candles
        self._clock = clock
        self.candles = 0
        self.dropped = 0

    async def closed(self, candles: Sequence[Candle], *, source: str) -> None:
        now_ms = self._clock.now_ms()
        messages = [CandleMessage.of(candle, source=source, occurred_at_ms=now_ms) for candle in candles]
        await self._store.store(messages)
        await self._publisher.publish_many(CANDLE_CLOSED, [message for message in messages if message.is_decided_on])
        self.candles += len(messages)

    def live(self, messages: Sequence[Live]) -> None:
        self.dropped += len(messages)
