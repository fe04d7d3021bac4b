"""Strategy files: the guide's example unchanged, a broken one beside it, names, options, folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.src.strategy_loader import BUILT_IN, LoadedStrategy, StrategyLoader
from analyzer.strategies.base_strategy import FAMILIES
from shared.src.domain.errors import ConfigurationError

GUIDE = Path(__file__).parent / "guide" / "bollinger_bands.py.txt"
NAMED = {
    *("ADX_Direction", "ATR_Breakout", "Bollinger_Touch", "CCI_Reversal", "Donchian_Breakout", "EMA_Cross"),
    *("HullMA_Slope", "Liquidity_Sweep_Buy", "MACD_Crossover", "MultiTF_ConfluentEntry", "OBV_Crossover"),
    *("PPO_Crossover", "ParabolicSAR_Bounce", "Pump_Dump_Pattern", "ROC_Threshold", "RSI_Cross"),
    *("Range_Breakout_Confirmation", "Resistance_Rejection", "Spike_Reaction_Buy", "StochRSI_Rebound"),
    *("Stochastic_Oversold_Buy", "Supertrend_Reversal", "Support_Breakout", "TEMA_Slope", "TRIX_Crossover"),
    *("VWAP_Support_Resistance", "WilliamsR_Rebound", "ZScore_Extreme_Reversal"),
    *("RSI_Strategy", "SimpleMA_Cross", "Bollinger_Bands"),
    *("EMA_Daily_Trend", "RSI_Divergence", "Range_Breakout", "Pair_Rotation", "Cross_Pair_Swing"),
}
MONITORS = {"Triangular_Monitor", "Stablecoin_Monitor", "Funding_Monitor", "Calendar_Spread_Monitor"}


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


@pytest.fixture
def guide(tmp_path: Path) -> Path:
    """A user's folder with the developer guide's example in it, unchanged."""
    write(tmp_path, "bollinger_bands.py", GUIDE.read_text())
    return tmp_path


def test_every_documented_strategy_loads_with_its_name_and_a_family() -> None:
    report = StrategyLoader().load()
    assert report.refused == ()
    assert set(report.names) == NAMED | MONITORS
    assert all(strategy.family in FAMILIES for strategy in report.loaded if strategy.name not in MONITORS)


def test_the_guides_example_loads_unchanged_and_replaces_the_built_in_one(guide: Path) -> None:
    report = StrategyLoader((BUILT_IN, guide)).load()
    assert report.refused == ()
    chosen = next(strategy for strategy in report.loaded if strategy.name == "Bollinger_Bands")
    assert chosen.source.parent == guide
    assert set(report.names) == NAMED | MONITORS


def test_the_guides_example_votes_as_its_author_wrote_it(guide: Path) -> None:
    (loaded,) = StrategyLoader((guide,)).load().loaded
    first, second = loaded.create(), loaded.create()
    closes = [*(100.0 + 0.1 * (index % 3) for index in range(30)), 97.0, 99.5, 100.0, 103.0, 100.5]
    signals = []
    for index, close in enumerate(closes):
        signal = first.generate_signal({"symbol": "BTCUSDC", "startTime": 60_000 * index, "close": close})
        if signal:
            signals.append((index, signal["side"], signal["price"]))
            assert signal["bb_lower"] < signal["bb_mean"] < signal["bb_upper"]
    assert signals == [(31, "BUY", 99.5), (34, "SELL", 100.5)]
    assert second.generate_signal({"symbol": "ETHUSDC", "close": 99.5}) is None, "each symbol has its own instance"


def test_a_broken_file_is_named_with_its_error_and_the_others_load(guide: Path) -> None:
    write(guide, "a_typo.py", "def broken(:\n")
    write(guide, "b_import.py", "import no_such_module_anywhere\n")
    write(
        guide,
        "c_constructor.py",
        "from .base_strategy import BaseStrategy\n"
        "class Demanding(BaseStrategy):\n"
        "    name = 'Demanding'\n"
        "    def __init__(self, wanted): pass\n"
        "    def generate_signal(self, market_data): return None\n",
    )
    write(guide, "d_helper.py", "def nothing_here(): return 1\n")
    write(guide, "e_exit.py", "import sys\nsys.exit(0)\n")
    report = StrategyLoader((guide,)).load()
    assert report.names == ("Bollinger_Bands",)
    refused = {entry.source.name: entry.error for entry in report.refused}
    assert set(refused) == {"a_typo.py", "b_import.py", "c_constructor.py", "e_exit.py"}
    assert "SyntaxError" in refused["a_typo.py"]
    assert "no_such_module_anywhere" in refused["b_import.py"]
    assert "Demanding" in refused["c_constructor.py"]


def test_a_class_without_generate_signal_is_not_taken_for_a_strategy(tmp_path: Path) -> None:
    write(
        tmp_path,
        "half.py",
        "from .base_strategy import BaseStrategy\nclass Half(BaseStrategy):\n    name = 'Half'\n",
    )
    report = StrategyLoader((tmp_path,)).load()
    assert report.loaded == ()


def test_a_file_may_define_several_strategies_and_a_rule_of_the_users_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        "pair.py",
        "from .base_strategy import BaseStrategy, RuleStrategy, Verdict\n"
        "class One(BaseStrategy):\n"
        "    name = 'One'\n"
        "    def generate_signal(self, market_data): return None\n"
        "class Two(RuleStrategy):\n"
        "    title = 'Two'\n"
        "    family = 'trend_following'\n"
        "    def rule(self, frame):\n"
        "        up = frame['close'] > frame.prev('close')\n"
        "        return Verdict(buy=up, sell=frame.no(up), strength=0.5, confidence=0.6)\n",
    )
    assert StrategyLoader((tmp_path,)).load().names == ("One", "Two")


def test_only_the_strategies_asked_for_are_loaded() -> None:
    assert StrategyLoader(only=("EMA_Cross", "RSI_Cross")).load().names == ("EMA_Cross", "RSI_Cross")
    with pytest.raises(ConfigurationError, match="No_Such_One"):
        StrategyLoader(only=("No_Such_One",)).load()


def test_exits_for_a_strategy_that_is_not_there_refuse_to_start() -> None:
    assert StrategyLoader(only=["EMA_Cross"], bound=["RSI_Strategy"]).load().names == ("EMA_Cross",)
    with pytest.raises(ConfigurationError, match="EXIT_LEVELS_BY_STRATEGY names EMA_Crosss"):
        StrategyLoader(bound=["EMA_Crosss"]).load()


def test_a_folder_that_does_not_exist_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="does not exist"):
        StrategyLoader((tmp_path / "missing",)).load()


def loaded(name: str, **arguments: object) -> LoadedStrategy:
    report = StrategyLoader(only=(name,), **arguments).load()  # type: ignore[arg-type]
    return report.loaded[0]


def option(strategy: LoadedStrategy, name: str) -> float:
    return strategy.create().option(name)  # type: ignore[attr-defined, no-any-return]


def test_options_come_from_the_database_then_the_own_variable_then_the_documented_one() -> None:
    assert option(loaded("RSI_Strategy"), "oversold") == 30.0
    documented = {"RSI_OVERSOLD": "25"}
    assert option(loaded("RSI_Strategy", environment=documented), "oversold") == 25.0
    own = documented | {"RSI_STRATEGY_OVERSOLD": "22"}
    assert option(loaded("RSI_Strategy", environment=own), "oversold") == 22.0
    overrides = {"RSI_Strategy": {"oversold": 20.0}}
    assert option(loaded("RSI_Strategy", environment=own, overrides=overrides), "oversold") == 20.0


@pytest.mark.parametrize("value", ["0", "46", "low"])
def test_an_option_out_of_bounds_refuses_the_strategy_by_name_and_keeps_the_others(value: str) -> None:
    report = StrategyLoader(environment={"RSI_STRATEGY_OVERSOLD": value}).load()
    assert [entry.source.name for entry in report.refused] == ["rsi_strategy.py"]
    assert "RSI_Strategy: oversold must be" in report.refused[0].error
    assert set(report.names) == (NAMED | MONITORS) - {"RSI_Strategy"}


def test_an_override_that_names_no_option_refuses_the_strategy() -> None:
    report = StrategyLoader(overrides={"EMA_Cross": {"speed": 1.0}}).load()
    assert "EMA_Cross has no option speed" in report.refused[0].error
