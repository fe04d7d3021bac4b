"""An hour of market while everything goes wrong; tests/soak plays two days of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from shared.src.config import Settings
from tests.soak.faults import BAD_MOMENTS
from tests.soak.market_data import Plan, run

pytestmark = pytest.mark.integration

SYMBOLS = "BTCUSDC,ETHUSDC,SOLUSDC"  # the twin's first three


def test_no_candle_is_lost_wrong_or_decided_on_twice_whatever_happens(
    make_settings: Callable[..., Settings], redis: Redis, tmp_path: Path
) -> None:
    settings = make_settings(trading_symbols=SYMBOLS, kafka_group_id="soak")
    plan = Plan(hours=1.0, seed=11, speed=300, symbols=3, kills=2, pace=0.2)
    result = run(plan, tmp_path, settings, "tests", talk=False)
    assert result.ok, result
    assert result.kills == {"dispatcher": 1, "gateway": 1}
    assert result.tampered == 8
    assert set(result.faults) == {fault["fault"] for fault, _ in BAD_MOMENTS}
    assert result.compared["1m"] >= 3 * 60
    assert result.compared["15m"] >= 3 * 3
