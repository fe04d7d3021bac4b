"""librdkafka's own broker as a process: ``python -m cli.stack.kafka.mock_broker``.

For development only: it keeps nothing when it ends and drops the oldest messages of a partition beyond about 5 MiB.
Prints one line of JSON with its address, then serves until it is told to stop.
"""

from __future__ import annotations

import json
import signal
import sys

from confluent_kafka import Producer


def main() -> None:
    """Serve a one-broker cluster on a free loopback port."""
    numbers = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    owner = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 3})
    broker = next(iter(owner.list_topics(timeout=10).brokers.values()))
    sys.stdout.write(json.dumps({"bootstrap": f"{broker.host}:{broker.port}"}) + "\n")
    sys.stdout.flush()
    signal.sigwait(numbers)


if __name__ == "__main__":
    main()
