"""A market played in this process, moment by moment."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from typing import Any

import pytest

from shared.src.domain.orders import OrderType, Side
from simulator.engine.events import OrderEvent
from simulator.engine.exchange import Engine
from simulator.engine.orders import OrderRequest, TimeInForce
from simulator.fixture import FixtureError, parse_fixture
from simulator.tape import StreamFrame, Tape

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
BTC = "BTCUSDC"
FIXTURE: dict[str, Any] = {
    "seed": 5,
    "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
    "market": {"kind": "synthetic", "history_minutes": 30},
    "symbols": [{"symbol": BTC, "base": "BTC", "quote": "USDC", "last_price": "95000.00"}],
}
PLAYED = f"""
from simulator.engine.exchange import Engine
from simulator.fixture import parse_fixture
from simulator.tape import Tape
tape = Tape(parse_fixture({FIXTURE!r}), Engine())
print([frame.text() for frame in tape.advance({START_MS + 20 * MINUTE_MS})])
"""


def tape_of(engine: Engine, **changed: Any) -> Tape:
    return Tape(parse_fixture(FIXTURE | changed), engine)


def closed(frames: list[StreamFrame]) -> list[dict[str, Any]]:
    return [frame.data["k"] for frame in frames if "k" in frame.data and frame.data["k"]["x"]]


def test_every_minute_that_ends_is_told_once_and_closed() -> None:
    tape = tape_of(Engine())

    candles = closed(tape.advance(START_MS + 3 * MINUTE_MS))

    assert [candle["t"] for candle in candles] == [START_MS, START_MS + MINUTE_MS, START_MS + 2 * MINUTE_MS]
    assert all(candle["n"] == 4 for candle in candles)


def test_time_may_be_cut_into_the_moments_at_which_something_is_due() -> None:
    whole, cut = tape_of(Engine()), tape_of(Engine())
    end_ms = START_MS + 5 * MINUTE_MS
    frames: list[StreamFrame] = []

    while cut.due_ms <= end_ms:
        frames += cut.advance(cut.due_ms)

    assert frames == whole.advance(end_ms)


def test_an_order_rests_until_the_market_comes_to_it() -> None:
    engine = Engine()
    tape = tape_of(engine)
    account = engine.add_account("paper", {"USDC": Decimal(10_000)})
    tape.advance(START_MS + MINUTE_MS)
    best = engine.market(BTC).book.best(Side.BUY)
    assert best is not None
    engine.place(
        account,
        OrderRequest(BTC, Side.BUY, OrderType.LIMIT, Decimal("0.01"), price=best[0], time_in_force=TimeInForce.GTC),
        tape.now_ms,
    )
    [new] = [event for event in tape.account_events() if isinstance(event, OrderEvent)]
    assert new.execution_type == "NEW"

    fills: list[OrderEvent] = []
    while not fills:
        tape.advance(tape.due_ms)
        fills = [event for event in tape.account_events() if isinstance(event, OrderEvent)]

    assert [(fill.execution_type, fill.last_price, fill.time) for fill in fills] == [("TRADE", best[0], tape.now_ms)]


def test_an_order_shows_in_the_market_it_is_sent_to() -> None:
    engine = Engine()
    tape = tape_of(engine)
    account = engine.add_account("paper", {"USDC": Decimal(10_000)})
    tape.advance(START_MS + 1)

    engine.place(account, OrderRequest(BTC, Side.BUY, OrderType.MARKET, Decimal("0.01")), tape.now_ms)

    assert [event for event in tape.account_events() if isinstance(event, OrderEvent)]
    [candle] = closed(tape.advance(START_MS + MINUTE_MS))
    assert candle["n"] == 5


def test_the_same_fixture_is_played_to_the_same_byte_whatever_the_hashes() -> None:
    def played(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        return subprocess.run(
            [sys.executable, "-c", PLAYED], env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert played("1") == played("2") != ""


def test_a_tape_is_moved_by_its_caller_alone() -> None:
    with pytest.raises(FixtureError, match="stepped"):
        tape_of(Engine(), clock={"mode": "real"})
    with pytest.raises(ValueError, match="backwards"):
        tape_of(Engine()).advance(START_MS - 1)
