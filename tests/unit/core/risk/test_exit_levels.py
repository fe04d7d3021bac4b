"""Stop and target are settled once: by what strategies propose, or by the user's choice, within bounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.risk.exit_levels import ExitRules, Levels, settle, settle_order
from core.risk.fees import FeeModel
from shared.src.config import load_settings
from shared.src.domain.exits import ExitMethod, ExitRule, parse_exit_rules

RULES = ExitRules()
BY_PERCENT = ExitRules(method=ExitMethod.PERCENT)
BY_ATR = ExitRules(method=ExitMethod.ATR)


@dataclass(frozen=True)
class Vote:
    strategy: str = "s"
    stop_loss: float | None = None
    take_profit: float | None = None


def levels(*votes: Vote, rules: ExitRules = RULES, atr: float | None = 1.0, buying: bool = True) -> tuple[float, float]:
    return settle(votes or (Vote(),), buying=buying, price=100.0, atr=atr, rules=rules)


def test_the_median_of_what_the_strategies_propose_counts() -> None:
    votes = [Vote("a", 99.0, 102.0), Vote("b", 98.0, 104.0), Vote("c", 95.0, 110.0)]
    assert levels(*votes) == (98.0, 104.0)


def test_a_strategy_without_levels_counts_with_average_ranges() -> None:
    assert levels(atr=2.0) == (97.0, 106.0)
    assert levels(atr=2.0, buying=False) == (103.0, 94.0)


def test_without_an_average_range_the_percentages_stand_in() -> None:
    assert levels(atr=None) == (98.0, 104.0)
    assert levels(atr=None, rules=BY_ATR) == (98.0, 104.0)
    assert levels(atr=0.0, rules=BY_ATR) == (98.0, 104.0)


def test_a_level_on_the_wrong_side_of_the_price_is_none() -> None:
    assert levels(Vote(stop_loss=101.0, take_profit=99.0)) == (98.5, 103.0)


def test_the_users_method_replaces_what_the_strategies_propose() -> None:
    vote = Vote("a", 99.0, 102.0)
    assert levels(vote, rules=BY_PERCENT) == (98.0, 104.0)
    assert levels(vote, rules=BY_ATR, atr=2.0) == (97.0, 106.0)


def test_a_rule_binds_its_strategy_alone() -> None:
    rules = replace(RULES, by_strategy=parse_exit_rules("a=percent:1.5:3,b=atr:2:4"))
    assert levels(Vote("a", 99.0, 102.0), rules=rules) == (98.5, 103.0)
    assert levels(Vote("b", 99.0, 102.0), rules=rules) == (98.0, 104.0)
    assert levels(Vote("c", 99.0, 102.0), rules=rules) == (99.0, 102.0)


def test_a_strategy_may_be_left_its_own_levels() -> None:
    rules = replace(BY_PERCENT, by_strategy=parse_exit_rules("a=strategy"))
    assert levels(Vote("a", 99.0, 102.0), rules=rules) == (99.0, 102.0)


def test_a_stop_nearer_than_two_round_trips_is_moved_out_with_its_target() -> None:
    assert levels(Vote(stop_loss=99.9, take_profit=100.2)) == pytest.approx((99.6, 100.8))
    free = replace(RULES, fees=FeeModel(taker=Decimal(0)))
    assert levels(Vote(stop_loss=99.9, take_profit=100.2), rules=free) == pytest.approx((99.7, 100.6))


def test_a_stop_farther_than_a_tenth_is_moved_in_and_the_target_stays() -> None:
    assert levels(Vote(stop_loss=80.0, take_profit=130.0)) == (90.0, 130.0)
    assert levels(Vote(stop_loss=120.0, take_profit=70.0), buying=False) == (110.0, 70.0)


@given(
    price=st.floats(1e-6, 1e6),
    stop=st.none() | st.floats(1e-7, 1e7),
    target=st.none() | st.floats(1e-7, 1e7),
    atr=st.none() | st.floats(1e-9, 1e5),
    buying=st.booleans(),
    rules=st.sampled_from([RULES, BY_PERCENT, BY_ATR]),
)
def test_the_stop_is_always_within_its_bounds_and_the_target_on_the_other_side(
    price: float, stop: float | None, target: float | None, atr: float | None, buying: bool, rules: ExitRules
) -> None:
    settled_stop, settled_target = settle([Vote("s", stop, target)], buying=buying, price=price, atr=atr, rules=rules)
    sign = 1 if buying else -1
    assert 0.00399 <= sign * (price - settled_stop) / price <= 0.10001
    assert sign * (settled_target - price) > 0


def order(stop: str | None, target: str | None = None, rules: ExitRules = RULES) -> Levels:
    return settle_order(Decimal(100), Decimal(stop) if stop else None, Decimal(target) if target else None, rules)


def test_an_order_without_levels_gets_the_settings_percentages() -> None:
    assert order(None) == Levels(Decimal(98), Decimal(104))
    wide = replace(RULES, percent=ExitRule(ExitMethod.PERCENT, Decimal(20), Decimal(40)))
    assert order(None, rules=wide) == Levels(Decimal(90), Decimal(140))


def test_what_an_order_came_with_is_kept_where_it_makes_sense() -> None:
    assert order("99.99", "100.01") == Levels(Decimal("99.99"), Decimal("100.01"))
    assert order("70", "250") == Levels(Decimal(70), Decimal(250))
    assert order("101", "99") == Levels(Decimal(98), Decimal(104))
    assert order("100", "100") == Levels(Decimal(98), Decimal(104))


prices = st.decimals(min_value="0.00000100", max_value=10**6, places=8)


@given(price=prices, stop=st.none() | prices, target=st.none() | prices)
def test_an_orders_stop_is_below_and_its_target_above_the_price(
    price: Decimal, stop: Decimal | None, target: Decimal | None
) -> None:
    settled = settle_order(price, stop, target, RULES)
    assert settled.stop_loss < price < settled.take_profit


def test_the_rules_follow_the_settings() -> None:
    assert ExitRules.of(load_settings()) == RULES
    rules = ExitRules.of(load_settings(exit_levels="atr", stop_atr="2", exit_levels_by_strategy="a=percent:1:2"))
    assert (rules.method, rules.atr.stop) == (ExitMethod.ATR, Decimal(2))
    assert rules.by_strategy == {"a": ExitRule(ExitMethod.PERCENT, Decimal(1), Decimal(2))}
