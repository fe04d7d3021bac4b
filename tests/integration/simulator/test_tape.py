"""A market played in the process is the market that a stepped twin plays behind HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websockets

from simulator.engine.exchange import Engine
from simulator.fixture import parse_fixture
from simulator.tape import Tape
from tests.integration.simulator.conftest import RunningTwin

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
BTC, PEPE = "BTCUSDC", "PEPEUSDC"
STREAMS = [f"{symbol.lower()}@{kind}" for symbol in (BTC, PEPE) for kind in ("kline_1m", "bookTicker", "trade")]
# Within a minute, to its end, over several, and over none
STEPS_MS = [20_000, 40_000, 3 * MINUTE_MS + 7, 0, 1, 25 * MINUTE_MS]


def fixture(market: dict[str, Any]) -> dict[str, Any]:
    return {
        "seed": 11,
        "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
        "market": market,
        "symbols": [
            {"symbol": BTC, "base": "BTC", "quote": "USDC", "last_price": "95000.00"},
            {"symbol": PEPE, "base": "PEPE", "quote": "USDC", "last_price": "0.00001450"},
        ],
    }


def recording(folder: Path) -> Path:
    """Forty bars of one minute, the first ten of them before the market starts."""
    file = folder / "bars.csv"
    lines = ["open_time,open,high,low,close,volume"]
    for minute in range(-10, 30):
        price = 95_000 + 13 * minute
        lines.append(f"{START_MS + minute * MINUTE_MS},{price},{price + 40},{price - 25},{price + 9},3.5")
    file.write_text("\n".join(lines) + "\n")
    return file


@pytest.fixture(params=["synthetic", "replay"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    if request.param == "replay":
        yield {"kind": "replay", "files": {BTC: str(recording(tmp_path))}}
    else:
        yield {"kind": "synthetic", "history_minutes": 90}


async def streamed(twin: RunningTwin) -> list[dict[str, Any]]:
    """What a client hears while the twin's clock is moved; it begins once the candles of the start have been shown."""
    heard: list[dict[str, Any]] = []
    async with websockets.connect(f"{twin.streams}/stream?streams={'/'.join(STREAMS)}", max_queue=None) as socket:
        while len({message["stream"] for message in heard}) < 2:
            heard.append(json.loads(await socket.recv()))
        for step_ms in STEPS_MS:
            twin.do("POST", "/clock", {"advance_ms": step_ms})
        await socket.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": 1}))
        while "result" not in (message := json.loads(await socket.recv())):
            heard.append(message)
    return heard


def told_once(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without repetitions: a candle that does not change is shown again every two seconds of the wall."""
    return list({json.dumps(frame): frame for frame in frames}.values())


async def test_a_tape_tells_what_a_stepped_twin_streams(still: RunningTwin, market: dict[str, Any]) -> None:
    still.reset(fixture(market))
    heard = told_once(await streamed(still))

    engine = Engine()
    tape = Tape(parse_fixture(fixture(market)), engine, streams=STREAMS)
    # the twin told its first best prices before anyone could listen
    frames = [frame for frame in tape.frames() if "kline" in frame.stream]
    for step_ms in STEPS_MS:
        frames += tape.advance(tape.now_ms + step_ms)
    told = told_once([json.loads(frame.text()) for frame in frames])

    assert sum(frame["data"].get("k", {}).get("x", False) for frame in told) == 2 * 29
    assert {frame["stream"] for frame in told} >= {stream for stream in STREAMS if stream.startswith("btc")}
    assert heard == told
    for symbol in (BTC, PEPE):
        trades = still.get("/api/v3/trades", symbol=symbol, limit=1000)
        own = engine.market(symbol).tape.recent(1000)
        assert [(row["id"], row["time"], row["isBuyerMaker"]) for row in trades] == [
            (trade.trade_id, trade.time, trade.is_buyer_maker) for trade in own
        ]
