"""Backtests of made-up markets: noise, and noise with one place where parameters earn."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backtester.search.daily_result import DailyResult, Parameters
from backtester.search.space import Dimension, Space, seed_of

SPACE = Space((Dimension("window", 2, 60, 1), Dimension("threshold", 0.0, 1.0)))
DAYS = 180


@dataclass(frozen=True)
class Market:
    """``edge``: what a day earns on average where ``window`` is 20, in its standard deviations; ``width``: how far from
    there nothing is left of it.
    """

    edge: float = 0.0
    width: float = 15.0
    days: int = DAYS
    seed: int = 0
    pause_s: float = 0.0

    def __call__(self, parameters: Parameters) -> DailyResult:
        time.sleep(self.pause_s)
        random = np.random.default_rng(seed_of(self.seed, sorted(parameters.items())))
        nearness = max(0.0, 1 - abs(parameters["window"] - 20) / self.width)
        returns = random.normal(self.edge * nearness * 0.01, 0.01, self.days)
        return DailyResult(20_000, tuple(returns.tolist()), trades=self.days, holding_days=1.5)


@dataclass(frozen=True)
class Deadly:
    """Kills its own process as kill -9 does, at the n-th call over all processes that ever made one."""

    counter: Path
    at: int
    market: Market

    def __call__(self, parameters: Parameters) -> DailyResult:
        with self.counter.open("ab") as file:
            file.write(b".")
        if self.counter.stat().st_size == self.at:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.market(parameters)
