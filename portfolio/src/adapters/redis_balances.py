"""The balances under their documented Redis keys."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import orjson
from redis.asyncio import Redis

from portfolio.src.ports import ValuedBalance
from shared.src.contracts.topics import BALANCES_KEY, TOTAL_BALANCE_KEY
from shared.src.domain.money import wire
from shared.src.redis_client import translated


class RedisBalanceBoard:
    """Implements ``portfolio.src.ports.BalanceBoard``: ``account:balances`` and ``account:total_balance``."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def show(self, held: Sequence[ValuedBalance], total: Decimal) -> None:
        rows = [
            {
                "asset": each.balance.asset,
                "free": wire(each.balance.free),
                "locked": wire(each.balance.locked),
                "total": wire(each.balance.total),
                "value_usdc": None if each.value is None else wire(each.value),
            }
            for each in held
        ]
        async with translated():
            pipeline = self._redis.pipeline(transaction=True)
            pipeline.set(BALANCES_KEY, orjson.dumps(rows))
            pipeline.set(TOTAL_BALANCE_KEY, wire(total))
            await pipeline.execute()
