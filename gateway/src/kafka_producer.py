"""Candles and ticks into Kafka: closed candles with proof of delivery, the rest as fast as it goes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import assert_never

from gateway.src.ports import Live, MarketLog
from shared.src.contracts.market import BookDepth, CandleMessage, DayStatistics, MarketTick, TradeFlow
from shared.src.contracts.topics import KAFKA_CANDLE, KAFKA_DAY, KAFKA_DEPTH, KAFKA_FLOW, KAFKA_TICK, kafka_market
from shared.src.domain.candles import Candle
from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.frame import metrics
from shared.src.retry import Backoff, until_done

logger = logging.getLogger(__name__)

LOG_AWAY = Backoff(first_s=0.1, max_s=5.0)


class KafkaMarketProducer:
    """Implements ``MarketProducer``: publishes on ``market.data.<symbol>``, keyed by symbol."""

    def __init__(self, producer: MarketLog, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock
        self.candles = 0
        self.dropped = 0

    async def closed(self, candles: Sequence[Candle], *, source: str) -> None:
        if not candles:
            return
        symbol = candles[0].symbol
        now_ms = self._clock.now_ms()
        records = [
            (symbol, KAFKA_CANDLE.encode(CandleMessage.of(candle, source=source, occurred_at_ms=now_ms)))
            for candle in candles
        ]

        async def send() -> None:
            await self._producer.send_many(kafka_market(symbol), records)

        def note(error: TransientError) -> None:
            logger.warning("candles wait for kafka", extra={"symbol": symbol, "reason": str(error)})

        await until_done(send, LOG_AWAY, sleep=self._clock.sleep, on_failure=note)
        self.candles += len(records)
        metrics.MESSAGES_OUT.labels("market.data").inc(len(records))

    def live(self, messages: Sequence[Live]) -> None:
        now_ms = self._clock.now_ms()
        for message in messages:
            if not self._producer.post(
                kafka_market(message.symbol), key=message.symbol, value=_encode(message, now_ms)
            ):
                self.dropped += 1
        metrics.MESSAGES_OUT.labels("market.data").inc(len(messages))


def _encode(message: Live, now_ms: int) -> bytes:
    match message:
        case Candle():
            return KAFKA_CANDLE.encode(CandleMessage.of(message, source="stream", occurred_at_ms=now_ms))
        case MarketTick():
            return KAFKA_TICK.encode(message)
        case BookDepth():
            return KAFKA_DEPTH.encode(message)
        case TradeFlow():
            return KAFKA_FLOW.encode(message)
        case DayStatistics():
            return KAFKA_DAY.encode(message)
        case _:
            assert_never(message)
