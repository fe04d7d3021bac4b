"""A breaker halts entries for a while: a symbol for its price, everything for the exchange's answers."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from core.risk.halts import Cause
from shared.src.domain.errors import RejectedError
from tests.unit.trader.fake_exchange import SYMBOL
from tests.unit.trader.rig import Rig, intent


async def halts(rig: Rig) -> list[tuple[str, Cause]]:
    await rig.trader.watch_risk()
    return [(pause.scope, pause.cause) for pause in await rig.memory.pauses()]


def rig(**settings: Any) -> Rig:
    return Rig(trading_symbols=SYMBOL, **settings)


async def test_a_price_that_jumps_halts_its_symbol_until_it_has_rested() -> None:
    world = rig(max_price_jump_percent="10", breaker_minutes=3)
    assert await halts(world) == []
    world.exchange.move(Decimal(56_000))
    assert await halts(world) == [(SYMBOL, Cause.PRICE_JUMP)]
    await world.receive(intent(1, world.clock, reference_price=Decimal(56_000)))
    assert world.cycles == ()
    world.clock.advance(181)
    assert await halts(world) == []
    await world.receive(intent(2, world.clock, reference_price=Decimal(56_000)))
    assert len(world.cycles) == 1


async def test_orders_that_are_refused_one_after_the_other_halt_everything() -> None:
    world = rig(max_rejects_in_a_row=2)
    for number in (1, 2):
        world.exchange.refusals.append(RejectedError("-2010 Account has insufficient balance.", code=-2010))
        await world.receive(intent(number, world.clock))
    assert await halts(world) == [("all", Cause.REJECTS)]
    assert await halts(world) == [("all", Cause.REJECTS)], "it is told once, and stands"
