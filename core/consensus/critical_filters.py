"""The last gate before an entry: each filter says why it refuses, and what it cannot know it refuses.

An exit (SELL of what is held) passes: a filter that could not see must not keep a position open.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from core.risk.fees import FeeModel
from core.rules.labels import LABELS
from shared.src.domain.candles import Timeframe

FeatureValues = Mapping[str, object]
LONG_BARS: Final = frozenset({"4h", "1d"})
BEARISH: Final = frozenset({"TRENDING_BEAR", "BREAKOUT_BEAR"})


@dataclass(frozen=True, slots=True)
class FilterRules:
    """Limits of the filters; prices as shares, so that they hold for every symbol."""

    reward_risk_min: float = 1.5
    # fees of entry and exit together, as a share of the price
    round_trip_cost: float = float(FeeModel().round_trip)
    # per bar of up to an hour; over longer bars a price wanders as the root of the time, and so do these
    natr_max: float = 5.0
    bb_width_max: float = 0.12
    volume_ratio_min: float = 0.3
    # strength from which a decision may go against the higher timeframe
    counter_trend_strength: float = 0.7
    oversold_signs_min: int = 2
    require_higher_timeframe: bool = True


@dataclass(frozen=True, slots=True)
class ProposedEntry:
    """What the filters look at."""

    strength: float
    price: float
    stop_loss: float
    take_profit: float
    features: FeatureValues


@dataclass(frozen=True, slots=True)
class Passed:
    """Every filter agreed."""


@dataclass(frozen=True, slots=True)
class Blocked:
    """One filter spoke."""

    filter: str
    reason: str


def check_entry(entry: ProposedEntry, rules: FilterRules) -> Passed | Blocked:
    """Run the filters in order; the first that refuses is named."""
    for name, examine in FILTERS.items():
        reason = examine(entry, rules)
        if reason is not None:
            return Blocked(name, reason)
    return Passed()


def _reward_risk(entry: ProposedEntry, rules: FilterRules) -> str | None:
    risk = entry.price - entry.stop_loss
    reward = entry.take_profit - entry.price
    if not risk > 0 or not reward > 0:
        return f"stop {entry.stop_loss:g} and target {entry.take_profit:g} do not enclose the price {entry.price:g}"
    if reward / risk < rules.reward_risk_min - 1e-9:
        return f"reward/risk {reward / risk:.2f} is under {rules.reward_risk_min:g}"
    cost = rules.round_trip_cost * entry.price
    if reward <= cost:
        return (
            f"target of {100 * reward / entry.price:.2f} % does not pay the costs of {100 * rules.round_trip_cost:g} %"
        )
    return None


def _volatility(entry: ProposedEntry, rules: FilterRules) -> str | None:
    natr, width = number(entry.features, "natr"), number(entry.features, "bb_width")
    if natr is None or width is None:
        return "natr or bb_width is not known"
    longer = _root_of_hours(entry.features.get("timeframe"))
    if natr > longer * rules.natr_max:
        return f"range of {natr:.2f} % per bar is over {longer * rules.natr_max:.3g} %"
    if width > longer * rules.bb_width_max:
        return f"Bollinger bands {100 * width:.1f} % wide, over {100 * longer * rules.bb_width_max:.3g} %"
    return None


def _root_of_hours(timeframe: object) -> float:
    """How much wider a bar of this time frame may be than one of an hour; 1 for shorter and unknown ones."""
    if timeframe not in LONG_BARS:
        return 1.0
    return math.sqrt(Timeframe(str(timeframe)).milliseconds / Timeframe.H1.milliseconds)


def _volume(entry: ProposedEntry, rules: FilterRules) -> str | None:
    ratio = number(entry.features, "volume_ratio")
    if ratio is None:
        return "volume_ratio is not known"
    if ratio < rules.volume_ratio_min:
        return f"volume is {ratio:.2f} of its average, under {rules.volume_ratio_min:g}"
    return None


def _regime(entry: ProposedEntry, rules: FilterRules) -> str | None:
    regime = entry.features.get("market_regime")
    if regime not in LABELS["market_regime"]:
        return "the market regime is not known"
    if regime not in BEARISH:
        return None
    signs = _oversold_signs(entry.features)
    if signs < rules.oversold_signs_min:
        return f"{regime} with {signs} of {rules.oversold_signs_min} signs of exhaustion"
    return None


def _oversold_signs(features: FeatureValues) -> int:
    limits = (
        ("rsi_14", 30.0, False),
        ("stoch_rsi", 20.0, False),
        ("williams_r", -80.0, False),
        ("volume_ratio", 1.5, True),
    )
    signs = 0
    for name, limit, above in limits:
        value = number(features, name)
        if value is not None:
            signs += value > limit if above else value < limit
    return signs


def _higher_timeframe(entry: ProposedEntry, rules: FilterRules) -> str | None:
    timeframe = entry.features.get("higher_timeframe")
    if timeframe is None and "higher_timeframe" in entry.features:
        return None  # the highest one: nothing is above it
    trend = number(entry.features, "higher_trend")
    if trend is None:
        return (
            f"the trend of {timeframe or 'the higher timeframe'} is not known"
            if rules.require_higher_timeframe
            else None
        )
    if trend < 0 and entry.strength < rules.counter_trend_strength:
        above = timeframe or "the higher timeframe"
        return f"{above} is falling and strength {entry.strength:.2f} is under {rules.counter_trend_strength:g}"
    return None


FILTERS: Final[dict[str, Callable[[ProposedEntry, FilterRules], str | None]]] = {
    "reward_risk": _reward_risk,
    "volatility": _volatility,
    "volume": _volume,
    "regime": _regime,
    "higher_timeframe": _higher_timeframe,
}


def number(features: FeatureValues, name: str) -> float | None:
    """A feature as a finite number, or None while it is not known."""
    value = features.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if abs(value) < float("inf") else None
