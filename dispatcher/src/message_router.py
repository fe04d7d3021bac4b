"""Where each message goes: the routing table and the pure function that reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.src.bus.kafka_record import KafkaRecord
from shared.src.bus.ports import LastValue
from shared.src.contracts.market import BookDepth, CandleMessage, DayStatistics, MarketTick, TradeFlow
from shared.src.contracts.topics import (
    CONSENSUS,
    DAY_KEY,
    DEPTH_KEY,
    EXECUTION,
    FLOW_KEY,
    KAFKA_EXECUTIONS,
    KAFKA_ORDERS,
    KAFKA_SIGNALS,
    ORDER_FAILED,
    ORDER_INTENT,
    TICK_KEY,
    VOTES,
    Topic,
    day_channel,
    decode_market,
    depth_channel,
    flow_channel,
    market_channel,
    tick_channel,
)
from shared.src.domain.errors import ContractError

# Redis topic -> Kafka topic: Kafka holds the whole event log, for replay
MIRROR: dict[Topic[Any], str] = {
    VOTES: KAFKA_SIGNALS,
    CONSENSUS: KAFKA_SIGNALS,
    ORDER_INTENT: KAFKA_ORDERS,
    ORDER_FAILED: KAFKA_ORDERS,
    EXECUTION: KAFKA_EXECUTIONS,
}


@dataclass(frozen=True, slots=True)
class Screen:
    """Where a kind of market message is shown: a channel for those who listen, a key for those who look.

    ``keep_s`` limits how long the key lasts: a value that nobody renews is not known any more. ``every``: each message
    counts, not only the newest of a batch.
    """

    channel: Callable[[str], str]
    key: str
    keep_s: int | None = None
    every: bool = False


SCREENS: dict[type[Any], Screen] = {
    MarketTick: Screen(tick_channel, TICK_KEY),
    BookDepth: Screen(depth_channel, DEPTH_KEY, keep_s=10),
    TradeFlow: Screen(flow_channel, FLOW_KEY, keep_s=60, every=True),
    DayStatistics: Screen(day_channel, DAY_KEY, keep_s=3600),
}


@dataclass(slots=True)
class Routed:
    """What a batch of Kafka records asks for, each list in the order of arrival. ``newest`` and ``shown`` hold
    messages as they came: what is only passed on is not written anew.
    """

    store: list[CandleMessage] = field(default_factory=list)
    decide: list[CandleMessage] = field(default_factory=list)
    shown: list[tuple[str, bytes]] = field(default_factory=list)
    newest: dict[tuple[Screen, str], bytes] = field(default_factory=dict)
    forming: dict[str, bytes] = field(default_factory=dict)
    dead: list[tuple[KafkaRecord, str]] = field(default_factory=list)

    def notices(self) -> list[tuple[str, bytes]]:
        """For those who listen: channel and payload, in the order in which they are published."""
        forming = [(market_channel(symbol), raw) for symbol, raw in self.forming.items()]
        newest = [(screen.channel(symbol), raw) for (screen, symbol), raw in self.newest.items() if not screen.every]
        return [*self.shown, *forming, *newest]

    def last_values(self) -> list[LastValue]:
        """For those who look."""
        return [
            LastValue(screen.key.format(symbol=symbol), raw, screen.keep_s)
            for (screen, symbol), raw in self.newest.items()
        ]


def route(records: Sequence[KafkaRecord]) -> Routed:
    """Sort records by destination. A record that breaks its contract is dead, with the reason.

    Closed candles are stored; those that are not history also go to the durable stream that decisions are made on.
    The rest goes to screens and price checks only: of a symbol's ticks, open candles and depths the newest counts.
    """
    routed = Routed()
    for record in records:
        try:
            message = decode_market(record.value)
        except ContractError as error:
            routed.dead.append((record, str(error)))
            continue
        if not isinstance(message, CandleMessage):
            screen = SCREENS[type(message)]
            routed.newest[screen, message.symbol] = record.value
            if screen.every:
                routed.shown.append((screen.channel(message.symbol), record.value))
        elif message.is_closed:
            routed.store.append(message)
            if message.is_decided_on:
                routed.decide.append(message)
                routed.forming.pop(message.symbol, None)
                routed.shown.append((market_channel(message.symbol), record.value))
        else:
            routed.forming[message.symbol] = record.value
    return routed
