"""What other people's libraries say of the same numbers, written down for the tests.

They are large (skfolio alone is 540 MB), so they are no part of the development set-up; `make oracles` installs them
into a folder of their own and writes `figures.json` again.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ffn
import numpy as np
import pandas as pd
from arch.bootstrap import optimal_block_length
from skfolio.measures import deflated_sharpe_ratio, expected_max_sharpe_ratio, probabilistic_sharpe_ratio

from tests.oracles.made import KINDS, SEEDS, returns_of, trial_sharpes, trials_of

FILE = Path(__file__).with_name("figures.json")
LIBRARIES = ("skfolio", "ffn", "arch", "numpy")


def record() -> dict[str, Any]:
    """Every figure by seed and kind."""
    single = {}
    for kind in KINDS:
        for seed in SEEDS:
            returns = returns_of(seed, kind)
            sharpes = trial_sharpes(seed)
            single[f"{kind}-{seed}"] = {
                "psr": probabilistic_sharpe_ratio(returns),
                "psr_against": probabilistic_sharpe_ratio(returns, benchmark_sharpe_ratio=0.03),
                "best_by_chance": expected_max_sharpe_ratio(40, float(np.std(sharpes, ddof=1))),
                "dsr": deflated_sharpe_ratio(returns, sharpes),
                "block": float(optimal_block_length(returns)["stationary"].iloc[0]),
            }
    overfitting = {
        str(seed): ffn.core.calc_prob_backtest_overfitting(pd.DataFrame(trials_of(seed)), n_blocks=10) for seed in SEEDS
    }
    return {"versions": {name: version(name) for name in LIBRARIES}, "single": single, "overfitting": overfitting}


if __name__ == "__main__":
    FILE.write_text(json.dumps(record(), indent=1) + "\n")
