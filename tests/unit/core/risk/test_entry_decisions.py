"""Each rule refuses in words that name it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from core.capital.pockets import Pocket
from core.risk.account import Losses
from core.risk.entry_decisions import ApprovedExit, SignalVerdict, judge_signal
from core.risk.fees import FeeModel
from core.risk.halts import Cause
from core.risk.limits import RiskLimits, loss_breaches
from core.risk.verdicts import Approved, Refused
from shared.src.domain.candles import Timeframe
from shared.src.domain.orders import Side
from shared.src.exchange.rules import NOT_LISTED
from tests.unit.core.risk.builders import BTC, CLOSE_MS, LIMITS, RULES, account, consensus, open_cycle, pending


def check(*, limits: RiskLimits = LIMITS, signal: dict[str, Any] | None = None, **facts: Any) -> SignalVerdict:
    return judge_signal(consensus(**(signal or {})), account(**facts), BTC, replace(RULES, limits=limits))


def rooms(**amounts: int) -> tuple[Pocket, ...]:
    return tuple(Pocket(name, Decimal(0), Decimal(amount)) for name, amount in amounts.items())


WIDE = replace(LIMITS, max_position_size=Decimal(5000))


def test_a_sound_signal_is_approved_from_the_active_pocket() -> None:
    verdict = check()
    assert isinstance(verdict, Approved)
    assert verdict.pocket == "active"


@pytest.mark.parametrize(
    ("case", "words"),
    [
        ({"limits": replace(LIMITS, entries_enabled=False)}, "TRADING_ENABLED is off"),
        ({"pauses": {"all": "storm"}}, "trading is paused: storm"),
        ({"pauses": {"BTCUSDC": ""}}, "BTCUSDC is paused: by hand"),
        ({"pauses": {"EMA_Cross_Strategy": "bad week"}}, "EMA_Cross_Strategy is paused: bad week"),
        ({"signal": {"strength": 0.2}}, "strength 0.20 is under 0.3"),
        ({"cycles": (open_cycle(),)}, "a position in BTCUSDC is open"),
        ({"pending": (pending(intent_id="int-other"),)}, "an entry in BTCUSDC is under way"),
        (
            {"cycles": [open_cycle(f"A{n}USDC") for n in range(3)], "pending": (pending("XUSDC"), pending("YUSDC"))},
            "5 positions are open, MAX_CONCURRENT_POSITIONS is 5",
        ),
        ({"entries_last_minute": 60}, "60 entries in the last minute, MAX_ORDERS_PER_MINUTE"),
        ({"day_result": Decimal(-500)}, "today's loss of 500 reached MAX_DAILY_LOSS 500"),
        ({"capital": Decimal(0)}, "no capital"),
        ({"now_ms": CLOSE_MS + 181_000}, "closed 181 s ago, over 180 s, SIGNAL_MAX_AGE_S"),
        ({"cycles": (open_cycle("BTCUSDT", cost=Decimal(1000)),)}, "MAX_POSITION_SIZE leaves 0"),
        ({"cycles": (open_cycle("BTCUSDT", cost=Decimal(2000)),), "limits": WIDE}, "MAX_EXPOSURE_PERCENT leaves 0"),
        ({"cycles": (open_cycle("BTCUSDT", resting=Decimal(2000)),), "limits": WIDE}, "MAX_EXPOSURE_PERCENT leaves 0"),
        ({"cycles": (open_cycle("BTCEUR", cost=Decimal(1)),)}, "BTC cannot be told in USDC, MAX_EXPOSURE_PERCENT"),
        ({"pockets": rooms(active=1)}, "the pocket leaves 0.99"),
        ({"signal": {"take_profit": Decimal(50_075)}}, "the target is 0.15 % away; the fees of both orders take 0.20%"),
    ],
)
def test_a_rule_that_forbids_names_itself(case: dict[str, Any], words: str) -> None:
    verdict = check(**case)
    assert isinstance(verdict, Refused)
    assert words in verdict.reason


def test_a_symbol_that_is_not_trading_is_refused() -> None:
    verdict = judge_signal(consensus(), account(), replace(BTC, status="BREAK"), RULES)
    assert verdict == Refused("BTCUSDC is not trading on the exchange: BREAK")


def test_only_a_strong_signal_may_use_the_buffer() -> None:
    empty = rooms(active=0, buffer=3000, safety=1000)
    assert isinstance(check(pockets=empty), Refused)
    verdict = check(signal={"strength": 0.7}, pockets=empty)
    assert isinstance(verdict, Approved)
    assert verdict.pocket == "buffer"


def test_safety_is_never_traded() -> None:
    verdict = check(signal={"strength": 1.0}, pockets=rooms(active=0, buffer=0, safety=9000))
    assert isinstance(verdict, Refused)


def test_an_entry_in_another_quote_asset_is_sized_by_what_that_is_worth() -> None:
    ether = replace(BTC, symbol="ETHBTC", base="ETH", quote="BTC", notional_min=Decimal("0.0001"))
    signal = consensus(symbol="ETHBTC", price=Decimal("0.05"))
    view = account(rates={"BTC": Decimal(50_000)})
    verdict = judge_signal(signal, view, ether, RULES)
    assert isinstance(verdict, Approved)
    assert 900 < verdict.quantity * Decimal("0.05") * 50_000 <= verdict.cost <= 1000
    assert judge_signal(signal, account(), ether, RULES) == Refused("what BTC is worth in USDC is not known")


def test_a_sell_closes_what_is_open() -> None:
    assert check(signal={"side": Side.SELL}, cycles=(open_cycle(),)) == ApprovedExit(("cy-BTCUSDC",))


def test_a_sell_leaves_a_position_to_its_owner() -> None:
    owners, strategies = open_cycle(is_owners=True), open_cycle(number=2)
    verdict = check(signal={"side": Side.SELL}, cycles=(owners,))
    assert verdict == Refused("what is open in BTCUSDC belongs to its owner")
    assert check(signal={"side": Side.SELL}, cycles=(owners, strategies)) == ApprovedExit(("cy-BTCUSDC2",))


def test_a_sell_without_a_position_is_refused() -> None:
    verdict = check(signal={"side": Side.SELL}, cycles=(open_cycle("ETHUSDC"),))
    assert verdict == Refused("no open position in BTCUSDC")


def test_a_sell_does_not_close_a_position_younger_than_its_bar() -> None:
    verdict = check(signal={"side": Side.SELL}, cycles=(open_cycle(created_ms=CLOSE_MS + 1),))
    assert isinstance(verdict, Refused)
    assert isinstance(check(signal={"side": Side.SELL}, cycles=(open_cycle(created_ms=CLOSE_MS),)), ApprovedExit)


def test_an_exit_may_be_as_old_as_its_bar_is_long() -> None:
    old: dict[str, Any] = {"signal": {"side": Side.SELL, "timeframe": Timeframe.M15}, "cycles": (open_cycle(),)}
    assert isinstance(check(**old, now_ms=CLOSE_MS + 900_000), ApprovedExit)
    assert isinstance(check(**old, now_ms=CLOSE_MS + 901_000), Refused)


def test_an_exit_is_allowed_when_entries_are_not() -> None:
    limits = replace(LIMITS, entries_enabled=False)
    assert isinstance(
        check(limits=limits, signal={"side": Side.SELL}, cycles=(open_cycle(),), pauses={"all": ""}), ApprovedExit
    )


def test_a_signal_just_strong_enough_is_followed_and_a_target_that_just_pays_the_fees_is_not() -> None:
    assert isinstance(check(signal={"strength": 0.3}), Approved)
    at_cost = check(signal={"take_profit": Decimal(50_100)})
    assert isinstance(at_cost, Refused)
    assert "the fees of both orders take" in at_cost.reason
    assert isinstance(check(signal={"take_profit": Decimal(50_101)}), Approved)


def test_what_the_exchange_does_not_list_or_refused_by_unread_rules_is_named() -> None:
    for rules, words in (
        (replace(BTC, status=NOT_LISTED), "BTCUSDC is not listed"),
        (replace(BTC, is_doubted=True), "they are being read again"),
    ):
        verdict = judge_signal(consensus(), account(), rules, RULES)
        assert isinstance(verdict, Refused)
        assert words in verdict.reason


def test_what_a_strategy_has_at_stake_in_coins_without_a_price_stops_its_entries() -> None:
    verdict = check(cycles=(open_cycle("ETHEUR", cost=Decimal(1), strategy="EMA_Cross_Strategy"),))
    assert isinstance(verdict, Refused)
    assert "MAX_STRATEGY_EXPOSURE_PERCENT" in verdict.reason


def test_a_limit_of_losses_is_reached_at_its_very_figure() -> None:
    assert list(loss_breaches(Losses(drawdown_percent=Decimal(20)), LIMITS)) == [Cause.DRAWDOWN]
    assert list(loss_breaches(Losses(day_percent=Decimal(5)), LIMITS)) == [Cause.DAILY_LOSS]
    assert loss_breaches(Losses(day_percent=Decimal("4.99"), drawdown_percent=Decimal("19.99")), LIMITS) == {}


def test_a_target_pays_the_fees_that_the_account_really_has() -> None:
    near = {"take_profit": Decimal(50_090)}
    reduced = FeeModel(Decimal("0.00075"), Decimal("0.00075"))
    assert isinstance(check(signal=near), Refused)
    assert isinstance(check(signal=near, fees={"BTCUSDC": reduced}), Approved)
    refused = check(signal={"take_profit": Decimal(50_070)}, fees={"BTCUSDC": reduced})
    assert isinstance(refused, Refused)
    assert "0.15%" in refused.reason
