"""Each rule refuses in words that name it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from coordinator.src.pocket_checker import (
    Approved,
    ApprovedExit,
    Limits,
    OpenCycle,
    PocketChecker,
    Refused,
    Verdict,
)
from shared.src.domain.candles import Timeframe
from shared.src.domain.orders import Side
from tests.unit.coordinator.builders import CLOSE_MS, LIMITS, TERMS, consensus, view


def check(*, limits: Limits = LIMITS, signal: dict[str, Any] | None = None, **state: Any) -> Verdict:
    return PocketChecker(limits).check(consensus(**(signal or {})), view(**state), TERMS)


def open_cycle(symbol: str = "BTCUSDC", *, created_ms: int = CLOSE_MS - 1) -> OpenCycle:
    return OpenCycle(f"cy-{symbol}", symbol, created_ms)


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
        ({"pending": ("BTCUSDC",)}, "an entry in BTCUSDC is under way"),
        (
            {"cycles": tuple(open_cycle(f"A{n}USDC") for n in range(3)), "pending": ("XUSDC", "YUSDC")},
            "5 positions are open, MAX_CONCURRENT_POSITIONS is 5",
        ),
        ({"profit_today": Decimal(-500)}, "today's loss of 500 reached MAX_DAILY_LOSS 500"),
        ({"capital": Decimal(0)}, "no capital"),
        ({"now_ms": CLOSE_MS + 181_000}, "closed 181 s ago, over 180 s"),
        ({"exposure": {"BTC": Decimal(2000)}}, "MAX_EXPOSURE_PERCENT leaves 0"),
        ({"pockets": {"active": Decimal(1)}}, "the pocket leaves 0.99"),
        ({"signal": {"take_profit": Decimal(50_075)}}, "the target is 0.15 % away; the fees of both orders take 0.20%"),
    ],
)
def test_a_rule_that_forbids_names_itself(case: dict[str, Any], words: str) -> None:
    verdict = check(**case)
    assert isinstance(verdict, Refused)
    assert words in verdict.reason


def test_a_symbol_that_is_not_trading_is_refused() -> None:
    verdict = PocketChecker(LIMITS).check(consensus(), view(), replace(TERMS, trading=False))
    assert verdict == Refused("BTCUSDC is not trading on the exchange")


def test_only_a_strong_signal_may_use_the_buffer() -> None:
    empty: dict[str, Any] = {"pockets": {"active": Decimal(0), "buffer": Decimal(3000), "safety": Decimal(1000)}}
    assert isinstance(check(**empty), Refused)
    verdict = check(signal={"strength": 0.7}, **empty)
    assert isinstance(verdict, Approved)
    assert verdict.pocket == "buffer"


def test_safety_is_never_traded() -> None:
    verdict = check(
        signal={"strength": 1.0}, pockets={"active": Decimal(0), "buffer": Decimal(0), "safety": Decimal(9)}
    )
    assert isinstance(verdict, Refused)


def test_an_approved_entry_counts_at_once() -> None:
    approved = check()
    assert isinstance(approved, Approved)
    after = view().with_entry("BTCUSDC", "BTC", approved)
    assert after.pockets["active"] == 6000 - approved.sized.reserve
    assert after.exposure["BTC"] == approved.sized.reserve
    again = PocketChecker(LIMITS).check(consensus(), after, TERMS)
    assert again == Refused("an entry in BTCUSDC is under way")


def test_a_sell_closes_what_is_open() -> None:
    assert check(signal={"side": Side.SELL}, cycles=(open_cycle(),)) == ApprovedExit(("cy-BTCUSDC",))


def test_a_sell_without_a_position_is_refused() -> None:
    verdict = check(signal={"side": Side.SELL}, cycles=(open_cycle("ETHUSDC"),))
    assert verdict == Refused("no open position in BTCUSDC")


def test_a_sell_does_not_close_a_position_younger_than_its_bar() -> None:
    verdict = check(signal={"side": Side.SELL}, cycles=(open_cycle(created_ms=CLOSE_MS + 1),))
    assert isinstance(verdict, Refused)


def test_an_exit_may_be_as_old_as_its_bar_is_long() -> None:
    old: dict[str, Any] = {"signal": {"side": Side.SELL, "timeframe": Timeframe.M15}, "cycles": (open_cycle(),)}
    assert isinstance(check(**old, now_ms=CLOSE_MS + 899_000), ApprovedExit)
    assert isinstance(check(**old, now_ms=CLOSE_MS + 901_000), Refused)


def test_an_exit_is_allowed_when_entries_are_not() -> None:
    limits = replace(LIMITS, entries_enabled=False)
    assert isinstance(
        check(limits=limits, signal={"side": Side.SELL}, cycles=(open_cycle(),), pauses={"all": ""}), ApprovedExit
    )
