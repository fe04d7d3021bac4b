"""The dice of faults."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.api.faults.catalogue import CATALOGUE, catalogue_help
from simulator.api.faults.rules import Faults


def test_a_count_hits_exactly_as_often() -> None:
    faults = Faults()
    faults.add({"fault": "answer_lost", "count": 2})

    hits = [asyncio.run(faults.request("POST /api/v3/order", "BTCUSDT", "alice")) for _ in range(4)]

    assert [hit is not None for hit in hits] == [True, True, False, False]
    assert faults.view() == []


@given(st.integers(0, 2**31), st.floats(0, 1))
def test_the_same_seed_throws_the_same_dice(seed: int, probability: float) -> None:
    def throws() -> list[bool]:
        faults = Faults()
        faults.add({"fault": "stream_drop", "probability": probability, "seed": seed})
        return [faults.stream("a@trade", "A", None) is not None for _ in range(20)]

    assert throws() == throws()


@pytest.mark.parametrize(
    ("match", "endpoint", "hit"),
    [
        ({}, "POST /api/v3/order", True),
        ({}, "order.place", True),
        ({}, "GET /api/v3/order", False),
        ({"endpoint": "GET /api/v3/order"}, "GET /api/v3/order", True),
        ({"endpoint": "/api/v3/*"}, "DELETE /api/v3/order", True),
        ({"endpoint": "order.*"}, "order.cancel", True),
        ({"symbol": "ETHUSDT"}, "POST /api/v3/order", False),
        ({"account": "bob"}, "POST /api/v3/order", False),
        ({"symbol": "BTCUSDT", "account": "alice"}, "POST /api/v3/order", True),
    ],
)
def test_a_match_decides_what_is_hit(match: dict[str, str], endpoint: str, hit: bool) -> None:
    faults = Faults()
    faults.add({"fault": "timeout_1007", "match": match})

    assert (asyncio.run(faults.request(endpoint, "BTCUSDT", "alice")) is not None) == hit


def test_every_fault_is_explained() -> None:
    assert len(catalogue_help().splitlines()) == len(CATALOGUE) >= 20
    documented = {
        "answer_lost",
        "late_acceptance",
        "http_5xx_unknown",
        "timeout_1007",
        "rate_limit_1003",
        "ban_418",
        "clock_skew_1021",
        "order_not_found_after_create",
        "stream_drop",
        "stream_duplicate",
        "stream_reorder",
        "stream_delay",
        "stream_stall",
        "disconnect",
        "reject_protection_leg",
        "price_gap",
        "symbol_halt",
        "filter_change",
        "insufficient_liquidity",
        "maintenance",
    }
    assert documented <= set(CATALOGUE)
