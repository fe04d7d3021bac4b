"""What trades cost the account: its own rates, cheaper as long as it holds enough BNB."""

from __future__ import annotations

from decimal import Decimal

from core.positions.model import Purpose
from core.risk.fees import FeeModel
from shared.src.contracts.topics import ALERT
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.engine_world import ACCOUNT, World, one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal
FULL = FeeModel(D("0.001"), D("0.001"))
REDUCED = FeeModel(D("0.00075"), D("0.00075"))


def discounted(world: World, bnb: str) -> None:
    """The account pays its fees in BNB, and holds so much; one is worth 600."""
    world.engine.add_symbol(MarketRules.create("BNBUSDC", "BNB", "USDC", default_filters()), D(600))
    world.engine.set_liquidity("BNBUSDC", [(D(600), D(9))], [(D(601), D(9))], world.clock.now_ms())
    account = world.engine.account(ACCOUNT)
    account.bnb_discount = True
    world.engine.deposit(account, "BNB", D(bnb), world.clock.now_ms())


async def looked(world: World) -> FeeModel:
    await world.trader.reconciler.run()
    await world.trader.fees.look([SYMBOL])
    return world.trader.fees.of(SYMBOL)


def told(world: World) -> list[str]:
    return [ALERT.decode(raw).title for name, raw in world.bus.notices if name == ALERT.name]


async def test_until_they_are_read_the_settings_stand_in() -> None:
    async with one_process(taker_fee_percent="0.2") as world:
        assert world.trader.fees.of(SYMBOL).taker == D("0.002")
        assert await looked(world) == FULL
        assert world.store.fees == {SYMBOL: FULL}


async def test_bnb_makes_trades_cheaper_until_it_runs_out_and_that_is_told_once() -> None:
    async with one_process(max_position_size="1000") as world:
        discounted(world, "0.1")
        assert await looked(world) == REDUCED
        assert told(world) == []
        world.engine.deposit(world.engine.account(ACCOUNT), "BNB", D("-0.0999"), world.clock.now_ms())
        for _ in range(3):
            assert await looked(world) == FULL
        assert told(world) == ["too little BNB to pay fees with"]
        world.engine.deposit(world.engine.account(ACCOUNT), "BNB", D("0.1"), world.clock.now_ms())
        assert await looked(world) == REDUCED


async def test_an_account_without_the_discount_is_not_told_to_hold_bnb() -> None:
    async with one_process(max_position_size="1000") as world:
        assert await looked(world) == FULL
        assert told(world) == []
        assert world.trader.fees.discounts == {}


async def test_a_stop_breaks_even_at_what_the_account_really_pays() -> None:
    async with one_process(max_position_size="2000", break_even_percent="2") as world:
        discounted(world, "0.1")
        await looked(world)
        await world.buy(take_profit=D(90000))
        await world.offer("51100", "51101")
        await world.wait(1)
        (stop,) = [order for order in world.rows(Purpose.STOP_LOSS) if order.is_open]
        assert stop.stop_price == D(50075)
