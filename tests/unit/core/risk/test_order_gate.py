"""Entries are refused with the reason; what passes fits every limit."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.positions.model import MANUAL
from core.risk.account import AccountView
from core.risk.exchange_room import Occupancy, TakenPlaces
from core.risk.limits import Candidate, RiskLimits
from core.risk.order_gate import EntryOrder, judge_order
from core.risk.verdicts import Approved, Refused
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from tests.unit.core.risk.builders import BTC, CLOSE_MS, EXITS, LIMITS, account, open_cycle

RULES = replace(BTC, tick=Decimal("0.01"), price_min=Decimal("0.01"), quantity_min=Decimal("0.00001"))
BIG = replace(LIMITS, max_daily_loss=Decimal(5000), max_position_size=Decimal(2000))
WIDE = replace(LIMITS, max_position_size=Decimal(5000))


def ticker(bid: str = "49999", ask: str = "50000") -> BookTicker:
    return BookTicker("BTCUSDC", Decimal(bid), Decimal(1), Decimal(ask), Decimal(1))


def order(
    quantity: str | None = "0.02", *, strategy: str = "EMA_Cross", rules: SymbolRules = RULES, **wish: Any
) -> EntryOrder:
    candidate = Candidate("int-1", strategy, rules, CLOSE_MS)
    usual: dict[str, Any] = {"price": None, "reference_price": Decimal(50_000), "pocket": "active"}
    return EntryOrder(candidate, None if quantity is None else Decimal(quantity), **(usual | wish))


def view(**facts: Any) -> AccountView:
    return account(**({"free": {"USDC": Decimal(10_000)}} | facts))


def judge(
    wish: EntryOrder | None = None, *, limits: RiskLimits = LIMITS, prices: BookTicker | None = None, **facts: Any
) -> Approved | Refused:
    return judge_order(wish or order(), view(**facts), prices or ticker(), limits, EXITS)


def test_a_sound_entry_is_approved_with_its_quantity_floored_to_the_step() -> None:
    verdict = judge(order("0.0123456789"))
    assert isinstance(verdict, Approved)
    assert (verdict.quantity, verdict.cost) == (Decimal("0.01234"), Decimal(617))
    assert (verdict.levels.stop_loss, verdict.levels.take_profit) == (Decimal(49_000), Decimal(52_000))


@pytest.mark.parametrize(
    ("wish", "situation", "word"),
    [
        (order(), {"limits": replace(LIMITS, entries_enabled=False)}, "TRADING_ENABLED"),
        (order(), {"pauses": {"all": "storm"}}, "storm"),
        (order(), {"pauses": {"BTCUSDC": "fork"}}, "fork"),
        (order(), {"pauses": {"EMA_Cross": "tired"}}, "tired"),
        (order(), {"day_result": Decimal(-500)}, "MAX_DAILY_LOSS"),
        (order(), {"cycles": [open_cycle("ETHUSDC", number=n) for n in range(5)]}, "MAX_CONCURRENT_POSITIONS"),
        (order(), {"entries_last_minute": 60}, "MAX_ORDERS_PER_MINUTE"),
        (order("0.03"), {}, "MAX_POSITION_SIZE"),
        (order("0.015"), {"cycles": [open_cycle(cost=Decimal(400))]}, "MAX_POSITION_SIZE"),
        (order("0.015"), {"cycles": [open_cycle(resting=Decimal(400))]}, "MAX_POSITION_SIZE"),
        (order(), {"capital": Decimal(4000)}, "MAX_EXPOSURE_PERCENT"),
        (order(), {"cycles": [open_cycle("BTCUSDT", cost=Decimal(1500))], "limits": WIDE}, "MAX_EXPOSURE_PERCENT"),
        (order(), {"cycles": [open_cycle("BTCUSDT", resting=Decimal(1500))], "limits": WIDE}, "MAX_EXPOSURE_PERCENT"),
        (order(), {"cycles": [open_cycle("BTCUSDT", cost=Decimal(1))], "rates": {}}, "MAX_EXPOSURE_PERCENT"),
        (order(), {"prices": ticker("49000", "50000")}, "MAX_SPREAD_PERCENT"),
        (order("0.01"), {"prices": ticker("51000", "51001")}, "MAX_PRICE_DRIFT_PERCENT"),
        (order(), {"now_ms": CLOSE_MS + 181_000}, "SIGNAL_MAX_AGE_S"),
        (order(), {"free": {"USDC": Decimal(999)}}, "free are"),
        (order("0.0001"), {}, "at its stop"),
        (order("0.00001"), {}, "notional"),
        (order("0.02", rules=replace(RULES, step=Decimal("0.02"))), {}, "after its fee"),
        (order(stop_loss=Decimal(49_999)), {}, "the stop 49999 is not under the price"),
        (order(rules=replace(RULES, status="BREAK")), {}, "not trading"),
    ],
)
def test_an_entry_beyond_a_limit_is_refused_by_name(wish: EntryOrder, situation: dict[str, Any], word: str) -> None:
    verdict = judge(wish, **situation)
    assert isinstance(verdict, Refused)
    assert word in verdict.reason


def test_a_manual_entry_is_spared_questions_of_its_decision_but_not_the_limits() -> None:
    late: dict[str, Any] = {"now_ms": CLOSE_MS + 3_600_000, "prices": ticker("46000", "46001")}
    assert isinstance(judge(order(strategy=MANUAL), **late), Approved)
    assert isinstance(judge(order("1", strategy=MANUAL), **late), Refused)


def test_a_limit_order_is_measured_at_its_own_price() -> None:
    verdict = judge(order(price=Decimal(40_000)))
    assert isinstance(verdict, Approved)
    assert verdict.cost == 800
    assert verdict.levels.stop_loss == 39_200


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ({"stop_loss": Decimal(41_000)}, "the stop 41000 is not under the price 40000"),
        ({"take_profit": Decimal(39_000)}, "the target 39000 is not over the price 40000"),
    ],
)
def test_levels_that_a_person_gave_on_the_wrong_side_are_refused_and_those_of_a_strategy_settled(
    levels: dict[str, Any], reason: str
) -> None:
    assert judge(order(strategy=MANUAL, price=Decimal(40_000), **levels)) == Refused(reason)
    assert isinstance(judge(order(price=Decimal(40_000), **levels)), Approved)


def test_an_order_that_starts_at_a_trigger_is_measured_there() -> None:
    verdict = judge(order("0.018", trigger=Decimal(60_000)))
    assert verdict == Refused("the entry costs 1080, MAX_POSITION_SIZE allows 1000")
    assert isinstance(judge(order("0.018")), Approved)


def test_a_limit_over_the_market_is_not_refused_for_a_stop_that_nobody_chose() -> None:
    assert isinstance(judge(order("0.01", price=Decimal(51_900))), Approved)
    refused = judge(order("0.01", price=Decimal(51_900), stop_loss=Decimal(50_862)))
    assert isinstance(refused, Refused)


@pytest.mark.parametrize(
    ("wish", "quantity", "price_max"),
    [
        (order("0.02", reserved=Decimal(1010)), "0.02", "50500"),
        (order("0.02", reserved=Decimal(1000)), "0.02", "50000"),
        (order("0.02", reserved=Decimal(1004)), "0.02", "50200"),
        # what is reserved is not enough at the ask: less of it, at the worst price
        (order("0.02", reserved=Decimal(900)), "0.01782", "50500"),
        (order("0.01", strategy=MANUAL), "0.01", "50500"),
        (order(None, strategy=MANUAL, reserved=Decimal(505)), "0.01", "50500"),
    ],
)
def test_an_entry_at_market_pays_no_more_than_its_drift_and_what_is_reserved(
    wish: EntryOrder, quantity: str, price_max: str
) -> None:
    verdict = judge(wish, limits=BIG)
    assert isinstance(verdict, Approved)
    assert (verdict.quantity, verdict.price_max) == (Decimal(quantity), Decimal(price_max))


def test_an_entry_at_market_pays_no_more_than_the_limits_leave() -> None:
    verdict = judge(order("0.0199"))
    assert isinstance(verdict, Approved)
    assert verdict.price_max == Decimal("50251.25")  # MAX_POSITION_SIZE is 1000
    poor = judge(order("0.0199"), free={"USDC": Decimal(996)})
    assert isinstance(poor, Approved)
    assert poor.price_max == Decimal("50050.25")


def test_an_order_with_a_price_of_its_own_has_no_other_bound() -> None:
    verdict = judge(order("0.01", price=Decimal(50_000)))
    assert isinstance(verdict, Approved)
    assert verdict.price_max is None


def test_the_limits_are_told_in_the_asset_that_pays() -> None:
    rules = replace(RULES, symbol="BTCEUR", quote="EUR")
    verdict = judge(order("0.009", rules=rules), rates={"EUR": Decimal(2)}, free={"EUR": Decimal(10_000)})
    assert isinstance(verdict, Approved)
    assert verdict.price_max == Decimal(50_500)
    assert verdict.cost == 900
    dear = judge(order("0.00995", rules=rules), rates={"EUR": Decimal(2)}, free={"EUR": Decimal(10_000)})
    assert isinstance(dear, Approved)
    assert dear.price_max == Decimal("50251.25")


def test_all_that_is_free_may_be_spent_and_the_bound_itself_may_be_paid() -> None:
    assert isinstance(judge(order("0.01"), free={"USDC": Decimal(500)}), Approved)
    assert isinstance(judge(order("0.01"), prices=ticker("50450", "50500")), Approved)


def test_a_triggered_entry_needs_a_place_among_the_stops_itself() -> None:
    full = replace(RULES, stops_max=5)
    one_left = Occupancy(TakenPlaces(orders=4, stops=4))
    waits = order("0.01", rules=full, trigger=Decimal(50_400))
    assert isinstance(
        judge_order(order("0.01", rules=full), view(), ticker(), LIMITS, EXITS, standing=one_left), Approved
    )
    refused = judge_order(waits, view(), ticker(), LIMITS, EXITS, standing=one_left)
    assert isinstance(refused, Refused)
    assert "MAX_NUM_ALGO_ORDERS" in refused.reason


def test_only_what_buys_at_once_is_measured_on_the_book() -> None:
    empty: list[tuple[Decimal, Decimal]] = []
    waits = order("0.01", trigger=Decimal(50_400))
    assert isinstance(judge_order(waits, view(), ticker(), LIMITS, EXITS, asks=empty), Approved)
    assert isinstance(judge_order(order("0.01"), view(), ticker(), LIMITS, EXITS, asks=empty), Refused)


def test_an_ask_beyond_the_bound_is_refused() -> None:
    verdict = judge(order("0.01"), prices=ticker("50450", "50501"))
    assert verdict == Refused("the price 50501 is over 50500, MAX_PRICE_DRIFT_PERCENT")


@pytest.mark.parametrize(
    ("asks", "word"),
    [
        ([("50000", "0.0001"), ("60000", "5")], "offers 0.0001 BTC up to 50000"),
        ([("60000", "5")], "offers 0 BTC"),
        ([], "offers 0 BTC"),
    ],
)
def test_a_book_too_thin_for_a_position_that_could_be_sold_is_refused(asks: list[tuple[str, str]], word: str) -> None:
    book = [(Decimal(price), Decimal(units)) for price, units in asks]
    verdict = judge_order(order("0.02"), view(), ticker(), LIMITS, EXITS, asks=book)
    assert isinstance(verdict, Refused)
    assert word in verdict.reason


def test_a_book_that_has_a_part_of_it_is_bought_from() -> None:
    book = [(Decimal(50_000), Decimal("0.001")), (Decimal(60_000), Decimal(5))]
    assert isinstance(judge_order(order("0.02"), view(), ticker(), LIMITS, EXITS, asks=book), Approved)


@given(
    quantity=st.decimals("0.00000001", "10", places=8),
    free=st.decimals("0", "20000", places=2),
    held=st.decimals("0", "2000", places=2),
    resting=st.decimals("0", "2000", places=2),
)
def test_what_is_approved_never_exceeds_funds_or_limits(
    quantity: Decimal, free: Decimal, held: Decimal, resting: Decimal
) -> None:
    cycles = [open_cycle(cost=held), open_cycle("BTCUSDT", resting=resting)]
    verdict = judge(order(str(quantity)), limits=BIG, free={"USDC": free}, cycles=cycles)
    if isinstance(verdict, Approved):
        assert verdict.price_max is not None
        assert verdict.price_max <= Decimal(50_500)
        cost = verdict.quantity * verdict.price_max
        assert verdict.cost <= cost <= free
        assert cost + held <= BIG.max_position_size
        assert cost + held + resting <= 10_000 * BIG.max_exposure_percent / 100
        assert verdict.quantity <= quantity
        assert verdict.quantity % RULES.step == 0
