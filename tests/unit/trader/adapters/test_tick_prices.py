"""What a position is worth now, when those who tell it are late, silent or away."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from typing import cast

import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.bus.ports import LastValues
from shared.src.domain.errors import TransientError
from tests.unit.trader.fake_exchange import SYMBOL, FakeExchange, Fuse
from trader.src.adapters.tick_prices import TickPrices


class Values:
    """Ticks nobody can read: they raise, or never come."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    async def get(self, names: Sequence[str]) -> list[bytes | None]:
        if self._error is not None:
            raise self._error
        await asyncio.Event().wait()
        return []


@pytest.mark.parametrize("error", [TransientError("Redis is away"), None], ids=["away", "silent"])
async def test_the_exchange_is_asked_when_ticks_cannot_be_read(error: Exception | None) -> None:
    clock = ManualClock()
    values = cast(LastValues, Values(error))
    prices = TickPrices(values, FakeExchange(clock, Fuse()), clock, patience_s=0.01)
    assert (await prices.ticker(SYMBOL)).bid == Decimal(50000)
    assert await prices.latest(SYMBOL) is None
