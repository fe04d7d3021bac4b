"""Entries are refused with the reason; what passes fits every limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.positions.model import MANUAL, Cycle
from shared.memory.manual_clock import ManualClock
from shared.src.config import load_settings
from shared.src.domain.orders import CycleStatus
from shared.src.exchange.models import BookTicker
from tests.unit.trader.fake_exchange import RULES, SYMBOL
from tests.unit.trader.rig import intent
from trader.src.ports import Pause, RiskFacts
from trader.src.risk_manager import Approved, Refused, RiskManager, RiskView

CLOCK = ManualClock()
CYCLE = Cycle("cy", "in", "ETHUSDC", "S", CycleStatus.ACTIVE_BUY, CLOCK.now())


def view(**changes: Any) -> RiskView:
    calm = RiskView(
        now=CLOCK.now(),
        facts=RiskFacts((), (), Decimal(0)),
        rules=RULES,
        ticker=BookTicker(SYMBOL, Decimal(49999), Decimal(1), Decimal(50000), Decimal(1)),
        free=Decimal(10_000),
        capital=Decimal(10_000),
        entries_last_minute=0,
        positions={},
    )
    return replace(calm, **changes)


def facts(**changes: Any) -> RiskFacts:
    return replace(RiskFacts((), (), Decimal(0)), **changes)


def ticker(bid: str, ask: str) -> BookTicker:
    return BookTicker(SYMBOL, Decimal(bid), Decimal(1), Decimal(ask), Decimal(1))


def test_a_sound_entry_is_approved_with_its_quantity_floored_to_the_step() -> None:
    wish = intent(1, CLOCK, quantity=Decimal("0.0123456789"))
    assert RiskManager(load_settings()).check(wish, view()) == Approved(Decimal("0.01234"))


@pytest.mark.parametrize(
    ("limits", "situation", "wish", "word"),
    [
        ({"trading_enabled": False}, {}, {}, "TRADING_ENABLED"),
        ({}, {"facts": facts(pauses=(Pause("all", "storm", CLOCK.now()),))}, {}, "storm"),
        ({}, {"facts": facts(pauses=(Pause(SYMBOL, "fork", CLOCK.now()),))}, {}, "fork"),
        ({}, {"facts": facts(pauses=(Pause("EMA_Cross", "tired", CLOCK.now()),))}, {}, "tired"),
        ({}, {"facts": facts(day_result=Decimal(-5000))}, {}, "MAX_DAILY_LOSS"),
        ({}, {"facts": facts(cycles=(CYCLE,) * 5)}, {}, "MAX_CONCURRENT_POSITIONS"),
        ({}, {"entries_last_minute": 60}, {}, "MAX_ORDERS_PER_MINUTE"),
        ({}, {}, {"quantity": Decimal("0.03")}, "MAX_POSITION_SIZE"),
        ({}, {"positions": {SYMBOL: Decimal(400)}}, {"quantity": Decimal("0.015")}, "MAX_POSITION_SIZE"),
        ({}, {"capital": Decimal(4000)}, {}, "MAX_EXPOSURE_PERCENT"),
        ({}, {"ticker": ticker("49000", "50000")}, {}, "MAX_SPREAD_PERCENT"),
        ({}, {"ticker": ticker("51000", "51001")}, {"quantity": Decimal("0.01")}, "MAX_PRICE_DRIFT_PERCENT"),
        ({}, {"now": CLOCK.now() + timedelta(seconds=181)}, {}, "SIGNAL_MAX_AGE_S"),
        ({}, {"free": Decimal(999)}, {}, "free are"),
        ({}, {}, {"quantity": Decimal("0.0001")}, "at its stop"),
        ({}, {}, {"quantity": Decimal("0.00001")}, "notional"),
        ({}, {}, {"stop_loss": Decimal(49999)}, "stop"),
        ({}, {"rules": replace(RULES, status="BREAK")}, {}, "not trading"),
    ],
)
def test_an_entry_beyond_a_limit_is_refused_by_name(
    limits: dict[str, Any], situation: dict[str, Any], wish: dict[str, Any], word: str
) -> None:
    verdict = RiskManager(load_settings(**limits)).check(intent(1, CLOCK, **wish), view(**situation))
    assert isinstance(verdict, Refused)
    assert word in verdict.reason


def test_a_manual_entry_is_spared_questions_of_age_but_not_the_limits() -> None:
    manager = RiskManager(load_settings())
    late = view(now=CLOCK.now() + timedelta(hours=1))
    assert isinstance(manager.check(intent(1, CLOCK, strategy=MANUAL), late), Approved)
    assert isinstance(manager.check(intent(1, CLOCK, strategy=MANUAL, quantity=Decimal(1)), late), Refused)


@given(
    quantity=st.decimals("0.00000001", "10", places=8),
    free=st.decimals("0", "20000", places=2),
    held=st.decimals("0", "2000", places=2),
)
def test_what_is_approved_never_exceeds_funds_or_position_size(quantity: Decimal, free: Decimal, held: Decimal) -> None:
    settings = load_settings()
    situation = view(free=free, positions={SYMBOL: held})
    verdict = RiskManager(settings).check(intent(1, CLOCK, quantity=quantity), situation)
    if isinstance(verdict, Approved):
        cost = verdict.quantity * situation.ticker.ask
        assert cost <= free
        assert cost + held <= settings.max_position_size
        assert verdict.quantity <= quantity
        assert verdict.quantity % RULES.step == 0
