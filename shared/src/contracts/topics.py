"""Every channel of the platform, declared once: its name, its message, its key.

Durable topics are Redis Streams (at least once, acknowledged after the effect); notices are pub/sub and may be
lost (screens only); Kafka topics are the log of market data and the mirror of every decision.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError

from shared.src.contracts.alerts import Alert
from shared.src.contracts.market import (
    BookDepth,
    CandleMessage,
    DayStatistics,
    FeatureFrame,
    MarketMessage,
    MarketTick,
    TradeFlow,
)
from shared.src.contracts.orders import DecisionMade, ExecutionEvent, OrderFailed, OrderIntent
from shared.src.contracts.portfolio import BalanceUpdated, CycleUpdated
from shared.src.contracts.signals import ConsensusSignal, StrategyVotes
from shared.src.domain.errors import ContractError

M = TypeVar("M", bound=BaseModel)

# streams of a partitioned topic, unless Redis has another number stored: as many replicas can share its work
PARTITIONS = 16
PARTITIONS_KEY = "roottrading:bus:partitions"


@dataclass(frozen=True, slots=True)
class Topic(Generic[M]):
    """A named channel that carries one message type; ``key`` names the field that orders messages.

    A partitioned topic is several Redis Streams; messages with one key are in one of them, in order.
    """

    name: str
    model: type[M]
    key: str = "symbol"
    maxlen: int = 20_000  # entries that Redis keeps; older ones are found in the database
    partitioned: bool = False

    def encode(self, message: M) -> bytes:
        return message.model_dump_json().encode()

    def decode(self, raw: bytes | str) -> M:
        """Parse a message.

        Raises:
            ContractError: the bytes are not a message of this topic; the text says which field and why.
        """
        try:
            return self.model.model_validate_json(raw)
        except ValidationError as error:
            raise _not_of(self.name, error) from error

    def key_of(self, message: M) -> str:
        return str(getattr(message, self.key))

    def streams(self, partitions: int) -> tuple[str, ...]:
        """The Redis Streams of this topic; the first has its name."""
        rest = range(1, partitions if self.partitioned else 1)
        return (self.name, *(f"{self.name}:{number}" for number in rest))

    def stream_of(self, key: str, partitions: int) -> str:
        """The stream that carries a key: the same in every process."""
        number = zlib.crc32(key.encode()) % partitions if self.partitioned else 0
        return f"{self.name}:{number}" if number else self.name

    def stream_maxlen(self, partitions: int) -> int:
        """Entries kept of one stream: keys do not spread evenly, so twice its share."""
        return max(1, 2 * self.maxlen // partitions) if self.partitioned and partitions > 1 else self.maxlen


def _not_of(name: str, error: ValidationError) -> ContractError:
    problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in error.errors())
    return ContractError(f"{name}: {problems}")


# Durable, Redis Streams
CANDLE_CLOSED = Topic("roottrading:market:candles", CandleMessage, partitioned=True)
FEATURES = Topic("roottrading:analyze:features", FeatureFrame, maxlen=4_000, partitioned=True)
VOTES = Topic("roottrading:analyze:signal", StrategyVotes, partitioned=True)
CONSENSUS = Topic("roottrading:analyze:consensus", ConsensusSignal)
ORDER_INTENT = Topic("roottrading:trade:order", OrderIntent)
EXECUTION = Topic("roottrading:trade:execution", ExecutionEvent)
ORDER_FAILED = Topic("roottrading:order:failed", OrderFailed)
CYCLE_UPDATED = Topic("roottrading:trade:cycle", CycleUpdated)

DURABLE: tuple[
    Topic[CandleMessage]
    | Topic[FeatureFrame]
    | Topic[StrategyVotes]
    | Topic[ConsensusSignal]
    | Topic[OrderIntent]
    | Topic[ExecutionEvent]
    | Topic[OrderFailed]
    | Topic[CycleUpdated],
    ...,
] = (
    CANDLE_CLOSED,
    FEATURES,
    VOTES,
    CONSENSUS,
    ORDER_INTENT,
    EXECUTION,
    ORDER_FAILED,
    CYCLE_UPDATED,
)

# Notices, Redis pub/sub: for screens; losing one costs a repaint
BALANCE_UPDATED = Topic("roottrading:notification:balance_updated", BalanceUpdated, key="asset")
DECISION_MADE = Topic("roottrading:notification:decision", DecisionMade)
ALERT = Topic("roottrading:notification:alert", Alert, key="source")


def market_channel(symbol: str) -> str:
    """Pub/sub channel of a symbol's live candles (open and closed)."""
    return f"roottrading:market:data:{symbol}"


def tick_channel(symbol: str) -> str:
    """Pub/sub channel of a symbol's best bid and ask."""
    return f"roottrading:market:tick:{symbol}"


def depth_channel(symbol: str) -> str:
    """Pub/sub channel of a symbol's spread and depth."""
    return f"roottrading:market:depth:{symbol}"


def flow_channel(symbol: str) -> str:
    """Pub/sub channel of what takers bought and sold."""
    return f"roottrading:market:flow:{symbol}"


def day_channel(symbol: str) -> str:
    """Pub/sub channel of a symbol's last 24 hours."""
    return f"roottrading:market:day:{symbol}"


TICK_KEY = "roottrading:market:last:{symbol}"
DEPTH_KEY = "roottrading:market:last_depth:{symbol}"  # expires: a depth that nobody renews is not known
FLOW_KEY = "roottrading:market:last_flow:{symbol}"
DAY_KEY = "roottrading:market:last_day:{symbol}"
MONITOR_KEY = "roottrading:monitor:observations"  # expires: what nobody sees any more is not there
BALANCES_KEY = "account:balances"
TOTAL_BALANCE_KEY = "account:total_balance"
DEAD_LETTERS = "roottrading:dead_letters"

# Kafka
KAFKA_SIGNALS = "signals"
KAFKA_ORDERS = "orders"
KAFKA_EXECUTIONS = "executions"
KAFKA_LOGS = ("logs.info", "logs.error", "logs.debug")
KAFKA_DEAD_LETTERS = "dead.letters"


def kafka_market(symbol: str) -> str:
    """Kafka topic of a symbol's market data."""
    return f"market.data.{symbol.lower()}"


KAFKA_CANDLE = Topic("market.data", CandleMessage)
KAFKA_TICK = Topic("market.data", MarketTick)
KAFKA_DEPTH = Topic("market.data", BookDepth)
KAFKA_FLOW = Topic("market.data", TradeFlow)
KAFKA_DAY = Topic("market.data", DayStatistics)


_MARKET: TypeAdapter[MarketMessage] = TypeAdapter(MarketMessage)


def decode_market(raw: bytes) -> MarketMessage:
    """Parse a message of ``market.data.<symbol>``, whichever kind it is.

    Raises:
        ContractError: it is none of them; the text says which field and why.
    """
    try:
        return _MARKET.validate_json(raw)
    except ValidationError as error:
        raise _not_of("market.data", error) from error
