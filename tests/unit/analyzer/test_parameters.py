"""The parameters of strategies: bounds, where a value comes from, and what changes them between two bars."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analyzer.src.parameters import merged, parameters_of
from analyzer.src.strategy_loader import BUILT_IN, LoadedStrategy, StrategyLoader
from analyzer.src.strategy_runner import StrategyRunner
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.market import FeatureFrame
from shared.src.contracts.signals import StrategyVotes
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ConfigurationError

GUIDE = Path(__file__).parent / "guide" / "bollinger_bands.py.txt"
BAR: dict[str, Any] = {
    **{"open": 100.0, "high": 100.4, "low": 99.6, "close": 100.0, "volume": 10.0, "active_bars_20": 20.0},
    **{"atr_14": 1.0, "adx_14": 25.0},
}


def strategy(name: str = "RSI_Strategy", **environment: str) -> LoadedStrategy:
    return StrategyLoader(only=(name,), environment=environment).load().loaded[0]


def value(loaded: LoadedStrategy, name: str) -> tuple[float, str]:
    found = next(one for one in parameters_of(loaded) if one.name == name)
    return found.value, found.source


def vote(runner: StrategyRunner, bar: int, rsi: float) -> StrategyVotes:
    frame = FeatureFrame(
        message_id=f"features:{bar}",
        correlation_id="test",
        occurred_at=from_ms(0),
        symbol="BTCUSDC",
        timeframe=Timeframe.M1,
        time=bar * 60_000,
        close_time=bar * 60_000 + 59_999,
        values=BAR | {"rsi_user": rsi},
    )
    runner.see(frame)
    return runner.evaluate(frame)


def runner_of(*names: str) -> StrategyRunner:
    loaded = StrategyLoader(only=names).load().loaded
    return StrategyRunner(loaded, ManualClock(from_ms(0)), min_volume=Decimal(0))


def test_a_value_says_whether_it_is_the_default_the_environments_or_the_databases() -> None:
    assert value(strategy(), "oversold") == (30.0, "default")
    assert value(strategy(RSI_OVERSOLD="25"), "oversold") == (25.0, "environment")
    overridden = replace(strategy(RSI_OVERSOLD="25"), overrides={"oversold": 20.0})
    assert value(overridden, "oversold") == (20.0, "database")
    assert value(overridden, "overbought") == (70.0, "default")


def test_a_change_keeps_the_other_overrides_and_gives_back_what_is_none() -> None:
    assert merged(strategy(), {"oversold": 20.0}, {"overbought": 75.0}) == {"oversold": 20.0, "overbought": 75.0}
    assert merged(strategy(), {"oversold": 20.0}, {"oversold": None}) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"oversold": 4.0}, "oversold must be between 5 and 45, not 4.0"),
        ({"oversold": float("nan")}, "oversold must be between 5 and 45"),
        ({"speed": 1.0}, "no option speed; its options: oversold, overbought"),
    ],
)
def test_what_is_out_of_bounds_or_no_option_is_refused_with_the_reason(change: dict[str, float], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        merged(strategy(), {}, change)


def test_every_default_and_both_bounds_of_every_option_are_allowed() -> None:
    for loaded in StrategyLoader().load().loaded:
        for one in parameters_of(loaded):
            for allowed in (one.default, one.low, one.high):
                assert merged(loaded, {}, {one.name: allowed}) == {one.name: allowed}


def test_a_new_parameter_decides_the_next_bar_and_the_vote_says_so() -> None:
    running = runner_of("RSI_Strategy")
    vote(running, 1, 40.0)
    assert vote(running, 2, 33.0).votes == ()
    vote(running, 3, 40.0)
    assert running.apply({"RSI_Strategy": {"oversold": 35.0}}) == ["RSI_Strategy"]
    (found,) = vote(running, 4, 33.0).votes
    assert found.side == "BUY"
    assert found.numbers["parameter_oversold"] == 35.0
    assert "parameter_overbought" not in found.numbers


def test_giving_a_parameter_back_decides_as_before_and_says_nothing_of_it() -> None:
    running = runner_of("RSI_Strategy")
    running.apply({"RSI_Strategy": {"oversold": 35.0}})
    running.apply({})
    vote(running, 1, 40.0)
    assert vote(running, 2, 33.0).votes == ()
    vote(running, 3, 40.0)
    (found,) = vote(running, 4, 29.0).votes
    assert not [name for name in found.numbers if name.startswith("parameter_")]


def test_parameters_that_do_not_fit_change_nothing() -> None:
    running = runner_of("RSI_Strategy", "EMA_Cross")
    with pytest.raises(ConfigurationError, match="oversold must be"):
        running.apply({"EMA_Cross": {"adx_min": 20.0}, "RSI_Strategy": {"oversold": 99.0}})
    assert all(not loaded.overrides for loaded in running.strategies)


def test_a_users_strategy_keeps_its_state_when_another_ones_parameters_change(tmp_path: Path) -> None:
    (tmp_path / "bollinger_bands.py").write_text(GUIDE.read_text())
    loaded = StrategyLoader((BUILT_IN, tmp_path), only=("Bollinger_Bands", "RSI_Strategy")).load().loaded
    assert parameters_of(loaded[0]) == []
    running = StrategyRunner(loaded, ManualClock(from_ms(0)), min_volume=Decimal(0))
    vote(running, 1, 40.0)
    instances = running._engine._sets[("BTCUSDC", "1m")].members
    running.apply({"RSI_Strategy": {"oversold": 35.0}})
    after = running._engine._sets[("BTCUSDC", "1m")].members
    assert after[0].strategy is instances[0].strategy
    assert after[1].strategy is not instances[1].strategy
