"""The files that ``roottrading strategy new`` writes: a strategy that works as it is, and its test."""

from __future__ import annotations

import re

STRATEGY = '''"""@NAME@: say in one line what it waits for."""

from __future__ import annotations

from core.rules.frames import Frame, scale

from .base_strategy import RuleStrategy, Verdict, fell_below, graded, rose_above
from .options import Option


class @CLASS@(RuleStrategy):
    """BUY where RSI 14 rises out of the oversold zone, SELL where it falls out of the overbought one."""

    title = "@NAME@"
    # one of: trend_following, mean_reversion, breakout, volume_based or structure_based
    family = "mean_reversion"
    # every feature the rule reads; `roottrading features` shows all there are
    reads = ("close", "rsi_14", "atr_14", "volume_ratio")
    # name, default, smallest, largest; set by the variable @VARIABLE@_OVERSOLD
    options = (Option("oversold", 30.0, 5.0, 45.0), Option("overbought", 70.0, 55.0, 95.0))

    def rule(self, frame: Frame) -> Verdict:
        """Runs on one bar (live) and on whole columns (backtest): use operators and the functions of the frame."""
        low, high = self.option("oversold"), self.option("overbought")
        busy = scale(frame, frame["volume_ratio"], 0.5, 2.0)
        snap = scale(frame, frame.absolute(frame["rsi_14"] - frame.prev("rsi_14")), 0.0, 10.0)
        strength, confidence = graded((0.6, snap), (0.4, busy))
        return Verdict(
            buy=rose_above(frame, "rsi_14", low),
            sell=fell_below(frame, "rsi_14", high),
            strength=strength,
            confidence=confidence,
            reason_buy=f"RSI 14 rose above {low:g}",
            reason_sell=f"RSI 14 fell below {high:g}",
            # without levels of its own a vote gets 1.5 and 3 average true ranges
            stop_buy=frame["close"] - 2.0 * frame["atr_14"],
            target_buy=frame["close"] + 4.0 * frame["atr_14"],
            numbers={"rsi_14": frame["rsi_14"], "rsi_14_before": frame.prev("rsi_14")},
        )
'''

TEST = '''"""@NAME@ on bars made by hand. Run it with: python -m pytest @TEST_FILE@"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from analyzer.src.strategy_loader import LoadedStrategy, StrategyLoader

FILE = Path(__file__).resolve().parents[1] / "@FILE@"


def bar(**features: float) -> dict[str, float]:
    """A bar of a market that trades; give the features that matter."""
    return {
        "open": 100.0,
        "high": 101.0,
        "low": 99.0,
        "close": 100.0,
        "volume": 10.0,
        "atr_14": 1.0,
        "active_bars_20": 20.0,
        "volume_ratio": 1.0,
        **features,
    }


def decide(*history: dict[str, float]) -> dict[str, Any] | None:
    (loaded,) = StrategyLoader(()).load_file(FILE)
    assert isinstance(loaded, LoadedStrategy), loaded
    return loaded.create().generate_signal({"symbol": "BTCUSDC", "timeframe": "1m", "history": list(history)})


def test_it_buys_where_rsi_leaves_the_oversold_zone() -> None:
    signal = decide(bar(rsi_14=28.0), bar(rsi_14=33.0))
    assert signal is not None
    assert signal["side"] == "BUY"
    assert signal["stop_loss"] < signal["price"] < signal["take_profit"]


def test_it_sells_where_rsi_leaves_the_overbought_zone() -> None:
    signal = decide(bar(rsi_14=74.0), bar(rsi_14=66.0))
    assert signal is not None
    assert signal["side"] == "SELL"


def test_it_is_silent_in_between_and_while_rsi_is_not_known() -> None:
    assert decide(bar(rsi_14=45.0), bar(rsi_14=50.0)) is None
    assert decide(bar(), bar()) is None
'''


def file_name(name: str) -> str:
    """MorningDip, Morning_Dip: morning_dip."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).replace("__", "_").lower()


def write_out(template: str, name: str) -> str:
    """A template with everything filled in that follows from the name."""
    stem = file_name(name)
    values = {
        "NAME": name,
        "CLASS": "".join(part[:1].upper() + part[1:] for part in name.split("_")) + "Strategy",
        "FILE": f"{stem}.py",
        "TEST_FILE": f"tests/test_{stem}.py",
        "VARIABLE": name.upper(),
    }
    return re.sub(r"@([A-Z_]+)@", lambda match: values[match.group(1)], template)
