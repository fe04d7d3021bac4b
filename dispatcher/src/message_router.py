"""Where each message goes: the routing table and the pure function that reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.src.contracts.market import CandleMessage, MarketTick
from shared.src.contracts.topics import (
    CONSENSUS,
    EXECUTION,
    KAFKA_CANDLE,
    KAFKA_EXECUTIONS,
    KAFKA_ORDERS,
    KAFKA_SIGNALS,
    KAFKA_TICK,
    ORDER_FAILED,
    ORDER_INTENT,
    VOTES,
    Topic,
)
from shared.src.domain.errors import ContractError
from shared.src.kafka_client import Record

# Redis topic -> Kafka topic: Kafka holds the whole event log, for replay
MIRROR: dict[Topic[Any], str] = {
    VOTES: KAFKA_SIGNALS,
    CONSENSUS: KAFKA_SIGNALS,
    ORDER_INTENT: KAFKA_ORDERS,
    ORDER_FAILED: KAFKA_ORDERS,
    EXECUTION: KAFKA_EXECUTIONS,
}

HISTORY = frozenset({"history"})  # stored, but nothing is decided on it


@dataclass(slots=True)
class Routed:
    """What a batch of Kafka records asks for, each list in the order of arrival."""

    store: list[CandleMessage] = field(default_factory=list)
    decide: list[CandleMessage] = field(default_factory=list)
    screens: list[CandleMessage] = field(default_factory=list)
    ticks: dict[str, MarketTick] = field(default_factory=dict)
    dead: list[tuple[Record, str]] = field(default_factory=list)


def route(records: Sequence[Record]) -> Routed:
    """Sort records by destination. A record that breaks its contract is dead, with the reason.

    Closed candles are stored; those that are not history also go to the durable stream that decisions are made on.
    Open candles and ticks go to screens and price checks only; of a symbol's ticks the newest counts.
    """
    routed = Routed()
    for record in records:
        try:
            message = _decode(record.value)
        except ContractError as error:
            routed.dead.append((record, str(error)))
            continue
        if isinstance(message, MarketTick):
            routed.ticks[message.symbol] = message
        elif message.is_closed:
            routed.store.append(message)
            if message.source not in HISTORY:
                routed.decide.append(message)
                routed.screens.append(message)
        else:
            routed.screens.append(message)
    return routed


def _decode(value: bytes) -> CandleMessage | MarketTick:
    try:
        kind = orjson.loads(value).get("type")
    except (orjson.JSONDecodeError, AttributeError) as error:
        raise ContractError(f"market.data: not a JSON object: {error}") from error
    match kind:
        case "tick":
            return KAFKA_TICK.decode(value)
        case "candle":
            return KAFKA_CANDLE.decode(value)
        case _:
            raise ContractError(f"market.data: type must be candle or tick, not {kind!r}")
