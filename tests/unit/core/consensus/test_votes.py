"""A strategy's answer becomes a vote, or a failure that says what is wrong with it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from analyzer.strategies.base_strategy import BaseStrategy, MarketData, Signal
from core.consensus.strategy_engine import Evaluation, StrategyEngine
from core.consensus.strategy_set import Member
from core.consensus.votes import vote_of
from shared.src.domain.candles import Timeframe
from shared.src.domain.features import BarFeatures
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel


class Answering(BaseStrategy):
    """Answers every bar alike."""

    def __init__(self, name: str, answer: Signal | None) -> None:
        self._name = name
        self._answer = answer

    @property
    def name(self) -> str:
        return self._name

    def create(self) -> BaseStrategy:
        return self

    def generate_signal(self, market_data: MarketData) -> Signal | None:
        return self._answer


def bar(volume: float = 5.0) -> BarFeatures:
    return BarFeatures("BTCUSDC", Timeframe.M1, 60_000, {"close": 100.0, "volume": volume, "natr": 0.5})


def evaluated(*strategies: Answering, min_volume: float = 0.0, volume: float = 5.0) -> Evaluation:
    engine = StrategyEngine(strategies, min_volume=min_volume)
    engine.see(bar(volume))
    return engine.evaluate(bar(volume))


def voted(answer: dict[str, Any]) -> Any:
    return vote_of(Member("Mine", "user", Answering("Mine", None)), {"side": "BUY"} | answer, 100.0)


def test_what_an_answer_leaves_out_is_filled_in() -> None:
    vote = voted({})
    assert (vote.side, vote.family, vote.strength, vote.confidence) == (Side.BUY, "user", 0.6, 0.6)
    assert (vote.price, vote.stop_loss, vote.take_profit) == (Decimal(100), None, None)
    assert vote.level is StrengthLevel.STRONG


def test_what_is_beside_the_known_fields_is_kept_with_the_numbers() -> None:
    assert voted({"metadata": {"rsi": 29}, "mood": "calm"}).numbers == {"rsi": 29.0, "mood": "calm"}


def test_a_level_that_is_not_known_is_none() -> None:
    assert voted({"stop_loss": float("nan")}).stop_loss is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"strength": 1.2}, "strength must be 0 to 1, not 1.2"),
        ({"confidence": float("nan")}, "confidence must be 0 to 1, not nan"),
        ({"price": -1}, "price must be a positive number, not -1"),
        ({"take_profit": float("inf")}, "take_profit must be a positive number, not inf"),
        ({"stop_loss": 1e-13}, "stop_loss must be a positive number, not 1e-13"),
        ({"side": "HOLD"}, "'HOLD' is not a valid Side"),
        ({"metadata": {1: 2}}, "its numbers must have texts as names"),
    ],
)
def test_an_answer_that_is_no_vote_is_refused_with_the_reason(answer: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        voted(answer)


def test_a_strategy_that_fails_is_named_and_the_others_vote() -> None:
    found = evaluated(Answering("Wrong", {}), Answering("Right", {"side": "SELL"}), Answering("Silent", None))
    assert [(vote.strategy, vote.side) for vote in found.votes.votes] == [("Right", Side.SELL)]
    assert [failure.reason for failure in found.failures] == ["Wrong on BTCUSDC 1m: KeyError: 'side'"]


def test_nobody_is_asked_about_a_bar_with_less_than_the_least_volume() -> None:
    answers = Answering("Right", {"side": "BUY"})
    assert len(evaluated(answers, min_volume=5.0, volume=5.0).votes.votes) == 1
    assert evaluated(answers, min_volume=5.0, volume=4.9).votes.votes == ()


def test_the_filters_get_what_they_read_of_the_bar_and_of_the_time_frame_above() -> None:
    assert evaluated(Answering("Silent", None)).votes.features == {
        **{"close": 100.0, "volume": 5.0, "natr": 0.5, "timeframe": "1m"},
        **{"higher_timeframe": "5m", "higher_trend": None},
    }
