"""The user's choice of exits for single strategies: read, or refused by name."""

from __future__ import annotations

from decimal import Decimal

import pytest

from shared.src.config import load_settings
from shared.src.domain.errors import ConfigurationError
from shared.src.domain.exits import ExitMethod, ExitRule, parse_exit_rules


def test_rules_are_read_by_strategy() -> None:
    assert parse_exit_rules("RSI_Strategy=percent:1.5:3, EMA_Cross=atr:2:4, Mine=strategy") == {
        "RSI_Strategy": ExitRule(ExitMethod.PERCENT, Decimal("1.5"), Decimal(3)),
        "EMA_Cross": ExitRule(ExitMethod.ATR, Decimal(2), Decimal(4)),
        "Mine": ExitRule(ExitMethod.STRATEGY),
    }
    assert parse_exit_rules("") == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("RSI", "RSI: '' is not a valid ExitMethod"),
        ("RSI=fixed:1:2", "RSI: 'fixed' is not a valid ExitMethod"),
        ("RSI=percent:1", "RSI: 'percent:1' is not a rule"),
        ("RSI=strategy:1:2", "RSI: 'strategy:1:2' is not a rule"),
        ("RSI=percent:a:2", "RSI: a distance is not a number"),
        ("RSI=percent:NaN:2", "RSI: 'percent:NaN:2'"),
        ("RSI=percent:1:0", "the target must be a positive number"),
        ("RSI=percent:0.2:2", "RSI: a stop is 0.3 to 10 percent away, not 0.2"),
        ("RSI=percent:11:20", "RSI: a stop is 0.3 to 10 percent away, not 11"),
        ("RSI=atr:0:2", "RSI: a stop is up to 20 average ranges away, not 0"),
        ("RSI=atr:1:2,RSI=atr:1:2", "RSI is named twice"),
    ],
)
def test_a_rule_that_makes_no_sense_refuses_to_start_and_names_its_strategy(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        load_settings(exit_levels_by_strategy=text)
    assert "EXIT_LEVELS_BY_STRATEGY" in str(refused.value)
    assert words in str(refused.value)
