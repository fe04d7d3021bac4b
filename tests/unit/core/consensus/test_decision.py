"""The consensus: one answer whatever the order, more evidence from more families, weaker when contradicted."""

from __future__ import annotations

import dataclasses
import itertools
import re
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from core.consensus.critical_filters import FILTERS, FilterRules
from core.consensus.decision import LEADERS, Consensus, ConsensusRules, NoConsensus, decide, market_mode

FAMILIES = ("trend_following", "mean_reversion", "breakout", "volume_based", "structure_based")
CALM: dict[str, Any] = {
    **{"close": 100.0, "atr_14": 1.0, "natr": 1.0, "bb_width": 0.03, "volume_ratio": 1.2},
    **{"market_regime": "TRANSITION", "higher_timeframe": "15m", "higher_trend": 1.0},
}
RULES = ConsensusRules(min_strength=0.0)


@dataclass(frozen=True)
class Vote:
    strategy: str
    family: str = "trend_following"
    side: str = "BUY"
    strength: float = 0.6
    confidence: float = 0.7
    stop_loss: float | None = None
    take_profit: float | None = None


def strength(votes: list[Vote], features: dict[str, Any] = CALM, rules: ConsensusRules = RULES) -> float:
    """Net strength of the winning side, decided or not."""
    return decide(votes, features, rules).strength


votes_of = st.lists(
    st.builds(
        Vote,
        strategy=st.sampled_from([f"s{index}" for index in range(12)]),
        family=st.sampled_from((*FAMILIES, "user")),
        side=st.sampled_from(("BUY", "SELL")),
        strength=st.floats(0, 1),
        confidence=st.floats(0, 1),
        stop_loss=st.none() | st.floats(90, 110),
        take_profit=st.none() | st.floats(90, 110),
    ),
    max_size=8,
)
regimes = st.sampled_from((None, "TRENDING_BULL", "TRENDING_BEAR", "RANGING", "VOLATILE", "TRANSITION"))


@example([Vote("s0", take_profit=94.0), Vote("s0", take_profit=97.0), Vote("s1")], None, Random(1))
@given(votes_of, regimes, st.randoms())
def test_the_order_of_votes_does_not_matter(votes: list[Vote], regime: str | None, random: Any) -> None:
    shuffled = list(votes)
    random.shuffle(shuffled)
    features = CALM | {"market_regime": regime}
    assert decide(votes, features, ConsensusRules()) == decide(shuffled, features, ConsensusRules())


@given(votes_of, st.sampled_from(FAMILIES), st.floats(0, 1), st.floats(0.5, 1), regimes)
def test_an_agreeing_vote_of_a_new_family_never_lowers_the_strength(
    votes: list[Vote], family: str, force: float, confidence: float, regime: str | None
) -> None:
    buys = [dataclasses.replace(vote, side="BUY") for vote in votes if vote.family != family]
    features = CALM | {"market_regime": regime}
    before = strength(buys, features)
    after = strength([*buys, Vote("new", family, "BUY", force, confidence)], features)
    assert after >= before - 1e-12


@given(votes_of, st.sampled_from(FAMILIES), st.floats(0, 1), st.floats(0.5, 1), regimes)
def test_an_agreeing_vote_of_a_known_family_never_lowers_the_strength_either(
    votes: list[Vote], family: str, force: float, confidence: float, regime: str | None
) -> None:
    buys = [dataclasses.replace(vote, side="BUY") for vote in votes]
    features = CALM | {"market_regime": regime}
    more = strength([*buys, Vote("new", family, "BUY", force, confidence)], features)
    assert more >= strength(buys, features) - 1e-12


@given(votes_of, st.sampled_from(FAMILIES), st.integers(1, 6), st.floats(0.5, 1), regimes)
def test_repeating_a_family_does_not_raise_the_strength(
    votes: list[Vote], family: str, times: int, share: float, regime: str | None
) -> None:
    """Of either side: whoever leads, more of what a family has said already moves nothing."""
    first = Vote("first", family, "BUY", 0.8, 0.9)
    others = [vote for vote in votes if vote.family != family]
    again = [dataclasses.replace(first, strategy=f"again{at}", strength=0.8 * share) for at in range(times)]
    features = CALM | {"market_regime": regime}
    assert strength([*others, first, *again], features) == strength([*others, first], features)


@given(votes_of, st.permutations(FAMILIES), st.floats(0, 1), st.floats(0.5, 1), regimes)
def test_one_more_vote_of_a_family_is_never_worth_more_than_one_of_a_new_family_as_trusted(
    votes: list[Vote], families: list[str], force: float, confidence: float, regime: str | None
) -> None:
    lead = LEADERS[market_mode(regime or "UNKNOWN", "auto")]
    family, other = sorted(families[:2], key=lambda name: lead[name])
    buys = [dataclasses.replace(vote, side="BUY") for vote in votes if vote.family != other]
    buys.append(Vote("first", family))
    features = CALM | {"market_regime": regime}
    repeated = strength([*buys, Vote("new", family, "BUY", force, confidence)], features)
    diverse = strength([*buys, Vote("new", other, "BUY", force, confidence)], features)
    assert diverse >= repeated - 1e-12


@given(votes_of, st.floats(0, 1), st.floats(0.5, 1), st.sampled_from((*FAMILIES, "user")), regimes)
def test_a_vote_of_the_other_side_never_makes_a_side_stronger(
    votes: list[Vote], force: float, confidence: float, family: str, regime: str | None
) -> None:
    features = CALM | {"market_regime": regime}
    before = decide(votes, features, RULES)
    if before.side is not None:
        against = "SELL" if before.side == "BUY" else "BUY"
        after = decide([*votes, Vote("against", family, against, force, confidence)], features, RULES)
        if after.side == before.side:
            assert after.strength <= before.strength + 1e-12


@given(st.dictionaries(st.sampled_from(sorted(CALM)), st.sampled_from([None, float("nan"), "", True, float("inf")])))
def test_what_a_filter_cannot_read_it_refuses_by_name(broken: dict[str, Any]) -> None:
    needed = {"natr", "bb_width", "volume_ratio", "market_regime", "higher_trend"}
    assume(broken.keys() & needed and "close" not in broken and broken.get("higher_timeframe", 0) is not None)
    verdict = decide([Vote(family, family) for family in FAMILIES], CALM | broken, ConsensusRules())
    assert isinstance(verdict, NoConsensus)
    assert verdict.filter in FILTERS
    assert verdict.reason


@given(votes_of, regimes)
def test_a_decision_is_always_within_its_bounds(votes: list[Vote], regime: str | None) -> None:
    verdict = decide(votes, CALM | {"market_regime": regime}, ConsensusRules(min_votes=1, min_strength=0.0))
    if isinstance(verdict, Consensus):
        assert 0 <= verdict.strength <= 1
        assert 0 <= verdict.confidence <= 1
        assert verdict.strategy in verdict.strategies
        assert verdict.stop_loss is not None
        assert verdict.take_profit is not None
        sign = 1 if verdict.side == "BUY" else -1
        assert sign * (verdict.take_profit - verdict.price) > 0
        assert sign * (verdict.price - verdict.stop_loss) > 0
    else:
        assert verdict.reason


def test_two_families_are_worth_more_than_six_votes_of_one() -> None:
    same = [Vote(f"trend{index}") for index in range(6)]
    diverse = [Vote("trend"), Vote("volume", "volume_based"), Vote("break", "breakout")]
    assert strength(diverse) > strength(same)
    assert strength(same) == strength(same[:1])


def test_five_families_with_one_vote_each_decide() -> None:
    verdict = decide([Vote(family, family) for family in FAMILIES], CALM, ConsensusRules())
    assert isinstance(verdict, Consensus)
    assert verdict.families == tuple(sorted(FAMILIES))
    assert verdict.strength > 0.8


def test_votes_that_contradict_evenly_decide_nothing() -> None:
    verdict = decide([Vote("a"), Vote("b", side="SELL")], CALM, RULES)
    assert isinstance(verdict, NoConsensus)
    assert "contradict" in verdict.reason


def test_a_strategy_is_heard_once_however_often_it_is_delivered() -> None:
    once = [Vote("a"), Vote("b", "breakout")]
    assert decide(once, CALM, RULES) == decide([*once, once[0], once[1]], CALM, RULES)


@pytest.mark.parametrize(
    ("regime", "needed"), [("TRANSITION", 2), ("TRENDING_BULL", 2), ("TRENDING_BEAR", 3), ("VOLATILE", 3), (None, 3)]
)
def test_an_entry_needs_more_agreement_in_a_regime_that_speaks_against_it(regime: str | None, needed: int) -> None:
    votes = [Vote(family, family) for family in FAMILIES]
    features = CALM | {"market_regime": regime, "rsi_14": 25.0, "stoch_rsi": 10.0}
    for count in range(1, needed):
        verdict = decide(votes[:count], features, RULES)
        assert isinstance(verdict, NoConsensus)
        assert f"of {needed} agreeing" in verdict.reason
    enough = decide(votes[:needed], features, RULES)
    assert not isinstance(enough, NoConsensus) or enough.filter == "regime"


def test_one_vote_can_be_enough_when_the_rules_say_so() -> None:
    verdict = decide([Vote("alone", strength=0.8, confidence=0.8)], CALM, ConsensusRules(min_votes=1))
    assert isinstance(verdict, Consensus)
    assert verdict.strategies == ("alone",)


def test_a_vote_without_confidence_is_not_heard() -> None:
    verdict = decide([Vote("a", confidence=0.49), Vote("b")], CALM, RULES)
    assert isinstance(verdict, NoConsensus)
    assert "1 of 2" in verdict.reason


def test_riding_trusts_trends_and_reacting_trusts_reversion() -> None:
    trend = [Vote("t1"), Vote("t2", "breakout")]
    revert = [Vote("m1", "mean_reversion"), Vote("m2", "structure_based")]
    assert decide(trend, CALM, RULES, "ride").strength > decide(trend, CALM, RULES, "react").strength
    assert decide(revert, CALM, RULES, "react").strength > decide(revert, CALM, RULES, "ride").strength
    assert market_mode("TRENDING_BULL", "auto") == "ride"
    assert market_mode("RANGING", "auto") == "react"
    assert market_mode("RANGING", "ride") == "ride"


def test_a_sell_consensus_passes_the_entry_filters_because_it_closes() -> None:
    blind = {"close": 100.0}
    votes = [Vote("a", side="SELL"), Vote("b", "breakout", side="SELL")]
    verdict = decide(votes, blind, ConsensusRules())
    assert isinstance(verdict, Consensus)
    assert verdict.side == "SELL"
    assert verdict.regime == "UNKNOWN"


def test_the_levels_are_the_median_of_the_votes_and_never_inside_the_costs() -> None:
    votes = [
        Vote("a", stop_loss=98.0, take_profit=104.0),
        Vote("b", "breakout", stop_loss=97.0, take_profit=106.0),
        Vote("c", "volume_based", stop_loss=90.0, take_profit=130.0),
    ]
    verdict = decide(votes, CALM, RULES)
    assert isinstance(verdict, Consensus)
    assert (verdict.stop_loss, verdict.take_profit) == (97.0, 106.0)
    tight = [dataclasses.replace(vote, stop_loss=99.9, take_profit=100.2) for vote in votes]
    widened = decide(tight, CALM, RULES)
    assert isinstance(widened, Consensus)
    assert widened.stop_loss == pytest.approx(99.6)
    assert widened.take_profit == pytest.approx(100.8)


def test_the_reason_names_who_agreed_in_which_regime() -> None:
    verdict = decide([Vote("EMA_Cross"), Vote("Donchian_Breakout", "breakout")], CALM, RULES)
    assert isinstance(verdict, Consensus)
    assert "Donchian_Breakout, EMA_Cross" in verdict.reason
    assert "TRANSITION" in verdict.reason


def test_without_votes_or_a_price_there_is_no_decision() -> None:
    assert decide([], CALM, RULES) == NoConsensus("no votes")
    assert "price" in decide([Vote("a")], {}, RULES).reason


@pytest.mark.parametrize(
    ("timeframe", "natr", "passes"),
    [
        ("1m", 5.1, False),
        ("1h", 5.1, False),
        ("4h", 9.9, True),
        ("4h", 10.1, False),
        ("1d", 24.0, True),
        ("1d", 25.0, False),
    ],
)
def test_longer_bars_may_be_wider_by_the_root_of_their_length(timeframe: str, natr: float, passes: bool) -> None:
    verdict = decide(AGREED, CALM | {"timeframe": timeframe, "natr": natr}, RULES)
    assert isinstance(verdict, Consensus) == passes
    if isinstance(verdict, NoConsensus):
        assert verdict.filter == "volatility"


BLOCKED: dict[str, tuple[dict[str, Any], str]] = {
    "the range is not known": ({"natr": None}, "volatility"),
    "the bands are not known": ({"bb_width": None}, "volatility"),
    "the range is extreme": ({"natr": 5.1}, "volatility"),
    "the bands are too wide": ({"bb_width": 0.13}, "volatility"),
    "the volume is not known": ({"volume_ratio": None}, "volume"),
    "the volume is missing": ({"volume_ratio": 0.29}, "volume"),
    "the regime is not known": ({"market_regime": None}, "regime"),
    "the market falls": ({"market_regime": "TRENDING_BEAR"}, "regime"),
    "the timeframe above falls": ({"higher_trend": -1.0}, "higher_timeframe"),
    "the timeframe above is not known": ({"higher_trend": None}, "higher_timeframe"),
    "nobody told of a timeframe above": ({"higher_trend": None, "higher_timeframe": "1h"}, "higher_timeframe"),
}
AGREED = [Vote(family, family, strength=0.3) for family in FAMILIES[:3]]


@pytest.mark.parametrize("case", BLOCKED)
def test_a_filter_that_cannot_see_or_does_not_like_it_blocks_the_entry_and_is_named(case: str) -> None:
    changes, name = BLOCKED[case]
    verdict = decide(AGREED, CALM | changes, RULES)
    assert isinstance(verdict, NoConsensus)
    assert verdict.filter == name
    assert verdict.side == "BUY"
    assert verdict.reason


def test_the_same_entry_passes_when_everything_is_known_and_calm() -> None:
    assert isinstance(decide(AGREED, CALM, RULES), Consensus)


def test_every_combination_of_unknown_features_blocks_the_entry() -> None:
    names = ("natr", "bb_width", "volume_ratio", "market_regime", "higher_trend")
    for count in range(1, len(names) + 1):
        for missing in itertools.combinations(names, count):
            features = {name: value for name, value in CALM.items() if name not in missing}
            assert isinstance(decide(AGREED, features, RULES), NoConsensus), missing


def test_a_fall_may_be_bought_with_two_signs_of_exhaustion() -> None:
    tired = CALM | {"market_regime": "TRENDING_BEAR", "rsi_14": 25.0, "stoch_rsi": 12.0}
    assert isinstance(decide(AGREED, tired, RULES), Consensus)


def test_the_top_timeframe_has_nothing_above_it() -> None:
    assert isinstance(decide(AGREED, CALM | {"higher_timeframe": None, "higher_trend": None}, RULES), Consensus)


def test_a_strong_agreement_may_go_against_the_timeframe_above() -> None:
    strong = [Vote(family, family, strength=0.9, confidence=0.9) for family in FAMILIES]
    assert isinstance(decide(strong, CALM | {"higher_trend": -1.0}, RULES), Consensus)


def test_a_target_that_is_too_near_for_its_stop_is_refused() -> None:
    votes = [dataclasses.replace(vote, stop_loss=96.0, take_profit=104.0) for vote in AGREED]
    verdict = decide(votes, CALM, RULES)
    assert isinstance(verdict, NoConsensus)
    assert verdict.filter == "reward_risk"
    assert "1.00 is under 1.5" in verdict.reason


def test_costs_that_eat_the_target_are_refused() -> None:
    rules = ConsensusRules(min_strength=0.0, filters=FilterRules(reward_risk_min=0.1, round_trip_cost=0.02))
    votes = [dataclasses.replace(vote, stop_loss=90.0, take_profit=101.5) for vote in AGREED]
    verdict = decide(votes, CALM, rules)
    assert isinstance(verdict, NoConsensus)
    assert "does not pay the costs" in verdict.reason


def test_the_services_page_lists_the_filters_in_their_order() -> None:
    page = (Path(__file__).resolve().parents[4] / "signal_aggregator" / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE) == list(FILTERS)
