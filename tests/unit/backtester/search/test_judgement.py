"""Winners: noise is not believed however it is searched, and skill is found."""

from __future__ import annotations

import numpy as np
import pytest
from optuna.storages import InMemoryStorage

from backtester.search.daily_result import DailyResult
from backtester.search.judgement import Judgement, fold_of, judged, longest_holding, outside_returns
from backtester.search.search import Plan, Search, Tried
from backtester.search.splits import Split, combinatorial, walk_forward
from core.statistics.selection import Trials
from tests.unit.backtester.search.markets import DAYS, SPACE, Market


def drawn(market: Market, trials: int, *, seed: int = 0) -> list[Tried]:
    return Search(Plan("drawn", SPACE, trials, seed=seed, is_guided=False), InMemoryStorage()).run(market)


def history(tried: list[Tried]) -> Trials:
    return Trials.of([item.result.score() for item in tried])


def judge(tried: list[Tried], splits: list[Split]) -> Judgement:
    return judged(tried, [fold_of(tried, split) for split in splits], history(tried))


def test_the_best_of_noise_is_not_believed() -> None:
    believed = [judge(drawn(Market(seed=seed), 40), combinatorial(DAYS, 6, 2)).is_believed for seed in range(20)]
    assert sum(believed) <= 1


def test_skill_is_believed_and_found_where_it_is() -> None:
    found = [
        judge(drawn(Market(edge=0.4, width=4, seed=seed, days=365), 60, seed=seed), combinatorial(365, 6, 2))
        for seed in range(10)
    ]
    assert sum(item.is_believed for item in found) >= 8, [item.reasons for item in found]
    assert all(abs(item.winner.parameters["window"] - 20) < 10 for item in found if item.is_believed)


def test_earlier_searches_on_the_same_market_count() -> None:
    tried = drawn(Market(edge=0.2, days=365), 20)
    few, many = judged(tried, [], history(tried)), judged(tried, [], Trials(50_000, history(tried).sharpe_deviation))
    assert few.deflated is not None
    assert many.deflated is not None
    assert many.deflated < few.deflated


def test_what_earns_inside_alone_is_refused_with_the_reason() -> None:
    lucky = np.r_[np.full(90, 0.01), np.full(90, -0.02)] + np.random.default_rng(0).normal(0, 0.001, 180)
    tried = [Tried(0, {"window": 5}, DailyResult(0, tuple(lucky.tolist()), trades=9))]
    found = judge(tried, walk_forward(180, 2))
    assert any("outside" in reason for reason in found.reasons)


def test_each_day_outside_counts_once() -> None:
    tried = drawn(Market(), 12)
    folds = [fold_of(tried, split) for split in combinatorial(DAYS, 6, 2)]
    assert len(outside_returns(folds)) == DAYS
    walked = [fold_of(tried, split) for split in walk_forward(DAYS, 5)]
    assert len(outside_returns(walked)) == DAYS * 5 // 6
    assert outside_returns([]).size == 0


def test_the_purge_is_as_long_as_the_longest_position() -> None:
    assert longest_holding(drawn(Market(), 3)) == 2
    assert longest_holding([]) == 0


@pytest.mark.parametrize("reasons", [(), ("why",)])
def test_it_is_believed_where_nothing_speaks_against_it(reasons: tuple[str, ...]) -> None:
    found = judge(drawn(Market(), 3), [])
    changed = Judgement(
        **{name: getattr(found, name) for name in Judgement.__dataclass_fields__} | {"reasons": reasons}
    )
    assert changed.is_believed is not bool(reasons)
