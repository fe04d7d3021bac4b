"""What goes wrong in a soak run of market data: seeded, one after another, all kinds in turn."""

from __future__ import annotations

from random import Random
from typing import Any

KLINES = {"endpoint": "GET /api/v3/klines"}

# name, what is told to the twin, and for how long (wall seconds)
BAD_MOMENTS: tuple[tuple[dict[str, Any], float], ...] = (
    ({"fault": "stream_stall"}, 4.0),
    ({"fault": "disconnect", "params": {"target": "streams"}}, 1.0),
    ({"fault": "stream_duplicate", "probability": 0.3}, 4.0),
    ({"fault": "stream_reorder", "probability": 0.2}, 4.0),
    ({"fault": "stream_delay", "probability": 0.2, "params": {"ms": 900}}, 4.0),
    ({"fault": "stream_drop", "probability": 0.3}, 4.0),
    ({"fault": "maintenance", "probability": 0.5, "match": KLINES}, 3.0),
    ({"fault": "rate_limit_1003", "count": 2, "match": KLINES, "params": {"retry_after": 1}}, 2.0),
    ({"fault": "request_lost", "probability": 0.5, "match": KLINES}, 3.0),
    ({"fault": "malformed_answer", "probability": 0.3, "match": KLINES}, 3.0),
)
REST = ("maintenance", "rate_limit_1003", "request_lost", "malformed_answer")


def bad_moments(seed: int) -> Any:
    """Without end: every kind once in a random order, then again in another; REST fails while the stream does."""
    random = Random(seed)
    while True:
        order = list(BAD_MOMENTS)
        random.shuffle(order)
        for fault, seconds in order:
            together = [fault]
            if fault["fault"] not in REST and random.random() < 0.3:
                together.append(random.choice([other for other, _ in BAD_MOMENTS if other["fault"] in REST]))
            yield together, seconds, random.uniform(0.5, 2.5)
