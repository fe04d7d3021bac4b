"""Losses are measured at what positions would bring, remembered over restarts, and halt entries for good."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from core.positions.model import Cycle
from core.risk.halts import ALL, Cause
from shared.src.domain.money import ZERO
from shared.src.domain.orders import CycleStatus, OrderStatus
from shared.src.exchange.models import Balance
from tests.unit.trader.test_risk_manager import BOUGHT, RESTING, Gate

WIDE = {"max_position_size": "9000", "max_exposure_percent": "100"}


async def holding(**settings: Any) -> Gate:
    """9 000 USDC and 0.02 BTC that were bought at 50 000."""
    gate = Gate(**(WIDE | settings))
    await gate.store.open_cycle(BOUGHT, replace(RESTING, status=OrderStatus.CANCELED))
    gate.funds.replace({"USDC": Balance("USDC", Decimal(9000), Decimal(0))})
    return gate


async def causes(gate: Gate) -> list[Cause]:
    return [pause.cause for pause in await gate.store.pauses()]


async def test_an_open_position_that_fell_halts_entries_until_the_day_ends() -> None:
    gate = await holding(max_daily_loss="100")
    assert await gate.reason() == ""
    gate.exchange.price = Decimal(45_000)
    assert "today's loss of 100 reached MAX_DAILY_LOSS 100" in await gate.reason(reference_price=Decimal(45_000))
    gate.exchange.price = Decimal(50_000)
    assert "trading is halted: today's loss of 100" in await gate.reason()
    gate.clock.advance(timedelta(days=1).total_seconds())
    assert await gate.reason() == ""


async def test_a_stranger_is_stopped_at_five_percent_of_a_day() -> None:
    gate = await holding()
    gate.exchange.price = Decimal(24_999)
    assert "MAX_DAILY_LOSS_PERCENT 5" in await gate.reason(reference_price=Decimal(25_000))


async def test_a_drawdown_halts_until_somebody_lifts_it_and_survives_a_restart() -> None:
    gate = await holding(max_drawdown_percent="3", max_daily_loss_percent="100")
    gate.exchange.price = Decimal(60_000)
    await gate.manager.watch_losses()
    for price in (50_000, 43_000):
        gate.restart()
        gate.exchange.price = Decimal(price)
        await gate.manager.watch_losses()
    assert await causes(gate) == [Cause.DRAWDOWN]
    gate.clock.advance(timedelta(days=3).total_seconds())
    assert "MAX_DRAWDOWN_PERCENT 3" in await gate.reason(reference_price=Decimal(43_000))

    held = await gate.store.pauses()
    await gate.store.resume(ALL)
    await gate.manager.forgive(held)
    gate.restart()
    assert await gate.reason(reference_price=Decimal(43_000)) == "", "the drawdown is measured anew"


async def test_looks_at_once_over_midnight_count_a_loss_to_one_day() -> None:
    gate = await holding(max_daily_loss="1000", max_daily_loss_percent="100")
    await gate.manager.watch_losses()
    done = {"status": CycleStatus.COMPLETED, "completed_at": gate.clock.now(), "profit_loss": Decimal(-60)}
    await gate.store.save_cycle(replace(BOUGHT, **done))  # type: ignore[arg-type]
    await gate.manager.watch_losses()
    gate.clock.advance(timedelta(days=1).total_seconds())
    await asyncio.gather(*(gate.manager.watch_losses() for _ in range(3)))
    assert gate.manager.losses.day_result == 0


async def test_what_the_owner_brings_or_takes_is_no_result() -> None:
    gate = await holding(max_daily_loss="100", max_daily_loss_percent="2")
    await gate.manager.watch_losses()
    for balance in (1000, 90_000, 2000):
        gate.funds.replace({"USDC": Balance("USDC", Decimal(balance), Decimal(0))})
        await gate.manager.watch_losses()
    assert await causes(gate) == []
    view = await gate.view()
    assert (view.losses.day_result, view.losses.day_percent, view.losses.drawdown_percent) == (ZERO, ZERO, ZERO)


async def test_a_book_that_nobody_bids_in_for_a_moment_is_no_loss() -> None:
    gate = await holding(max_daily_loss="100")
    await gate.manager.watch_losses()
    gate.exchange.price = ZERO
    await gate.manager.watch_losses()
    assert await causes(gate) == []


async def test_a_position_of_a_symbol_that_is_gone_does_not_stop_the_others() -> None:
    gate = await holding()
    gone = replace(BOUGHT, id="cy-2", intent_id="in-2", symbol="GONEUSDC")
    await gate.store.open_cycle(gone, replace(RESTING, client_order_id="o-2", status=OrderStatus.CANCELED))
    assert await gate.reason() == ""
    assert gate.manager.unpriced == ("GONEUSDC",)


async def test_a_result_in_a_quote_without_a_price_is_refused_by_name() -> None:
    gate = Gate()
    lira = Cycle("cy-2", "in-2", "SOLTRY", "S", CycleStatus.INITIATING, gate.clock.now())
    await gate.store.open_cycle(lira, replace(RESTING, client_order_id="o-2", status=OrderStatus.CANCELED))
    done = replace(lira, status=CycleStatus.COMPLETED, profit_loss=Decimal(-60), completed_at=gate.clock.now())
    await gate.store.save_cycle(done)
    assert "what TRY is worth in USDC is not known" in await gate.reason()


async def test_results_in_other_quote_assets_are_converted() -> None:
    gate = Gate(max_daily_loss="1000")
    ether = Cycle("cy-2", "in-2", "ETHBTC", "S", CycleStatus.INITIATING, gate.clock.now())
    await gate.store.open_cycle(ether, replace(RESTING, client_order_id="o-2", status=OrderStatus.CANCELED))
    done = replace(ether, status=CycleStatus.COMPLETED, profit_loss=Decimal("-0.02"), completed_at=gate.clock.now())
    await gate.store.save_cycle(done)
    assert "today's loss of 1000" in await gate.reason()
