"""A position that cannot be sold now stays open: filters change back, buyers return, and it is sold then."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import Purpose
from core.risk.halts import Cause
from shared.src.domain.orders import CycleStatus, Side
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.engine_world import World, one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal
DUST = D("0.00001")


def filters(world: World, name: str, **changes: Any) -> None:
    """Change one filter of the symbol while everything runs."""
    known = next(item for item in default_filters() if item["filterType"] == name)
    world.engine.set_filters(SYMBOL, [known | changes], world.clock.now_ms())


def is_open_and_covered(world: World) -> bool:
    return world.cycle.status is not CycleStatus.COMPLETED and world.exchange.uncovered < DUST


@pytest.mark.parametrize(
    ("name", "worse", "better"),
    [
        ("LOT_SIZE", {"minQty": "1"}, {"minQty": "0.00001"}),
        ("LOT_SIZE", {"stepSize": "0.5", "minQty": "0.5"}, {"stepSize": "0.00001", "minQty": "0.00001"}),
        ("MARKET_LOT_SIZE", {"minQty": "1"}, {"minQty": "0"}),
        ("NOTIONAL", {"minNotional": "5000"}, {"minNotional": "5"}),
    ],
    ids=["minimum", "step", "market minimum", "notional"],
)
async def test_an_exit_that_a_new_filter_forbids_waits_protected(
    name: str, worse: dict[str, str], better: dict[str, str]
) -> None:
    async with one_process() as world:
        await world.buy()
        filters(world, name, **worse)
        await world.leave()
        await world.wait(40)
        assert is_open_and_covered(world)
        assert [pause.scope for pause in await world.store.pauses()] == [SYMBOL]
        filters(world, name, **better)
        await world.wait(40)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.exchange.held < DUST
        world.clock.advance(120)
        assert await world.store.pauses() == []


async def test_an_exit_is_sold_in_pieces_that_the_market_takes() -> None:
    async with one_process() as world:
        await world.buy()
        filters(world, "MARKET_LOT_SIZE", maxQty="0.006")
        await world.leave()
        await world.wait(10)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert [sale.quantity for sale in world.rows(Purpose.EXIT)] == [
            D("0.006"),
            D("0.006"),
            D("0.006"),
            D("0.00198"),
        ]


async def test_an_exit_by_rules_that_have_changed_is_made_again_by_the_new_ones() -> None:
    async with one_process() as world:
        await world.buy()
        filters(world, "LOT_SIZE", stepSize="0.00010000", minQty="0.0001")
        await world.leave()
        await world.wait(5)
        assert world.rows(Purpose.EXIT)[-1].quantity == D("0.0199")
        assert world.exchange.held < D("0.0001")


async def test_what_lots_of_before_kept_from_being_sold_is_protected_by_those_of_now() -> None:
    async with one_process() as world:
        filters(world, "LOT_SIZE", stepSize="0.01", minQty="0.01")
        await world.buy()
        world.exchange.read_before = await world.exchange.rules(SYMBOL)
        filters(world, "LOT_SIZE", stepSize="0.00001", minQty="0.00001")
        await world.trade(Side.BUY, "5", "60000")
        await world.wait(10)
        assert world.rows(Purpose.TAKE_PROFIT)[0].executed_quantity == D("0.01")
        assert is_open_and_covered(world)


async def test_an_exit_on_a_book_without_bids_waits_protected_until_somebody_bids() -> None:
    async with one_process() as world:
        await world.buy()
        world.book([], [("50000", "5")])
        await world.leave()
        await world.wait(20)
        assert is_open_and_covered(world)
        await world.offer("49990", "50000")
        await world.wait(40)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.exchange.held < DUST


async def test_a_position_is_protected_although_nobody_bids_right_after_the_entry() -> None:
    async with one_process() as world:
        world.exchange.failures["place_pair"] = [world.exchange.busy()]
        await world.buy()
        world.book([], [("50000", "5")])
        await world.wait(2)
        assert is_open_and_covered(world)


async def test_a_sale_that_finds_no_buyer_leaves_the_position_protected() -> None:
    async with one_process() as world:
        await world.buy()
        world.book([("49999", "0.00001")], [("50000", "5")])
        await world.leave()
        await world.wait(2)
        assert is_open_and_covered(world)


@pytest.mark.parametrize("status", ["HALT", "BREAK", "CANCEL_ONLY"])
async def test_an_exit_from_a_symbol_that_does_not_trade_leaves_its_protection_alone(status: str) -> None:
    async with one_process() as world:
        await world.buy()
        world.engine.set_status(SYMBOL, status, world.clock.now_ms())
        before = len(world.exchange.calls)
        await world.leave()
        await world.wait(30)
        assert len(world.exchange.calls) == before
        assert is_open_and_covered(world)
        world.engine.set_status(SYMBOL, "TRADING", world.clock.now_ms())
        await world.offer("49999", "50000")
        await world.wait(40)
        assert world.cycle.status is CycleStatus.COMPLETED


async def test_a_position_in_a_symbol_that_stopped_before_its_protection_is_protected_when_it_trades_again() -> None:
    async with one_process() as world:
        world.engine.set_status(SYMBOL, "TRADING", world.clock.now_ms())
        closed = world.exchange.closed
        world.exchange.failures["place_pair"] = [closed(), closed(), closed()]
        await world.buy()
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        await world.wait(10)
        assert is_open_and_covered(world)
        assert not world.cycle.exit_reason


async def test_the_rest_of_a_target_that_no_stop_may_be_as_small_as_halts_its_symbol_until_it_is_protected() -> None:
    async with one_process() as world:
        await world.buy()
        filters(world, "NOTIONAL", minNotional="5000")
        world.book([("51990", "5")], [("52010", "5")])
        await world.trade(Side.BUY, "0.004", "52000")
        await world.wait(10)
        assert [pause.scope for pause in await world.store.pauses()] == [SYMBOL]
        filters(world, "NOTIONAL", minNotional="5")
        await world.wait(40)
        assert is_open_and_covered(world)


@pytest.mark.parametrize("method", ["current_rules", "replace"])
async def test_an_exit_that_is_told_to_wait_keeps_its_protection(method: str) -> None:
    async with one_process() as world:
        await world.buy()
        world.exchange.failures[method] = [world.exchange.busy(), world.exchange.busy()]
        await world.leave()
        assert is_open_and_covered(world)
        await world.wait(5)
        assert world.cycle.status is CycleStatus.COMPLETED


async def test_what_the_exchange_had_less_of_is_sold_when_it_has_it_again() -> None:
    async with one_process() as world:
        await world.buy()
        account = world.engine.account("owner")
        await world.trader.orders.cancel(next(o for o in world.rows(Purpose.STOP_LOSS) if o.is_open))
        moved = account.balance("BTC").free - D("0.005")
        account.balance("BTC").free -= moved
        await world.leave()
        assert world.cycle.sell_at_most is not None
        assert await world.store.pauses() == [], "a sale by hand may be on its way"
        await world.wait(2)
        assert Cause.DIFFERENCE in {pause.cause for pause in await world.store.pauses()}
        account.balance("BTC").free += moved
        await world.wait(60)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.cycle.sell_at_most is None
        assert world.exchange.held < DUST


async def test_a_rest_under_the_smallest_order_is_dust_and_ends_the_position() -> None:
    async with one_process() as world:
        await world.buy()
        world.book([("51990", "5")], [("52010", "5")])
        await world.trade(Side.BUY, "0.01995", "52000")
        await world.leave()
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.cycle.dust == D("0.00003")


async def test_a_position_that_a_ban_kept_from_protection_is_protected_right_after_it() -> None:
    async with one_process() as world:
        world.exchange.failures["place_pair"] = [world.exchange.busy()]
        world.exchange.blocked_until = world.clock.monotonic() + 20
        await world.buy()
        await world.wait(19)
        tries = len(world.rows(Purpose.STOP_LOSS))
        assert not is_open_and_covered(world)
        await world.wait(2)
        assert is_open_and_covered(world)
        assert len(world.rows(Purpose.STOP_LOSS)) <= tries + 2
