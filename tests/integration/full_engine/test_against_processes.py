"""One tape through the real processes and through one process: the same decisions, the same orders, the same books."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from analyzer.src.strategy_loader import StrategyLoader
from backtester.full_engine.journal import journal
from backtester.full_engine.run import MOMENTS_MS, run
from cli.stack.twin_fixture import ACCOUNT, twin_fixture
from shared.src.config import Settings
from simulator.fixture import parse_fixture
from tests.integration.full_engine.stepped import SteppedPlatform, stepped_services
from tests.integration.full_engine.story import Row, story_of
from tests.integration.simulator.conftest import running_twin

pytestmark = pytest.mark.integration

SYMBOLS = ("BTCUSDC", "ETHUSDC", "SOLUSDC", "XRPUSDC")
MINUTES = 180
FIXTURE = twin_fixture(
    SYMBOLS,
    seed=1,
    clock={"mode": "stepped", "start": "2026-03-02T08:00:00Z"},
    market={"kind": "synthetic"},
)
# An engine that was built anew from stored candles differs by as much from one that went on; the processes may do so.
PRICES = ("price", "stop_loss", "take_profit")
PLACES = Decimal("1e-8")


async def through_the_processes(settings: Settings, folder: Path) -> dict[str, list[Row]]:
    with running_twin(folder, fixture=FIXTURE) as twin, stepped_services(settings, twin, folder) as (processes, clock):
        platform = SteppedPlatform(settings, twin, processes, clock)
        await platform.rest()
        for _ in range(MINUTES):
            before = 0
            for moment_ms in MOMENTS_MS:
                await platform.advance(moment_ms - before)
                before = moment_ms
        found = await story_of(platform.database)
        await platform.close()
        return found


async def through_one_process(settings: Settings) -> Mapping[str, Iterable[Mapping[str, Any]]]:
    strategies = StrategyLoader().load().loaded
    done = await asyncio.to_thread(run, parse_fixture(FIXTURE), settings, strategies, minutes=MINUTES)
    return await journal(done.stores)


def rounded(rows: Iterable[Mapping[str, Any]]) -> list[Row]:
    return [
        dict(row) | {name: row[name].quantize(PLACES) for name in PRICES if isinstance(row.get(name), Decimal)}
        for row in rows
    ]


def differences(
    ours: Mapping[str, Iterable[Mapping[str, Any]]], theirs: Mapping[str, Iterable[Mapping[str, Any]]]
) -> dict[str, list[tuple[Row | None, Row | None]]]:
    """By table, the rows that differ, side by side; every table, so that a failure tells its whole story."""
    pairs = {table: list(zip_longest(rounded(ours[table]), rounded(theirs[table]))) for table in theirs}
    found = {table: [(one, other) for one, other in rows if one != other] for table, rows in pairs.items()}
    return {table: rows for table, rows in found.items() if rows}


async def test_the_processes_and_the_one_process_decide_order_and_book_the_same(
    make_settings: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = make_settings(trading_symbols=",".join(SYMBOLS), interval="1m,5m")
    theirs = await through_the_processes(settings, tmp_path)
    ours = await through_one_process(settings)
    assert len(theirs["orders"]) > 20, f"this tape tests nothing: {ACCOUNT} hardly trades on it"
    assert differences(ours, theirs) == {}
