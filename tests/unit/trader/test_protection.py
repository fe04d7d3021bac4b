"""Between fill and flat: whatever fills in part, an open stop covers all that is held."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from core.positions.model import Purpose
from shared.src.domain.orders import CycleStatus, OrderStatus, OrderType, Side
from shared.src.exchange.models import BookTicker
from tests.unit.trader.engine_world import ACCOUNT, World, one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal
DUST = D("0.00001")


@dataclass(frozen=True)
class Told:
    """Prices that stand still."""

    last: BookTicker

    async def ticker(self, symbol: str) -> BookTicker:
        return self.last

    async def latest(self, symbol: str) -> BookTicker | None:
        return self.last


async def fill_target(world: World, quantity: str) -> None:
    """An outsider buys so much of the target at 52000; nobody else offers there."""
    world.book([("51990", "5")], [("52010", "5")])
    await world.trade(Side.BUY, quantity, "52000")


def nakedness(world: World) -> int:
    """The longest run of exchange calls after which no stop covered what was held."""
    longest = run = 0
    for _, uncovered in world.exchange.calls:
        run = run + 1 if uncovered >= DUST else 0
        longest = max(longest, run)
    return longest


async def test_what_a_target_leaves_when_it_fills_in_part_has_a_stop_again() -> None:
    async with one_process() as world:
        await world.buy()
        await fill_target(world, "0.002")
        assert world.standing() == ["STOP_LOSS 0.01798"]
        assert world.exchange.uncovered < DUST
        await world.offer("40000", "40010")
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.exchange.held < DUST


async def test_a_price_from_before_the_fill_sells_nothing() -> None:
    """A resting entry fills because the market fell to it at once: the last price that was told stood higher."""
    async with one_process() as world:
        before = await world.exchange.ticker(SYMBOL)
        world.trader.cycle_manager._prices = Told(before)
        await world.buy(type=OrderType.LIMIT, price=D(47000), stop_loss=D(46000), take_profit=D(49000))
        await world.offer("46800", "46900")
        assert world.cycle.status is CycleStatus.ACTIVE_BUY
        assert world.exchange.uncovered < DUST


@pytest.mark.parametrize(
    "settings",
    [{"break_even_percent": "2"}, {"partial_take_profit_percent": "5"}, {"trailing_stop_percent": "1"}],
    ids=["break-even", "a part", "a stop that trails"],
)
async def test_a_price_from_before_the_fill_is_no_gain(settings: dict[str, Any]) -> None:
    """What was told last stood 6 % over the entry; the market fell through that on its way."""
    async with one_process(**settings) as world:
        world.trader.cycle_manager._prices = world.trader.watcher._prices = Told(await world.exchange.ticker(SYMBOL))
        await world.buy(type=OrderType.LIMIT, price=D(47000), stop_loss=D(46000), take_profit=D(90000))
        await world.offer("46800", "46900")
        await world.wait(3)
        assert not world.cycle.exit_reason
        assert world.cycle.exit_quantity == 0
        assert world.cycle.stop_price == D(46000)
        assert (world.cycle.max_price or D(0)) < D(47100)
        assert world.exchange.uncovered < DUST


async def test_the_stop_comes_back_in_one_call() -> None:
    async with one_process() as world:
        await world.buy()
        before = len(world.exchange.calls)
        await fill_target(world, "0.002")
        assert world.exchange.calls[before:] == [("replace", world.exchange.uncovered)]


async def test_what_a_target_left_is_sold_when_the_price_reaches_it_again() -> None:
    """The stop that stands alone leaves the target to the watch."""
    async with one_process() as world:
        await world.buy()
        await fill_target(world, "0.002")
        await world.offer("52001", "52011")
        await world.wait(3)
        assert (world.cycle.status, world.cycle.exit_reason) == (CycleStatus.COMPLETED, "take_profit")


async def test_what_a_target_left_is_sold_at_once_when_the_price_is_beyond_the_stop() -> None:
    async with one_process() as world:
        await world.buy()
        world.book([("48000", "5")], [("52010", "5")])
        await world.trade(Side.BUY, "0.002", "52000")
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.exchange.held < DUST


async def test_a_rest_of_a_target_that_is_too_small_for_a_stop_stays_a_target() -> None:
    async with one_process() as world:
        await world.buy()
        await fill_target(world, "0.01995")
        assert world.standing() == ["LIMIT_MAKER 0.00003"]
        assert world.cycle.status is CycleStatus.ACTIVE_SELL


async def test_an_entry_that_fills_in_many_parts_is_covered_after_each_without_a_gap() -> None:
    async with one_process() as world:
        await world.buy(type=OrderType.LIMIT, price=D(49000), stop_loss=D(48000))
        world.book([("48990", "5")], [("49010", "5")])
        for _ in range(12):
            await world.trade(Side.SELL, "0.0016", "49000")
            assert world.exchange.uncovered < DUST
        assert [name for name, _ in world.exchange.calls].count("cancel") == 0
        assert nakedness(world) == 0


async def test_a_stop_that_fills_in_part_still_covers_the_rest() -> None:
    async with one_process() as world:
        await world.buy()
        world.book([("48900", "0.005"), ("48000", "5")], [("49010", "5")])
        await world.trade(Side.SELL, "0.001", "48900")
        await world.wait(4)
        assert world.cycle.status is CycleStatus.COMPLETED
        assert world.exchange.held < DUST


async def test_a_symbol_that_replaces_nothing_is_naked_for_one_call() -> None:
    async with one_process() as world:
        await world.buy()
        rules = world.engine.market("BTCUSDC").rules
        object.__setattr__(rules, "cancel_replace_allowed", False)
        world.exchange._parsed.clear()
        await fill_target(world, "0.002")
        assert world.exchange.uncovered < DUST
        assert nakedness(world) == 1


async def test_an_exit_gives_its_protection_up_only_for_its_sale() -> None:
    async with one_process() as world:
        await world.buy()
        await world.leave()
        assert world.cycle.status is CycleStatus.COMPLETED
        assert [name for name, _ in world.exchange.calls] == ["place", "place_pair", "replace"]
        assert not [order for order in world.rows(Purpose.STOP_LOSS) if order.is_open]


async def test_a_pair_that_got_lost_is_sent_again_at_once() -> None:
    async with one_process() as world:
        world.exchange.failures["place_pair"] = [world.exchange.silence()]
        await world.buy()
        assert world.standing() == ["STOP_LOSS 0.01998", "LIMIT_MAKER 0.01998"]
        assert [name for name, _ in world.exchange.calls] == ["place", "place_pair failed", "place_pair"]
        assert {order.attempt for order in world.rows(Purpose.STOP_LOSS)} == {1}


async def test_a_pair_that_arrived_and_cannot_be_found_stands_once() -> None:
    """The stream tells nothing either: the owner's own coins would let a second pair stand."""
    async with one_process() as world:
        world.engine.deposit(world.engine.account(ACCOUNT), "BTC", D(1), world.clock.now_ms())
        world.exchange.answers_lost["place_pair"] = 1
        world.exchange.hides = True
        world.exchange.silent = True
        await world.buy()
        await world.wait(2)
        assert world.standing() == ["STOP_LOSS 0.01998", "LIMIT_MAKER 0.01998"]
        world.exchange.hides = False
        await world.wait(2)
        assert world.standing() == ["STOP_LOSS 0.01998", "LIMIT_MAKER 0.01998"]
        assert {order.status for order in world.rows(Purpose.STOP_LOSS)} == {OrderStatus.NEW}


@pytest.mark.parametrize("arrives", [True, False])
async def test_a_stop_in_the_place_of_a_target_stands_once_after_its_answer_got_lost(*, arrives: bool) -> None:
    async with one_process() as world:
        await world.buy()
        if arrives:
            world.exchange.answers_lost["replace"] = 1
        else:
            world.exchange.failures["replace"] = [world.exchange.silence()]
        await fill_target(world, "0.002")
        assert world.standing() == ["STOP_LOSS 0.01798"]
        assert world.exchange.uncovered < DUST


async def test_what_is_refused_when_it_is_sent_again_stays_open_until_the_first_cannot_arrive_any_more() -> None:
    async with one_process() as world:
        world.exchange.failures["place_pair"] = [world.exchange.silence(), *[world.exchange.closed()] * 2]
        await world.buy()
        assert {order.status for order in world.rows(Purpose.STOP_LOSS)} == {OrderStatus.UNKNOWN}
        await world.wait(4)
        assert world.exchange.uncovered < DUST


async def test_the_first_try_after_a_ban_is_at_its_end() -> None:
    async with one_process() as world:
        world.exchange.blocked_until = world.clock.monotonic() + 20
        await world.buy()
        await world.wait(19.5)
        assert world.standing() == []
        await world.wait(0.5)
        assert world.standing() == ["STOP_LOSS 0.01998", "LIMIT_MAKER 0.01998"]


async def test_what_a_target_filled_is_asked_for_when_the_stream_says_nothing() -> None:
    async with one_process() as world:
        await world.buy()
        world.exchange.silent = True
        await fill_target(world, "0.002")
        assert world.exchange.uncovered >= DUST
        await world.wait(2)
        assert world.standing() == ["STOP_LOSS 0.01798"]
