"""A market of several symbols as closed candles, and the votes that the real processes cast on it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal
from typing import Any

from redis.asyncio import Redis

from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader
from analyzer.src.strategy_runner import StrategyRunner
from core.features.engine import IndicatorEngine
from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.contracts.market import CandleMessage, FeatureFrame
from shared.src.contracts.signals import StrategyVotes
from shared.src.contracts.topics import FEATURES, KAFKA_CANDLE, VOTES, kafka_market
from shared.src.database import Database
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.features import BarFeatures
from shared.src.kafka_client import KafkaProducer
from shared.src.sql import text
from tests.streams import messages_of

# symbols of their own: a topic in Kafka outlives a test
SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT", "ADAUSDT", "XRPUSDT", "LINKUSDT")
START = 1_760_000_040_000 // 60_000 * 60_000


def candle(symbol: str, index: int, *, factor: str = "1") -> Candle:
    """A wave with drifting amplitude, another one for each symbol: crosses and touches occur by themselves."""
    phase = sum(symbol.encode()) % 17
    wave = 0.01 * math.sin((index + 3 * phase) / 9) + 0.004 * math.sin((index + phase) / 2.3)
    price = 500 * phase * (1 + wave + 0.0001 * index) * float(factor) + 100
    close, before = (Decimal(f"{price * part:.2f}") for part in (1, 1 - 0.001 * math.cos(index + phase)))
    high, low = max(close, before) * Decimal("1.0005"), min(close, before) * Decimal("0.9995")
    volume = Decimal(f"{10 + 5 * math.sin(index / 4) ** 2:.4f}")
    return Candle(symbol, Timeframe.M1, START + index * 60_000, before, high, low, close, volume, volume * close, 100)


async def produce(settings: Settings, candles: Iterable[Candle], *, source: str) -> None:
    """Into Kafka, each symbol in its topic."""
    producer = KafkaProducer(settings, client_id="test")
    by_symbol: dict[str, list[tuple[str, bytes]]] = {}
    for one in candles:
        message = CandleMessage.of(one, source=source, occurred_at_ms=one.close_time + 1)
        by_symbol.setdefault(one.symbol, []).append((one.symbol, KAFKA_CANDLE.encode(message)))
    await asyncio.gather(*(producer.send_many(kafka_market(symbol), records) for symbol, records in by_symbol.items()))
    await producer.close()


def minutes(numbers: range, symbols: Iterable[str] = SYMBOLS) -> list[Candle]:
    return [candle(symbol, number) for number in numbers for symbol in symbols]


async def count(database: Database, statement: str) -> int:
    async with database.begin() as connection:
        return int((await connection.execute(text(statement))).scalar_one())


async def until(read: Callable[[], Awaitable[Any]], wanted: int, timeout_s: float = 60) -> int:
    async with asyncio.timeout(timeout_s):
        while (found := await read()) < wanted:  # noqa: ASYNC110 - the databases do not call back
            await asyncio.sleep(0.1)
    return int(found)


Ballot = dict[tuple[str, str, int], tuple[Any, ...]]


async def ballot(redis: Redis) -> Ballot:
    """What was voted on each bar. A message may come twice after a crash; then with the same content.

    Raises:
        AssertionError: a bar was voted on twice, differently, or out of order.
    """
    found: Ballot = {}
    newest: dict[tuple[str, str], int] = {}
    for message in await messages_of(redis, VOTES):
        key = (message.symbol, message.timeframe.value, message.time)
        votes = content(message)
        assert found.setdefault(key, votes) == votes, key
        assert message.time <= newest.get(key[:2], message.time) + message.timeframe.milliseconds, key
        newest[key[:2]] = max(message.time, newest.get(key[:2], 0))
    return found


def reference(history: int, end: int) -> Ballot:
    """The votes on the same market, computed bar by bar in one process without any service."""
    loaded = StrategyLoader([BUILT_IN], environment={}).load().loaded
    runner = StrategyRunner(loaded, ManualClock(), min_volume=Decimal(0))
    engines = {symbol: IndicatorEngine(symbol, "1m") for symbol in SYMBOLS}
    for symbol, engine in engines.items():
        engine.warm_up([candle(symbol, number) for number in range(history)])
    votes: Ballot = {}
    for number in range(history, end):
        frames = []
        for one in minutes(range(number, number + 1)):
            message = CandleMessage.of(one, source="stream", occurred_at_ms=one.close_time)
            bar = BarFeatures(one.symbol, one.timeframe, one.time, engines[one.symbol].update(one))
            frame = FeatureFrame.of(bar, correlation_id=message.correlation_id, occurred_at=from_ms(0))
            frames.append(FEATURES.decode(FEATURES.encode(frame)))
        for frame in frames:
            runner.see(frame)
            cast = VOTES.decode(VOTES.encode(runner.evaluate(frame)))
            votes[(frame.symbol, frame.timeframe.value, frame.time)] = content(cast)
    return votes


def content(message: StrategyVotes) -> tuple[Any, ...]:
    """Everything but when it was said."""
    votes = [vote.model_dump(exclude={"occurred_at"}) for vote in message.votes]
    return message.price, message.features, votes
