"""What goes wrong at the exchange during an hour: seeded, all kinds in turn, with quiet between to be judged in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any, Literal

Trouble = Literal["lost", "deaf", "banned", "market"]
LOTS = [
    {"filterType": "NOTIONAL", "minNotional": "12", "applyMinToMarket": True, "maxNotional": "9000000",
     "applyMaxToMarket": False, "avgPriceMins": 5},
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class BadMoment:
    """A fault as the control door is told of it, for how long, and what it keeps from whom.

    ``lasting_s``: what it does goes on for so long after it was lifted (a ban that was told).
    """

    fault: dict[str, Any]
    seconds: float
    trouble: Trouble
    lasting_s: float = 0.0

    @property
    def name(self) -> str:
        return str(self.fault["fault"])


def _once(name: str, trouble: Trouble, *, lasting_s: float = 0.0, count: int = 1, **params: Any) -> BadMoment:
    return BadMoment({"fault": name, "count": count, "params": params}, 5.0, trouble, lasting_s)


def _sometimes(name: str, trouble: Trouble, probability: float, seconds: float, **params: Any) -> BadMoment:
    return BadMoment({"fault": name, "probability": probability, "params": params}, seconds, trouble)


BAD_MOMENTS = (
    _once("answer_lost", "lost"),
    _once("request_lost", "lost"),
    _once("late_acceptance", "lost", ms=3000),
    _once("http_5xx_unknown", "lost", before=False),
    _once("http_5xx_unknown", "lost", before=True),
    _once("timeout_1007", "lost"),
    _once("rate_limit_1003", "banned", lasting_s=4.0, count=2, retry_after=3),
    _once("ban_418", "banned", lasting_s=9.0, retry_after=8),
    _once("clock_skew_1021", "lost"),
    _once("order_not_found_after_create", "lost", count=2),
    _once("reject_protection_leg", "lost"),
    _once("malformed_answer", "lost"),
    _sometimes("maintenance", "lost", 0.5, 3.0),
    _sometimes("stream_drop", "deaf", 0.5, 5.0),
    _sometimes("stream_duplicate", "deaf", 0.5, 5.0),
    _sometimes("stream_reorder", "deaf", 0.3, 5.0),
    _sometimes("stream_delay", "deaf", 0.5, 5.0, ms=1500),
    _sometimes("stream_stall", "deaf", 1.0, 6.0),
    BadMoment({"fault": "disconnect", "params": {"target": "user"}}, 1.0, "deaf"),
    BadMoment({"fault": "disconnect", "params": {"target": "all"}}, 1.0, "deaf"),
    BadMoment({"fault": "price_gap", "params": {"percent": -2.5}}, 1.0, "market"),
    BadMoment({"fault": "price_gap", "params": {"percent": 2.5}}, 1.0, "market"),
    BadMoment({"fault": "symbol_halt", "params": {"status": "HALT"}}, 8.0, "market"),
    BadMoment({"fault": "filter_change", "params": {"filters": LOTS}}, 25.0, "market"),
    BadMoment({"fault": "insufficient_liquidity", "params": {"depth": 0.001}}, 8.0, "market"),
)


def bad_moments(seed: int, symbols: tuple[str, ...]) -> Iterator[tuple[BadMoment, float]]:
    """Without end: every kind once in a random order, then again in another; with the quiet before each, seconds."""
    random = Random(seed)
    while True:
        for moment in random.sample(BAD_MOMENTS, len(BAD_MOMENTS)):
            fault = moment.fault
            if moment.trouble == "market":
                fault = fault | {"match": {"symbol": random.choice(symbols)}}
            yield BadMoment(fault, moment.seconds, moment.trouble, moment.lasting_s), random.uniform(8, 50)
