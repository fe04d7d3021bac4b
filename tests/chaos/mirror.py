"""Whether every decision that went over Redis is in Kafka too, as the dispatcher promises: at least once."""

from __future__ import annotations

import time
from typing import Any

import orjson
from confluent_kafka import Consumer

from shared.src.contracts.topics import (
    CONSENSUS,
    EXECUTION,
    KAFKA_EXECUTIONS,
    KAFKA_ORDERS,
    KAFKA_SIGNALS,
    ORDER_FAILED,
    ORDER_INTENT,
    PARTITIONS,
    VOTES,
    Topic,
)
from tests.chaos.platform import Platform

MIRRORED: dict[Topic[Any], str] = {
    VOTES: KAFKA_SIGNALS,
    CONSENSUS: KAFKA_SIGNALS,
    ORDER_INTENT: KAFKA_ORDERS,
    ORDER_FAILED: KAFKA_ORDERS,
    EXECUTION: KAFKA_EXECUTIONS,
}
PATIENCE_S = 30.0


def not_mirrored(platform: Platform) -> list[str]:
    """Messages of Redis that do not reach Kafka in time."""
    wanted = _in_redis(platform)
    consumer = Consumer(
        {
            "bootstrap.servers": platform.settings.kafka_broker,
            "group.id": f"judge-{time.time_ns()}",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "check.crcs": False,
        }
    )
    consumer.subscribe(sorted(set(MIRRORED.values())))
    end = time.monotonic() + PATIENCE_S
    try:
        while wanted and time.monotonic() < end:
            for record in consumer.consume(500, 0.5):
                if record.error() is None:
                    wanted.discard((str(record.topic()), orjson.loads(record.value() or b"{}").get("message_id")))
    finally:
        consumer.close()
    return [f"{topic}: {message_id}" for topic, message_id in sorted(wanted)]


def _in_redis(platform: Platform) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    for topic, kafka in MIRRORED.items():
        for stream in topic.streams(PARTITIONS):
            entries: Any = platform.redis.xrange(stream)
            found |= {(kafka, orjson.loads(fields[b"d"])["message_id"]) for _, fields in entries}
    return found
