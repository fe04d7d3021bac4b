"""Sizes follow the risk, and no limit is ever exceeded."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.risk.sizing import (
    STOP_DISTANCE_MAX,
    STOP_DISTANCE_MIN,
    Sized,
    SizingRules,
    TooSmall,
    exit_levels,
    reserve_for,
    shrink,
    size_entry,
)
from tests.unit.coordinator.builders import RULES

prices = st.decimals(min_value="0.00000100", max_value=10**6, places=8)
amounts = st.decimals(min_value=0, max_value=10**7, places=8)


def size(
    *,
    price: str = "50000",
    strength: float = 1.0,
    capital: str = "10000",
    exposure: str = "0",
    available: str = "6000",
    rules: SizingRules = RULES,
    stop: str | None = None,
) -> Sized | TooSmall:
    levels = exit_levels(Decimal(price), Decimal(stop) if stop else None, None, rules)
    return size_entry(
        price=Decimal(price),
        levels=levels,
        strength=strength,
        capital=Decimal(capital),
        exposure=Decimal(exposure),
        available=Decimal(available),
        notional_min=Decimal(5),
        step=Decimal("0.00001"),
        rules=rules,
    )


def test_a_hit_stop_loses_the_risk_share_of_the_capital() -> None:
    # 1 % of 10 000 = 100; the stop is 10 % away, so the position is worth 1000, less what the cap's headroom takes
    sized = size(stop="45000", rules=replace(RULES, max_position_size=Decimal(5000)))
    assert isinstance(sized, Sized)
    assert sized.quantity * 50_000 == Decimal(1000)


def test_the_weakest_signal_buys_half_of_the_strongest() -> None:
    rules = replace(RULES, max_position_size=Decimal(5000))
    strong, weak = size(stop="45000", rules=rules), size(stop="45000", rules=rules, strength=0.0)
    assert isinstance(strong, Sized)
    assert isinstance(weak, Sized)
    assert weak.quantity * 2 == strong.quantity


@given(
    price=prices,
    strength=st.floats(0, 1),
    capital=amounts,
    exposure=amounts,
    available=amounts,
    stop=st.none() | prices,
    step=st.sampled_from([Decimal(0), Decimal("0.00000001"), Decimal("0.001"), Decimal(1)]),
)
def test_no_limit_is_exceeded_by_what_is_set_aside(
    price: Decimal,
    strength: float,
    capital: Decimal,
    exposure: Decimal,
    available: Decimal,
    stop: Decimal | None,
    step: Decimal,
) -> None:
    levels = exit_levels(price, stop, None, RULES)
    sized = size_entry(
        price=price, levels=levels, strength=strength, capital=capital, exposure=exposure, available=available,
        notional_min=Decimal(5), step=step, rules=RULES,
    )  # fmt: skip
    if isinstance(sized, Sized):
        assert 0 < sized.reserve <= available
        assert sized.reserve <= RULES.max_position_size
        assert sized.reserve + exposure <= capital * RULES.max_exposure_percent / 100
        assert sized.quantity * price >= 5
        assert sized.quantity * price <= sized.reserve
        assert sized.quantity * price * levels.stop_distance <= capital * RULES.risk_percentage / 100


@given(price=prices, stop=st.none() | prices, target=st.none() | prices)
def test_the_stop_is_always_below_and_the_target_above_the_price(
    price: Decimal, stop: Decimal | None, target: Decimal | None
) -> None:
    levels = exit_levels(price, stop, target, RULES)
    assert levels.stop_loss < price < levels.take_profit
    assert STOP_DISTANCE_MIN <= levels.stop_distance <= STOP_DISTANCE_MAX


def test_a_signal_without_levels_gets_the_settings_own() -> None:
    levels = exit_levels(Decimal(100), None, None, RULES)
    assert (levels.stop_loss, levels.take_profit) == (Decimal(98), Decimal(104))


@pytest.mark.parametrize(("stop", "distance"), [("99.99", "0.003"), ("10", "0.10"), ("101", "0.02"), ("95", "0.05")])
def test_stops_are_kept_at_a_sensible_distance(stop: str, distance: str) -> None:
    assert exit_levels(Decimal(100), Decimal(stop), None, RULES).stop_distance == Decimal(distance)


def test_too_small_an_order_says_which_limit_made_it_so() -> None:
    sized = size(available="4")
    assert isinstance(sized, TooSmall)
    assert sized.reason == "the order would be under the exchange's minimum of 5: the pocket leaves 3.96"


def test_a_fixed_quantity_that_a_limit_forbids_is_refused_not_reduced() -> None:
    sized = size(rules=replace(RULES, trade_quantity=Decimal(1)))
    assert sized == TooSmall("TRADE_QUANTITY costs 50000, MAX_POSITION_SIZE allows 990.09")


def test_a_fixed_quantity_is_bought_as_it_is() -> None:
    sized = size(rules=replace(RULES, trade_quantity=Decimal("0.001")), strength=0.3)
    assert isinstance(sized, Sized)
    assert sized.quantity == Decimal("0.001")


def test_an_earlier_smaller_reservation_shrinks_the_order() -> None:
    sized = Sized(Decimal("0.01"), reserve_for(Decimal("0.01"), Decimal(50_000), RULES))
    smaller = shrink(sized, Decimal("50.5"), price=Decimal(50_000), step=Decimal("0.00001"), rules=RULES)
    assert smaller == Sized(Decimal("0.001"), Decimal("50.5"))
    assert shrink(sized, sized.reserve, price=Decimal(50_000), step=Decimal(0), rules=RULES) == sized
