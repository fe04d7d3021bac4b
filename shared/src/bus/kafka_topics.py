"""Create the Kafka topics of the platform: ``python -m shared.src.bus.kafka_topics``; running it again changes nothing.

Market data has a topic for each symbol of ``TRADING_SYMBOLS``; decisions, logs and dead letters have one each. The
gateway creates the topic of a symbol that is added while it runs.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from shared.src.config import Settings, load_settings
from shared.src.contracts import topics
from shared.src.domain.errors import ConfigurationError, RootTradingError, TransientError

logger = logging.getLogger(__name__)

WAIT_S_MAX = 90.0
RETRY_S = 1.0
REQUEST_TIMEOUT_S = 20.0
DAY_MS = 24 * 3600 * 1000
DECISION_PARTITIONS = 3  # decisions are keyed by symbol: up to three consumers of a group may share them
KEEP_FOREVER = "-1"
EXIT_CONFIGURATION = 2
EXIT_MISSING = 3


@dataclass(frozen=True, slots=True)
class TopicPlan:
    """A topic that must exist. ``retention_ms`` as Kafka writes it; "-1" keeps everything."""

    name: str
    partitions: int
    retention_ms: str


class Admin(Protocol):
    """What this program needs of a broker."""

    def existing(self) -> set[str]:
        """Names of the topics there are. Raises TransientError when no broker answers."""
        ...

    def create(self, plans: Iterable[TopicPlan]) -> set[str]:
        """Create topics; returns those that were new. Raises RootTradingError when the broker refuses."""
        ...


def market_topic(symbol: str) -> TopicPlan:
    """The topic of a symbol's market data."""
    return TopicPlan(topics.kafka_market(symbol), 1, str(7 * DAY_MS))


def planned(settings: Settings) -> tuple[TopicPlan, ...]:
    """Every topic of the platform for these settings."""
    market = (market_topic(symbol) for symbol in settings.trading_symbols)
    decisions = (
        TopicPlan(name, DECISION_PARTITIONS, KEEP_FOREVER)
        for name in (topics.KAFKA_SIGNALS, topics.KAFKA_ORDERS, topics.KAFKA_EXECUTIONS)
    )
    logs = (TopicPlan(name, 1, str(7 * DAY_MS)) for name in topics.KAFKA_LOGS)
    dead = (TopicPlan(topics.KAFKA_DEAD_LETTERS, 1, str(30 * DAY_MS)),)
    return (*market, *decisions, *logs, *dead)


class KafkaAdmin:
    """The broker behind ``KAFKA_BROKER``. With three brokers or more each topic has three copies, else one."""

    def __init__(self, settings: Settings) -> None:
        self._broker = settings.kafka_broker
        options: dict[str, Any] = {"bootstrap.servers": self._broker, "log_level": 2, "error_cb": _note_error}
        self._client = AdminClient(options)

    def existing(self) -> set[str]:
        try:
            return set(self._client.list_topics(timeout=5).topics)
        except KafkaException as error:
            raise TransientError(f"no Kafka broker answers at {self._broker}: {_text(error)}") from error

    def create(self, plans: Iterable[TopicPlan]) -> set[str]:
        copies = 3 if len(self._client.list_topics(timeout=5).brokers) >= 3 else 1
        wanted = [
            NewTopic(
                plan.name,
                num_partitions=plan.partitions,
                replication_factor=copies,
                config={"retention.ms": plan.retention_ms},
            )
            for plan in plans
        ]
        futures = self._client.create_topics(wanted, request_timeout=REQUEST_TIMEOUT_S)
        return {name for name, future in futures.items() if _created(name, future.result)}


def _note_error(error: KafkaError) -> None:
    logger.debug("kafka: %s", error.str())


def _created(name: str, result: Callable[[], None]) -> bool:
    try:
        result()
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return False
        if cause.retriable():
            raise TransientError(f"topic {name}: {cause.str()}") from error
        raise RootTradingError(f"topic {name} was refused: {cause.str()}") from error
    return True


def _text(error: KafkaException) -> str:
    cause = error.args[0]
    return str(cause.str()) if isinstance(cause, KafkaError) else str(cause)


def ensure(
    admin: Admin,
    plans: tuple[TopicPlan, ...],
    *,
    wait_s: float = WAIT_S_MAX,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> set[str]:
    """Create what is missing, waiting for the broker; returns the topics that are new.

    Raises:
        TransientError: the broker did not answer within ``wait_s`` seconds.
        RootTradingError: the broker refused a topic.
    """
    deadline = monotonic() + wait_s
    created: set[str] = set()
    while True:
        try:
            there = admin.existing()
            missing = [plan for plan in plans if plan.name not in there]
            if not missing:
                return created
            created |= admin.create(missing)
        except TransientError as error:
            if monotonic() > deadline:
                raise TransientError(f"{error} (gave up after {wait_s:.0f} s)") from error
            logger.info("waiting for Kafka: %s", error)
        else:
            if monotonic() > deadline:
                raise TransientError(f"topics created but not visible after {wait_s:.0f} s")
        sleep(RETRY_S if not created else 0.2)


def create_market_topics(settings: Settings, symbols: Iterable[str], *, wait_s: float = WAIT_S_MAX) -> None:
    """Create the topics of symbols that are added while the platform runs, before anyone looks for them: a consumer
    hears of a topic that comes later only half a minute after.

    Raises: what ``ensure`` raises.
    """
    plans = tuple(market_topic(symbol) for symbol in symbols)
    if not settings.kafka_embedded:
        ensure(KafkaAdmin(settings), plans, wait_s=wait_s)
        return
    # the embedded broker makes a topic when it is asked for it, and cannot be told to
    options: dict[str, Any] = {"bootstrap.servers": settings.kafka_broker, "log_level": 2, "error_cb": _note_error}
    client = AdminClient(options)
    for plan in plans:
        try:
            client.list_topics(plan.name, timeout=wait_s)
        except KafkaException as error:
            raise TransientError(f"topic {plan.name}: {_text(error)}") from error


def main() -> int:
    parser = argparse.ArgumentParser(description="Create the Kafka topics of TRADING_SYMBOLS at KAFKA_BROKER.")
    parser.add_argument("--wait", type=float, default=WAIT_S_MAX, metavar="S", help="seconds to wait for the broker")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        settings = load_settings()
        plans = planned(settings)
        created = ensure(KafkaAdmin(settings), plans, wait_s=options.wait)
    except ConfigurationError as error:
        logger.error("configuration: %s", error)
        return EXIT_CONFIGURATION
    except RootTradingError as error:
        logger.error("%s", error)
        return EXIT_MISSING
    logger.info("%d topics are there, %d of them new", len(plans), len(created))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
