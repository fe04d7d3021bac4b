"""The newest values on a real Redis."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from shared.src.bus.ports import LastValues
from shared.src.bus.redis_last_values import RedisLastValues
from tests.behaviour.shared.last_values import LastValuesBehaviour

pytestmark = pytest.mark.integration


class TestRedisLastValues(LastValuesBehaviour):
    @pytest.fixture
    def values(self, redis: Redis) -> LastValues:
        return RedisLastValues(redis)
