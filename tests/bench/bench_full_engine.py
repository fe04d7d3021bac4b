"""The whole platform in one process over files of candles: bars a second, and whether the bytes repeat.

    python -m tests.bench.bench_full_engine FILE... [--minutes 1440]

FILE: Binance's archives of klines, SYMBOL-INTERVAL-....csv.gz. Each is played twice, and under three hash seeds, in
processes of their own; the journal (consensus, decisions, orders, cycles, ledger) must be the same to the byte.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson

from analyzer.src.strategy_loader import StrategyLoader
from backtester.full_engine.journal import journal, written
from backtester.full_engine.run import run
from cli.stack.twin_fixture import quote_of, twin_fixture
from shared.src.config import load_settings
from simulator.fixture import parse_fixture

MODULE = "tests.bench.bench_full_engine"
HASH_SEEDS = ("0", "0", "1", "4242")


def one(file: Path, minutes: int) -> dict[str, Any]:
    """One run over a file, from after the history that the engines need."""
    symbol = file.name.split("-")[0]
    market = {"kind": "replay", "files": {symbol: str(file)}}
    fixture = parse_fixture(twin_fixture((symbol,), seed=7, clock={"mode": "stepped"}, market=market))
    settings = load_settings(trading_symbols=symbol, interval="1m,5m,15m", quote_asset=quote_of(symbol))
    began: list[float] = []
    done = run(
        fixture,
        settings,
        StrategyLoader().load().loaded,
        minutes=minutes,
        tick=lambda: began.append(time.perf_counter()),
    )
    tables = asyncio.run(journal(done.stores))
    assert done.audit["ok"], done.audit["problems"]
    return {
        "bars_per_second": round((len(began) - 1) / (began[-1] - began[0]), 1),
        "sha256": hashlib.sha256(written(tables)).hexdigest(),
        **{name: len(rows) for name, rows in tables.items()},
    }


def in_a_process(file: Path, minutes: int, hash_seed: str) -> dict[str, Any]:
    command = [sys.executable, "-m", MODULE, "--one", "--minutes", str(minutes), str(file)]
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    answer: dict[str, Any] = orjson.loads(subprocess.run(command, env=environment, stdout=-1, check=True).stdout)
    return answer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--minutes", type=int, default=1440, help="of market, of each file (default: a day)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        sys.stdout.write(orjson.dumps(one(options.files[0], options.minutes)).decode())
        return 0
    repeats = True
    for file in options.files:
        runs = [in_a_process(file, options.minutes, hash_seed) for hash_seed in HASH_SEEDS]
        same = len({found["sha256"] for found in runs}) == 1
        repeats = repeats and same
        speed = max(found["bars_per_second"] for found in runs)
        counts = ", ".join(f"{count} {name}" for name, count in runs[0].items() if isinstance(count, int))
        print(
            f"{file.name}: {speed:.0f} bars/s, {counts}, sha256 {runs[0]['sha256'][:12]}, the same: {same}", flush=True
        )
    return 0 if repeats else 1


if __name__ == "__main__":
    sys.exit(main())
