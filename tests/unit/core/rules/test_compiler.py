"""A compiled rule says what the same rule says on a frame, unknown values and missing rows included."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.features.indicators.base import FormulaIndicator, IndicatorParameters
from core.features.registry import build_indicators
from core.rules.compiler import UntraceableError, compile_rule
from core.rules.frames import BarFrame, ColumnFrame, Frame, Value, clip, scale

numbers = st.sampled_from([float("nan"), 0.0, -1.5, 2.0, 1e-9, 3e5]) | st.floats(-100, 100)
rows = st.lists(st.fixed_dictionaries({"a": numbers, "b": numbers}), min_size=1, max_size=4)


def everything(frame: Frame) -> tuple[Value, ...]:
    a, b, before = frame["a"], frame["b"], frame.prev("a")
    rising = (a > before) & frame.known(a, before)
    both = rising | (b <= 0.0) & frame.no(a == b)
    return (
        1.0 * both,
        frame.where(rising, a - b, -a * 2.0),
        frame.divide(a, b),
        frame.maximum(a, b) + frame.minimum(a, before),
        clip(frame, a / 3.0, -1.0, 1.0),
        scale(frame, b, 0.0, 10.0),
        frame.maximum(a, float("nan")) + frame.minimum(b, 0.0),
        3.0 * (a > b) + float("nan") * (a <= b) - 2.0 * frame.known(a, b),
        frame.root(frame.absolute(b)),
        frame.where(frame.known(frame.prev("missing", 2)), 1.0, frame.constant(-7.0)),
        2.0 - a + (1.0 / (frame.absolute(b) + 1.0)),
        1.0 * (True & (a != b)) + (a < b) * 0.5,
    )


COMPILED = compile_rule(everything)


@given(rows)
def test_compiled_bars_and_columns_agree_to_the_bit(history: list[dict[str, float]]) -> None:
    expected = everything(BarFrame(history))
    np.testing.assert_array_equal(np.array(COMPILED(history), dtype=float), np.array(expected, dtype=float))
    columns = {name: np.array([row[name] for row in history]) for name in ("a", "b")}
    with np.errstate(all="ignore"):
        whole = everything(ColumnFrame(columns, length=len(history)))
    last = [np.broadcast_to(column, (len(history),))[-1] for column in whole]
    np.testing.assert_array_equal(np.array(last, dtype=float), np.array(expected, dtype=float))


def test_a_guard_stops_the_rule_before_anything_is_divided() -> None:
    function = compile_rule(lambda frame: (frame["a"] / frame["b"],), guard=lambda frame: frame["b"] > 0)
    assert function([{"a": 1.0, "b": 0.0}]) is None
    assert function([{"a": 1.0, "b": 4.0}]) == (0.25,)


def test_a_rule_that_branches_or_looks_elsewhere_is_not_compiled() -> None:
    def branches(frame: Frame) -> Sequence[Value]:
        return (1.0,) if frame["a"] > 0 else (2.0,)

    for rule in (
        branches,
        lambda frame: (frame.higher("5m")["a"],),
        lambda frame: (frame.peer("BTCUSDC")["a"],),
        lambda frame: (float(len(frame.peers)),),
        lambda frame: (1.0 if frame.timeframe == "1m" else 0.0,),
        lambda frame: (float(frame["a"]),),
    ):
        with pytest.raises(UntraceableError):
            compile_rule(rule)


def test_every_formula_of_the_engine_compiles() -> None:
    formulas = [found for found in build_indicators(IndicatorParameters()) if isinstance(found, FormulaIndicator)]
    assert len(formulas) > 20
    for formula in formulas:
        assert len(compile_rule(formula.formula)([{}])) == len(formula.writes)


def test_a_formula_looks_back_no_further_than_it_declares() -> None:
    class Recorder(BarFrame):
        oldest = 0

        def prev(self, name: str, bars: int = 1) -> Value:
            Recorder.oldest = max(Recorder.oldest, bars)
            return super().prev(name, bars)

    for formula in build_indicators(IndicatorParameters()):
        if isinstance(formula, FormulaIndicator):
            Recorder.oldest = 0
            formula.formula(Recorder([{}]))
            assert Recorder.oldest <= formula.lookback, type(formula).__name__
