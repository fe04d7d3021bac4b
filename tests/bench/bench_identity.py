"""Both engines over files of candles: how many trades they share, and the first that differs.

    python -m tests.bench.bench_identity FILE... [--bars 5000] [--together]

Each FILE (SYMBOL-INTERVAL-....csv.gz) runs on an account of its own; with --together all of one quote asset and time
frame share one. The volume share is wide, so that no order is filled in pieces.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path

from backtester.fast_engine.fills import FillRules
from backtester.fast_engine.run import run_fast
from backtester.full_engine.backtest import run_full
from backtester.plan import BacktestPlan
from backtester.results import RunOutcome
from shared.src.market.recorded_history import RecordedHistory, read_history
from tests.unit.backtester.test_engines_agree import differ, first, plan

WIDE = FillRules(volume_percent=Decimal(10_000))


def timed(
    run: Callable[[BacktestPlan], tuple[RunOutcome, RunOutcome]], asked: BacktestPlan
) -> tuple[RunOutcome, float]:
    began = time.process_time()
    return run(asked)[0], time.process_time() - began


def compare(histories: Sequence[RecordedHistory]) -> bool:
    """Whether both engines give the same trades; says so."""
    asked = replace(plan(histories), fills=WIDE)
    (fast, fast_s), (full, full_s) = timed(run_fast, asked), timed(run_full, asked)
    differences = [pair for pair in zip_longest(fast.trades, full.trades) if differ(*pair)]
    names = ", ".join(history.symbol for history in histories)
    bars = sum(len(history.candles) for history in histories)
    print(
        f"{names} {histories[0].timeframe}, {bars} bars: {len(fast.trades)} trades (fast, {fast_s:.1f} s),"
        f" {len(full.trades)} (full, {full_s:.1f} s), {len(differences)} differ",
        flush=True,
    )
    if differences:
        print(f"  first: {differences[0]}", flush=True)
    return not differences


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--bars", type=int, default=sys.maxsize, help="of each file, from its beginning")
    parser.add_argument("--together", action="store_true", help="on one account")
    options = parser.parse_args()
    histories = [first(read_history(file, file.name.split("-")[0]), options.bars) for file in options.files]
    runs = [histories] if options.together else [[history] for history in histories]
    same = [compare(run) for run in runs]
    return 0 if all(same) else 1


if __name__ == "__main__":
    sys.exit(main())
