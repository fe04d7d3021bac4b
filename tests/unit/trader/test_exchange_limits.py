"""What the exchange would refuse after the purchase is refused before it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import MANUAL
from shared.src.domain.errors import TransientError
from shared.src.domain.orders import Side
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.engine_world import World, one_process
from tests.unit.trader.fake_exchange import SYMBOL
from tests.unit.trader.rig import intent

D = Decimal


async def refusal(world: World, number: int, **decided: Any) -> str:
    taken = await world.trader.intents.take(intent(number, world.clock, strategy=MANUAL, **decided))
    await world.quiet()
    return taken.refused


async def test_the_stops_that_the_account_may_have_in_all_symbols_are_counted() -> None:
    async with one_process() as world:
        world.engine.set_exchange_filters([{"filterType": "EXCHANGE_MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 2}])
        assert not await refusal(world, 1)
        assert not await refusal(world, 2)
        assert "EXCHANGE_MAX_NUM_ALGO_ORDERS" in await refusal(world, 3)


async def test_a_band_is_measured_from_the_average_that_the_exchange_takes() -> None:
    """The price has left the average of five minutes by 4 %: a stop 5 % under the price is 9 % under that."""
    narrow = {
        "filterType": "PERCENT_PRICE_BY_SIDE",
        "bidMultiplierUp": "1.2",
        "bidMultiplierDown": "0.8",
        "askMultiplierUp": "1.2",
        "askMultiplierDown": "0.93",
        "avgPriceMins": 5,
    }
    async with one_process() as world:
        others = [rule for rule in default_filters() if "PERCENT_PRICE" not in rule["filterType"]]
        world.engine.set_filters(SYMBOL, [*others, narrow], world.clock.now_ms())
        await world.trade(Side.BUY, "4", "50000")
        await world.offer("47990", "48000")
        levels = {"reference_price": D(48000), "take_profit": D(50000)}
        assert "its stop at 46000 would be too far" in await refusal(world, 1, stop_loss=D(46000), **levels)
        assert not await refusal(world, 2, stop_loss=D(47000), **levels)


async def test_entries_wait_while_what_may_be_ordered_is_kept_for_exits() -> None:
    async with one_process() as world:
        world.exchange.entries_wait = 4.0
        with pytest.raises(TransientError, match="kept for exits for another 4 s"):
            await refusal(world, 1)
        assert world.exchange.calls == []
        world.exchange.entries_wait = 0.0
        assert not await refusal(world, 1)
