"""Figures on winners that were picked: as other libraries have them, and true of noise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from core.statistics.selection import (
    Trials,
    best_by_chance,
    deflated_sharpe,
    overfitting_probability,
    probabilistic_sharpe,
    sharpe,
)
from tests.oracles.made import KINDS, SEEDS, returns_of, trial_sharpes, trials_of
from tests.oracles.read import FIGURES


def near(value: float) -> Any:
    return pytest.approx(value, rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", SEEDS)
def test_sharpe_ratios_are_judged_as_by_skfolio(kind: str, seed: int) -> None:
    known, returns = FIGURES["single"][f"{kind}-{seed}"], returns_of(seed, kind)
    trials = Trials.of(trial_sharpes(seed).tolist())
    assert probabilistic_sharpe(returns) == near(known["psr"])
    assert probabilistic_sharpe(returns, 0.03) == near(known["psr_against"])
    assert best_by_chance(trials) == near(known["best_by_chance"])
    assert deflated_sharpe(returns, trials) == near(known["dsr"])


@pytest.mark.parametrize("seed", SEEDS)
def test_overfitting_is_as_probable_as_by_ffn(seed: int) -> None:
    assert overfitting_probability(trials_of(seed), blocks=10) == near(FIGURES["overfitting"][str(seed)])


def test_one_trial_was_not_picked() -> None:
    returns = returns_of(0, "normal")
    assert deflated_sharpe(returns, Trials.of([0.1])) == probabilistic_sharpe(returns)


@pytest.mark.parametrize(
    "returns",
    [[], [0.1, 0.2], [0.0] * 50, [0.01] * 50, [0.1 + 0.2, 0.3] * 20],
    ids=["none", "two", "flat", "one", "rounding"],
)
def test_where_nothing_moves_there_is_no_ratio(returns: list[float]) -> None:
    values = np.array(returns)
    assert sharpe(values) is None
    assert probabilistic_sharpe(values) is None


def test_of_noise_the_probability_is_uniform() -> None:
    random = np.random.default_rng(7)
    found = [probabilistic_sharpe(random.normal(0, 0.01, 250)) for _ in range(4_000)]
    values = np.sort(np.array(found, dtype=float))
    distance = np.abs(values - (np.arange(4_000) + 0.5) / 4_000).max()
    assert distance < 1.63 / math.sqrt(4_000), "Kolmogorov and Smirnov, at one percent"


def test_the_best_of_noise_is_not_believed_and_skill_is() -> None:
    """Of two hundred trials without skill the best has an annual Sharpe ratio of 2.7, as of one that has skill."""
    random, believed, best = np.random.default_rng(11), 0, []
    for _ in range(150):
        trials = random.normal(0, 0.01, (365, 200))
        sharpes = trials.mean(axis=0) / trials.std(axis=0, ddof=1)
        best.append(sharpes.max() * math.sqrt(365))
        probability = deflated_sharpe(trials[:, sharpes.argmax()], Trials.of(sharpes.tolist()))
        believed += probability is not None and probability >= 0.95
    assert np.median(best) > 2.4
    assert believed / 150 <= 0.05
    skilled = 0
    for _ in range(100):
        trials = random.normal(0, 0.01, (730, 200))
        trials[:, 0] += 4 / math.sqrt(365) * 0.01
        sharpes = trials.mean(axis=0) / trials.std(axis=0, ddof=1)
        probability = deflated_sharpe(trials[:, sharpes.argmax()], Trials.of(sharpes.tolist()))
        skilled += int(sharpes.argmax()) == 0 and probability is not None and probability >= 0.95
    assert skilled / 100 >= 0.8


def test_picking_among_noise_is_overfitting_half_of_the_time() -> None:
    random = np.random.default_rng(3)
    found = [overfitting_probability(random.normal(0, 0.01, (400, 20)), blocks=8) or 0.0 for _ in range(60)]
    assert 0.4 < float(np.mean(found)) < 0.6


def test_picking_what_is_truly_better_is_none() -> None:
    trials = np.random.default_rng(4).normal(0, 0.01, (800, 20))
    trials[:, 3] += 0.005
    assert overfitting_probability(trials) == 0.0


@pytest.mark.parametrize("shape", [(400, 1), (20, 5), (0, 5)])
def test_too_little_to_judge_the_picking(shape: tuple[int, int]) -> None:
    assert overfitting_probability(np.random.default_rng(0).normal(0, 1, shape)) is None


def test_a_trial_that_stands_still_on_a_half_cannot_be_ranked() -> None:
    trials = np.random.default_rng(0).normal(0, 0.01, (160, 3))
    trials[:80, 1] = 0.0
    assert overfitting_probability(trials, blocks=2) is None
