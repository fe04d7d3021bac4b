"""How often each rule speaks: on the recordings somewhere, and nowhere on more than a twentieth of the bars.

The thresholds were chosen with the recordings at hand; the same must hold where nobody looked: the recordings merged to
an hour, to four and to a day, and generated markets.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.bench.count_signals import count
from tests.unit.analyzer.strategies.histories import SEEDS, recordings, synthetic
from tests.unit.analyzer.strategies.markets import rules

SHARE_MAX = 0.05
RULES = sorted(name for name, rule in rules().items() if rule.timeframes is None)
# those that decide on long bars alone
LONG = {"Range_Breakout": "4h", "Pair_Rotation": "1d", "EMA_Daily_Trend": "1d"}


@cache
def recorded_shares() -> dict[str, dict[str, float]]:
    """Votes per bar, by market and rule."""
    shares = {}
    for period, series in recordings().items():
        for symbol, found in count(series).items():
            shares[f"{symbol} {period}"] = {name: (buys + sells) / bars for name, (buys, sells, bars) in found.items()}
    return shares


@cache
def unseen_shares() -> dict[str, dict[str, float]]:
    shares = {}
    markets = {f"generated {seed}": synthetic(seed) for seed in SEEDS}
    markets |= {
        f"{timeframe} of {period}": series.in_timeframe(timeframe)
        for period, series in recordings().items()
        if series.timeframe == "5m"
        for timeframe in ("1h", "4h", "1d")
    }
    for market, series in markets.items():
        for symbol, found in count(series).items():
            shares[f"{symbol} {market}"] = {name: (buys + sells) / bars for name, (buys, sells, bars) in found.items()}
    return shares


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_not_silent_on_every_recording_and_chatters_on_none(name: str) -> None:
    found = {market: shares[name] for market, shares in recorded_shares().items()}
    assert max(found.values()) > 0
    assert max(found.values()) <= SHARE_MAX, found


@pytest.mark.parametrize("name", RULES)
def test_a_rule_behaves_alike_where_its_thresholds_were_not_chosen(name: str) -> None:
    found = {market: shares[name] for market, shares in unseen_shares().items()}
    assert min(shares for market, shares in found.items() if "generated" in market) > 0
    assert max(found.values()) <= SHARE_MAX, found


@pytest.mark.parametrize("name", LONG)
def test_a_rule_for_long_bars_speaks_now_and_then(name: str) -> None:
    spoken = 0
    for series in recordings().values():
        if series.timeframe == "5m":
            for found in count(series.in_timeframe(LONG[name])).values():
                *votes, bars = found[name]
                spoken += sum(votes)
                assert sum(votes) <= SHARE_MAX * bars
    assert spoken > 0


def test_every_rule_is_counted() -> None:
    assert {*RULES, *LONG} == set(rules())
