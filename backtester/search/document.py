"""What a search answers, as JSON has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from backtester.search.judgement import Fold, Judgement


def document_of(judgement: Judgement) -> dict[str, Any]:
    """Sharpe ratios are of a day; a figure that is undefined is null."""
    winner, outside = judgement.winner, judgement.outside
    returns = np.array(winner.result.returns)
    return {
        "believed": judgement.is_believed,
        "reasons": list(judgement.reasons),
        "parameters": dict(winner.parameters),
        "place": winner.place,
        "trades": winner.result.trades,
        "net_percent": 100 * float(np.prod(1 + returns) - 1),
        "days": len(returns),
        "sharpe": judgement.sharpe,
        "trials": judgement.trials,
        "deflated_sharpe": judgement.deflated,
        "overfitting_probability": judgement.overfitting,
        "outside": None if outside is None else {"low": outside.low, "high": outside.high, "level": outside.level},
        "folds": [_fold(fold) for fold in judgement.folds],
    }


def _fold(fold: Fold) -> dict[str, Any]:
    return {
        "days": [int(fold.split.train.sum()), int(fold.split.test.sum())],
        "parameters": dict(fold.winner.parameters),
        "sharpe_inside": fold.sharpe_inside,
        "sharpe_outside": fold.sharpe_outside,
        "net_outside_percent": 100 * fold.net_outside,
    }
