"""What docs/rule-compiler.md shows is what the compiler writes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from textwrap import dedent

from analyzer.strategies.base_strategy import source_of_sides
from analyzer.strategies.ema_cross import EmaCrossStrategy
from core.features.fusion import source_of_bar
from core.features.indicators.base import IndicatorParameters
from core.features.registry import build_indicators

PAGE = Path(__file__).resolve().parents[4] / "docs" / "rule-compiler.md"


def shown() -> list[str]:
    """The first three blocks of code: a rule, its function, the function of a bar."""
    return re.findall(r"```(?:python|text)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)[:3]


def test_the_page_shows_the_rule_as_it_is() -> None:
    assert shown()[0] == dedent(inspect.getsource(EmaCrossStrategy.rule))


def test_the_page_shows_the_function_of_the_rule() -> None:
    assert shown()[1] == source_of_sides([EmaCrossStrategy()])


def test_the_page_shows_the_function_of_a_bar() -> None:
    assert shown()[2] == source_of_bar(build_indicators(IndicatorParameters(), ["donchian_upper"]))
