"""Trades that nobody told us are found by the comparison, each once, from when the symbol is followed."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from core.positions.trade_cursors import ASK_AGAIN_S
from shared.src.domain.errors import TransientError
from shared.src.exchange.calls import Params, SignedCalls, Urgency
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules
from tests.unit.simulator.engine.filters import default_filters
from tests.unit.trader.engine_world import ACCOUNT, World, one_process
from tests.unit.trader.fake_exchange import SYMBOL

D = Decimal
OTHER = "ETHUSDC"
BOTH = f"{SYMBOL},{OTHER}"


def list_other(engine: Engine) -> None:
    engine.add_symbol(MarketRules.create(OTHER, "ETH", "USDC", default_filters()), D(2_500))
    engine.set_liquidity(OTHER, [(D(2499), D(50))], [(D(2500), D(50))], 0)


class Counted:
    """Counts what is asked of the exchange; ``change_of``: by path, what makes another answer of an answer."""

    def __init__(self, calls: SignedCalls) -> None:
        self._calls = calls
        self.asked: list[str] = []
        self.change_of: dict[str, Any] = {}

    async def ask(self, path: str, params: Params, *, weight: int, urgency: Urgency) -> Any:
        self.asked.append(f"{path} {params.get('symbol', '')}".strip())
        answer = await self._calls.ask(path, params, weight=weight, urgency=urgency)
        return self.change_of.get(path, lambda same: same)(answer)

    async def change(self, method: str, path: str, params: Params) -> Any:
        return await self._calls.change(method, path, params)

    def trades_of(self) -> list[str]:
        """The symbols that were asked for their trades since the last call."""
        asked = [name.removeprefix("myTrades ") for name in self.asked if name.startswith("myTrades")]
        self.asked.clear()
        return asked


def counted(world: World) -> Counted:
    calls = Counted(world.exchange._account._calls)
    world.exchange._account._calls = calls
    return calls


async def by_hand(world: World, symbol: str, side: str, quantity: str, *, told: bool = False) -> None:
    """The operator trades; ``told``: the stream tells of it."""
    params = {"symbol": symbol, "side": side, "type": "MARKET", "quantity": quantity}
    await world.exchange._orders._calls.change("post", "order", params)
    while not told and not world.exchange._news.empty():
        world.exchange._news.get_nowait()
    await world.quiet()


def booked(world: World, symbol: str) -> list[int]:
    return [event.trade_id for event in world.store.executions() if event.symbol == symbol]


def traded(world: World, symbol: str) -> list[int]:
    return [fill.trade_id for fill in world.engine.account(ACCOUNT).fills[symbol]]


async def test_a_trade_by_hand_in_a_symbol_where_nothing_else_happens_is_found() -> None:
    async with one_process(list_other, trading_symbols=BOTH) as world:
        await by_hand(world, OTHER, "BUY", "0.4")
        await world.trader.reconciler.run()
        assert booked(world, OTHER) == traded(world, OTHER) != []


async def test_a_trade_below_one_that_was_booked_is_found() -> None:
    async with one_process() as world:
        await by_hand(world, SYMBOL, "BUY", "0.01")
        await by_hand(world, SYMBOL, "BUY", "0.02", told=True)
        assert len(booked(world, SYMBOL)) == 1
        await world.trader.reconciler.run()
        assert sorted(booked(world, SYMBOL)) == traded(world, SYMBOL)
        await world.trader.reconciler.run()
        assert len(booked(world, SYMBOL)) == 2


async def test_what_the_account_traded_before_it_was_followed_is_not_booked() -> None:
    async with one_process(list_other, trading_symbols=SYMBOL) as world:
        for _ in range(3):
            await by_hand(world, OTHER, "BUY", "0.1")
        await world.trader.set_symbols((SYMBOL, OTHER))
        await world.trader.reconciler.run()
        assert booked(world, OTHER) == []
        await by_hand(world, OTHER, "BUY", "0.2")
        await world.trader.reconciler.run()
        assert booked(world, OTHER) == traded(world, OTHER)[3:]


async def test_an_order_that_is_taken_in_brings_no_older_trades_with_it() -> None:
    async with one_process(list_other, trading_symbols=SYMBOL) as world:
        for _ in range(3):
            await by_hand(world, OTHER, "BUY", "0.1")
        resting = {"symbol": OTHER, "side": "BUY", "type": "LIMIT", "timeInForce": "GTC"}
        await world.exchange._orders._calls.change("post", "order", resting | {"price": "2000", "quantity": "0.3"})
        await world.quiet()
        await world.trader.reconciler.run()
        assert booked(world, OTHER) == []


async def test_a_symbol_whose_trades_are_in_the_books_already_begins_below_the_first_of_them() -> None:
    async with one_process() as world:
        await by_hand(world, SYMBOL, "BUY", "0.01", told=True)
        await by_hand(world, SYMBOL, "BUY", "0.02")
        world.store._trade_cursors.clear()  # as an installation from before there were cursors
        await world.trader.reconciler.run()
        assert sorted(booked(world, SYMBOL)) == traded(world, SYMBOL)


async def test_units_that_were_bought_and_sold_again_in_between_are_found() -> None:
    async with one_process(list_other, trading_symbols=BOTH) as world:
        await by_hand(world, OTHER, "BUY", "0.4")
        await by_hand(world, OTHER, "SELL", "0.3996")
        await world.trader.reconciler.run()
        assert booked(world, OTHER) == traded(world, OTHER)


async def test_while_nothing_moves_hardly_any_symbol_is_asked_and_each_in_its_turn() -> None:
    async with one_process(list_other, trading_symbols=BOTH) as world:
        calls = counted(world)
        for _ in range(7):
            world.clock.advance(15)
            await world.trader.reconciler.run()
        assert calls.trades_of() == []
        world.clock.advance(ASK_AGAIN_S)
        await world.trader.reconciler.run()
        assert sorted(calls.trades_of()) == [SYMBOL, OTHER]


async def test_a_trade_that_cannot_be_booked_is_set_aside_and_tried_again_until_it_can() -> None:
    async with one_process() as world:
        calls = counted(world)
        calls.change_of["order"] = lambda row: row | {"type": "TAKE_A_WALK"}
        await by_hand(world, SYMBOL, "BUY", "0.01")
        await by_hand(world, SYMBOL, "BUY", "0.02", told=True)
        await world.trader.reconciler.run()
        assert len(booked(world, SYMBOL)) == 1
        assert "fills" in await world.trader.quarantine.summary()
        calls.change_of.clear()
        await world.trader.reconciler.run()
        assert sorted(booked(world, SYMBOL)) == traded(world, SYMBOL)
        assert await world.trader.quarantine.summary() == "nothing is set aside"


async def test_a_trade_that_cannot_be_read_is_set_aside_and_booked_once_it_can() -> None:
    async with one_process() as world:
        calls = counted(world)
        await by_hand(world, SYMBOL, "BUY", "0.01")
        await by_hand(world, SYMBOL, "BUY", "0.02")
        odd = {"id": traded(world, SYMBOL)[0], "qty": "many"}
        calls.change_of["myTrades"] = lambda rows: [row | odd if row["id"] == odd["id"] else row for row in rows]
        await world.trader.reconciler.run()
        assert "trade" in await world.trader.quarantine.summary()
        calls.change_of.clear()
        await world.trader.reconciler.run()
        assert sorted(booked(world, SYMBOL)) == traded(world, SYMBOL)
        assert await world.trader.quarantine.summary() == "nothing is set aside"


async def test_a_comparison_that_fails_on_its_way_moves_nothing() -> None:
    async with one_process(list_other, trading_symbols=BOTH) as world:
        calls = counted(world)
        await by_hand(world, OTHER, "BUY", "0.4")
        calls.change_of["myTrades"] = lambda _: "<html>"
        with pytest.raises(TransientError):
            await world.trader.reconciler.run()
        calls.change_of.clear()
        await world.trader.reconciler.run()
        assert booked(world, OTHER) == traded(world, OTHER)
