"""A run of the platform in one process, its journal on standard output: what a test starts in processes of its own."""

from __future__ import annotations

import asyncio
import sys

from analyzer.src.strategy_loader import StrategyLoader
from backtester.full_engine.journal import journal, written
from backtester.full_engine.run import run
from cli.stack.twin_fixture import twin_fixture
from shared.src.config import load_settings
from simulator.fixture import parse_fixture

SYMBOLS = ("BTCUSDC", "ETHUSDC", "SOLUSDC", "XRPUSDC")
MINUTES = 120


def main(seed: int) -> None:
    clock = {"mode": "stepped", "start": "2026-03-02T08:00:00Z"}
    fixture = parse_fixture(twin_fixture(SYMBOLS, seed=seed, clock=clock, market={"kind": "synthetic"}))
    settings = load_settings(trading_symbols=",".join(SYMBOLS), interval="1m,5m")
    done = run(fixture, settings, StrategyLoader().load().loaded, minutes=MINUTES)
    assert done.audit["ok"], done.audit["problems"]
    sys.stdout.buffer.write(written(asyncio.run(journal(done.stores))))


if __name__ == "__main__":
    main(int(sys.argv[1]))
