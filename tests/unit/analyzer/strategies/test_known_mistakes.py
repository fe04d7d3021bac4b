"""The mistakes X1 to X12 of an earlier implementation of this design, each with what would show that it is back."""

from __future__ import annotations

import ast
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import analyzer.strategies as strategies_package
from analyzer.src.strategy_loader import BUILT_IN, StrategyLoader
from analyzer.src.strategy_runner import StrategyRunner
from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.rules.frames import ColumnFrame, numeric_row
from core.rules.labels import LABELS, code_of
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.market import FeatureFrame
from shared.src.domain.candles import Timeframe
from shared.src.domain.clock import from_ms
from tests.unit.analyzer.strategies.markets import SYMBOLS, market, rules, timeframe_of
from tests.unit.analyzer.test_parameters import BAR
from tests.unit.core.features.market import generated

COLUMNS = IndicatorEngine("TEST", "1m").batch(columns_of(generated(2500, seed=41)))
SOURCES = {path.stem: path.read_text() for path in Path(next(iter(strategies_package.__path__))).glob("*.py")}


def read_features(source: str) -> set[str]:
    """Every text a strategy's file subscripts a frame with or looks back on."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(node.slice.value)
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            found.add(node.args[0].value)
    return {name for name in found if isinstance(name, str)}


def test_x1_a_close_goes_beyond_the_nearest_level_and_the_break_is_voted_on() -> None:
    close = COLUMNS["close"]
    assert (close > COLUMNS["nearest_resistance"]).any()
    assert (close < COLUMNS["nearest_support"]).any()
    for name in ("ATR_Breakout", "Support_Breakout"):
        side = rules()[name].evaluate(market().frame("AAAUSDC")).side
        assert set(side.tolist()) == {-1, 0, 1}, name


def test_x2_and_x9_a_label_is_compared_by_its_own_spelling_or_not_at_all() -> None:
    with pytest.raises(KeyError):
        code_of("market_regime", "trending_bull")
    with pytest.raises(KeyError):
        code_of("volatility_regime", "HIGH")
    frame = ColumnFrame(COLUMNS, length=len(COLUMNS["close"]))
    for name, labels in LABELS.items():
        for label in labels:
            assert frame.label(name, label).dtype == bool


@pytest.mark.parametrize("name", sorted(rules()))
def test_x3_what_is_not_known_is_no_extreme(name: str) -> None:
    strategy = rules()[name]
    own = market(timeframe_of(strategy)).features[("AAAUSDC", timeframe_of(strategy))]
    features = set(strategy.reads) - {"open", "high", "low", "close", "volume", "atr_14", "time"}
    unknown = own | {feature: np.full(len(own["close"]), np.nan) for feature in features}
    frame = ColumnFrame(unknown, length=len(own["close"]), symbol="AAAUSDC", timeframe=timeframe_of(strategy))
    assert not strategy.evaluate(frame).side.any()
    assert numeric_row({"rsi_14": None})["rsi_14"] != 0.0


def test_x4_a_rate_of_change_is_in_percent_and_thresholds_are_average_ranges() -> None:
    close = COLUMNS["close"]
    np.testing.assert_allclose(COLUMNS["roc_10"][50:], 100 * (close[50:] / close[40:-10] - 1), atol=1e-9)
    for name in ("spike_reaction_buy", "pump_dump_pattern", "roc_threshold"):
        assert "natr" in read_features(SOURCES[name])


@pytest.mark.parametrize("name", sorted(rules()))
def test_x5_a_vote_is_an_event_that_the_next_bar_does_not_repeat(name: str) -> None:
    repeated = votes = 0
    for symbol in SYMBOLS:
        side = rules()[name].evaluate(market(timeframe_of(rules()[name])).frame(symbol)).side
        votes += int((side != 0).sum())
        repeated += int(((side[1:] != 0) & (side[1:] == side[:-1])).sum())
    assert repeated <= 0.1 * votes, f"{repeated} of {votes} votes repeat the one before"


@pytest.mark.parametrize("name", sorted(rules()))
def test_x6_no_threshold_is_a_price_or_a_volume(name: str) -> None:
    strategy, sides = rules()[name], []
    for price, volume in ((1.0, 1.0), (2.0**-17, 2.0**20)):
        candles = columns_of(generated(900, seed=14, price=price, timeframe=timeframe_of(strategy)))
        candles |= {part: candles[part] * volume for part in ("volume", "quote_asset_volume", "number_of_trades")}
        features = IndicatorEngine("TEST", timeframe_of(strategy)).batch(candles)
        sides.append(strategy.evaluate(ColumnFrame(features, length=900, timeframe=timeframe_of(strategy))).side)
    np.testing.assert_array_equal(sides[0], sides[1])


def test_x7_nobody_takes_the_direction_of_the_confluence_for_its_amount() -> None:
    readers = [name for name, source in SOURCES.items() if "confluence_score" in read_features(source)]
    assert readers == []


def test_x8_the_trend_alignment_is_a_share_that_reaches_both_ends() -> None:
    known = COLUMNS["trend_alignment"][~np.isnan(COLUMNS["trend_alignment"])]
    assert known.min() == -1.0
    assert known.max() == 1.0


def test_x10_a_pattern_is_that_of_its_own_bar() -> None:
    pattern, ratio, move = (COLUMNS[name] for name in ("pattern_detected", "volume_ratio", "move_atr"))
    bare = {code_of("pattern_detected", "VOLUME_SPIKE"): ratio >= 3.0}
    bare[code_of("pattern_detected", "PRICE_SPIKE_UP")] = move > 2.5
    for code, holds in bare.items():
        assert (pattern == code).any()
        assert holds[pattern == code].all()


def frame_of_bar(index: int, rsi: float) -> FeatureFrame:
    values: dict[str, Any] = BAR | {"rsi_user": rsi}
    return FeatureFrame(
        message_id=f"features:{index}",
        occurred_at=from_ms(0),
        symbol="BTCUSDC",
        timeframe=Timeframe.M1,
        time=index * 60_000,
        close_time=index * 60_000 + 59_999,
        values=values,
    )


def test_x11_a_strategy_decides_on_the_bar_that_called_it() -> None:
    loaded = StrategyLoader(only=("RSI_Strategy",)).load().loaded
    runner = StrategyRunner(loaded, ManualClock(from_ms(0)), min_volume=Decimal(0))
    seen = []
    for index, rsi in enumerate((40.0, 29.0, 28.0, 50.0, 71.0)):
        frame = frame_of_bar(index, rsi)
        runner.see(frame)
        votes = runner.evaluate(frame)
        assert votes.time == frame.time
        seen.append([vote.side.value for vote in votes.votes])
    assert seen == [[], ["BUY"], [], [], ["SELL"]]


USERS = """
import sys
from .base_strategy import BaseStrategy

class Careless(BaseStrategy):
    name = "A_Careless"
    def generate_signal(self, market_data):
        for row in (market_data["features"], *market_data["history"]):
            row["rsi_user"], row["close"] = 99.0, 1.0
        market_data["symbol"] = market_data["timeframe"] = "changed"
        market_data.pop("frame")
        market_data["history"].clear()

class Leaving(BaseStrategy):
    name = "B_Leaving"
    def generate_signal(self, market_data):
        sys.exit(0)
"""


def test_what_a_users_strategy_does_to_its_data_and_itself_harms_nobody(tmp_path: Path) -> None:
    (tmp_path / "users.py").write_text(USERS)
    strategies = StrategyLoader((BUILT_IN, tmp_path), only=("A_Careless", "B_Leaving", "RSI_Strategy")).load().loaded
    runner = StrategyRunner(strategies, ManualClock(from_ms(0)), min_volume=Decimal(0))
    for index, rsi in enumerate((40.0, 29.0)):
        frame = frame_of_bar(index, rsi)
        runner.see(frame)
        votes = runner.evaluate(frame)
    assert [(vote.strategy, vote.side.value, vote.price) for vote in votes.votes] == [
        ("RSI_Strategy", "BUY", votes.price)
    ]
    assert (votes.price, frame.values["rsi_user"]) == (Decimal(str(BAR["close"])), 29.0)
    assert {failure.split(" ")[0] for failure in runner.statistics()["failures"]} == {"B_Leaving"}


@pytest.mark.parametrize("level", ["WEAK", "MODERATE", "STRONG", "VERY_STRONG"])
def test_a_strategy_may_name_the_level_of_its_strength(tmp_path: Path, level: str) -> None:
    (tmp_path / "named.py").write_text(
        "from .base_strategy import BaseStrategy\n"
        "class Named(BaseStrategy):\n"
        "    name = 'A_Named'\n"
        f"    def generate_signal(self, market_data): return {{'side': 'BUY', 'strength': '{level}'}}\n"
    )
    runner = StrategyRunner(StrategyLoader((tmp_path,)).load().loaded, ManualClock(from_ms(0)), min_volume=Decimal(0))
    runner.see(frame_of_bar(0, 40.0))
    (vote,) = runner.evaluate(frame_of_bar(0, 40.0)).votes
    assert vote.level.value == level


def test_x12_time_frames_do_not_share_a_state() -> None:
    minutes, hours = generated(300, seed=1), generated(300, seed=2, timeframe="1h")
    alone = IndicatorEngine("TEST", "1m")
    expected = [alone.update(candle)["rsi_14"] for candle in minutes]
    first, second = IndicatorEngine("TEST", "1m"), IndicatorEngine("TEST", "1h")
    mixed = []
    for minute, hour in zip(minutes, hours, strict=True):
        second.update(hour)
        mixed.append(first.update(minute)["rsi_14"])
    assert mixed == expected
