"""The four protections, as freqtrade's users know them: what stops entries, where, and for how long."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from core.risk.protections import EndedTrade, history_needed, protection_refusal
from shared.src.domain.protections import (
    CooldownPeriod,
    LowProfitPairs,
    MaxDrawdown,
    ProtectionRule,
    StoplossGuard,
    parse_protections,
)

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIMED = '[{{"stop_duration": 5, "lookback_period": 5, "method": "{}}}]'
GUARD = StoplossGuard(lookback=HOUR, stop=HOUR / 2, trades=2)


def ended(minute: int, profit: str = "-0.01", symbol: str = "BTCUSDC", reason: str = "stop_loss") -> EndedTrade:
    """A trade that ended at 12:``minute``."""
    return EndedTrade(symbol, NOON + timedelta(minutes=minute), Decimal(profit), reason)


@pytest.mark.parametrize(
    ("rule", "trades", "minute", "stops"),
    [
        # a symbol rests after its own trades, for so long and no longer
        (CooldownPeriod(HOUR / 2), [ended(0)], 29, True),
        (CooldownPeriod(HOUR / 2), [ended(0)], 30, False),
        (CooldownPeriod(HOUR / 2), [ended(0, symbol="ETHUSDC")], 1, False),
        (CooldownPeriod(HOUR / 2), [], 1, False),
        # so many stops within the lookback, whichever symbols
        (GUARD, [ended(0), ended(10)], 11, True),
        (GUARD, [ended(0), ended(10)], 40, False),
        (GUARD, [ended(0)], 1, False),
        (GUARD, [ended(0), ended(61)], 62, False),
        (GUARD, [ended(0, symbol="ETHUSDC"), ended(10, symbol="SOLUSDC")], 11, True),
        (GUARD, [ended(0), ended(10, reason="take_profit")], 11, False),
        (GUARD, [ended(0), ended(10, "0.02")], 11, False),
        # it holds although the first stop leaves the lookback meanwhile
        (StoplossGuard(HOUR / 4, HOUR, trades=2), [ended(0), ended(14)], 60, True),
        # a later trade of another sort does not end it
        (GUARD, [ended(0), ended(10), ended(12, "0.05", reason="take_profit")], 20, True),
        (StoplossGuard(HOUR, HOUR, 2, per_symbol=True), [ended(0), ended(10, symbol="ETHUSDC")], 11, False),
        (StoplossGuard(HOUR, HOUR, 2, per_symbol=True), [ended(0), ended(10)], 11, True),
        (StoplossGuard(HOUR, HOUR, 2, profit=Decimal("0.03")), [ended(0), ended(10, "0.02")], 11, True),
        # the sum of the ratios fell from its highest
        (MaxDrawdown(HOUR, HOUR, 2, Decimal("0.05")), [ended(0, "0.02"), ended(9, "-0.06")], 10, True),
        (MaxDrawdown(HOUR, HOUR, 2, Decimal("0.06")), [ended(0, "0.02"), ended(9, "-0.06")], 10, False),
        (MaxDrawdown(HOUR, HOUR, 3, Decimal("0.05")), [ended(0, "0.02"), ended(9, "-0.06")], 10, False),
        (MaxDrawdown(HOUR, HOUR, 1, Decimal("0.05")), [ended(0, "-0.06", symbol="ETHUSDC")], 10, True),
        # the trades of one symbol brought too little
        # a fall counts in the order of time, whichever way the trades are told
        (MaxDrawdown(HOUR, HOUR, 2, Decimal("0.05")), [ended(9, "0.06"), ended(0, "-0.04")], 10, False),
        (MaxDrawdown(HOUR, HOUR, 2, Decimal("0.05")), [ended(9, "-0.06"), ended(0, "0.06")], 10, True),
        (GUARD, [ended(0), ended(10, "0")], 11, False),
        (LowProfitPairs(HOUR, HOUR, 2), [ended(0, "0.02"), ended(9, "-0.02")], 10, False),
        (LowProfitPairs(HOUR, HOUR, 2), [ended(0, "0.01"), ended(9, "-0.02")], 10, True),
        (LowProfitPairs(HOUR, HOUR, 2), [ended(0, "0.03"), ended(9, "-0.02")], 10, False),
        (LowProfitPairs(HOUR, HOUR, 2), [ended(0, "-0.03", symbol="ETHUSDC"), ended(9, "-0.02")], 10, False),
        (LowProfitPairs(HOUR, HOUR, 2, Decimal("0.02")), [ended(0, "0.03"), ended(9, "-0.02")], 10, True),
    ],
)
def test_a_rule_stops_what_it_is_for(rule: ProtectionRule, trades: list[EndedTrade], minute: int, stops: bool) -> None:
    now = NOON + timedelta(minutes=minute)
    reason = protection_refusal([rule], trades, "BTCUSDC", now)
    assert bool(reason) is stops, reason
    assert not stops or reason.startswith(type(rule).__name__)


def test_a_refusal_says_which_rule_why_and_until_when() -> None:
    trades = [ended(0, symbol="ETHUSDC"), ended(10)]
    reason = protection_refusal([CooldownPeriod(HOUR), GUARD], trades, "XRPUSDC", NOON + HOUR / 4)
    assert reason == "StoplossGuard: 2 stops within 60 min, no entry until 2026-01-05T12:40:00+00:00"


def test_trades_matter_as_long_as_a_rule_may_look_back_from_within_its_stop() -> None:
    assert history_needed([CooldownPeriod(HOUR), GUARD]) == HOUR * 1.5
    assert history_needed([]) == timedelta(0)


def test_rules_are_written_as_in_freqtrade() -> None:
    text = """[
        {"method": "CooldownPeriod", "stop_duration": 5},
        {"method": "StoplossGuard", "lookback_period": 60, "trade_limit": 2, "stop_duration": 30,
         "required_profit": 0.0},
        {"method": "MaxDrawdown", "lookback_period": 1440, "trade_limit": 20, "stop_duration": 720,
         "max_allowed_drawdown": 0.2},
        {"method": "LowProfitPairs", "lookback_period": 360, "stop_duration": 60, "required_profit": 0.02}
    ]"""
    minute = timedelta(minutes=1)
    assert parse_protections(text) == (
        CooldownPeriod(5 * minute),
        GUARD,
        MaxDrawdown(1440 * minute, 720 * minute, 20, Decimal("0.2")),
        LowProfitPairs(360 * minute, 60 * minute, 1, Decimal("0.02")),
    )
    assert parse_protections("") == ()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not JSON"),
        ('{"method": "CooldownPeriod"}', "a list of objects"),
        ('[{"method": "Luck", "stop_duration": 5}]', "'Luck' is not one of"),
        ('[{"method": "CooldownPeriod"}]', "stop_duration is a number of minutes"),
        ('[{"method": "CooldownPeriod", "stop_duration": 0}]', "stop_duration"),
        ('[{"method": "CooldownPeriod", "stop_duration_candles": 5}]', "has no stop_duration_candles"),
        ('[{"method": "LowProfitPairs", "stop_duration": 5}]', "lookback_period"),
        (TIMED.format('LowProfitPairs", "trade_limit": 0'), "trade_limit"),
        (TIMED.format('MaxDrawdown", "max_allowed_drawdown": "x"'), "ratio"),
        (TIMED.format('StoplossGuard", "only_per_pair": 1'), "only_per_pair"),
    ],
)
def test_a_rule_that_is_not_understood_is_refused_by_name(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=re.escape(word)):
        parse_protections(text)
