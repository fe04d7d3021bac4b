"""Names of streams."""

from __future__ import annotations

import pytest

from simulator.api.streams.names import parse_name


@pytest.mark.parametrize(
    ("name", "kind", "symbol"),
    [
        ("btcusdt@kline_1m", "kline", "BTCUSDT"),
        ("btcusdt@kline_1d@+08:00", "kline", "BTCUSDT"),
        ("btcusdt@depth5@100ms", "partial", "BTCUSDT"),
        ("btcusdt@depth@1000ms", "depth", "BTCUSDT"),
        ("btcusdt@ticker_4h", "rolling", "BTCUSDT"),
        ("!miniTicker@arr", "miniTicker", ""),
        ("!ticker_1h@arr", "rolling", ""),
    ],
)
def test_names_of_streams_are_understood(name: str, kind: str, symbol: str) -> None:
    parsed = parse_name(name)

    assert parsed is not None
    assert (parsed.kind, parsed.symbol) == (kind, symbol)


@pytest.mark.parametrize(
    "name",
    ["", "btcusdt", "BTCUSDT@trade", "btcusdt@depth7", "btcusdt@kline_7m", "!ticker@arr", "btcusdt@kline_1m@+99"],
)
def test_other_names_are_no_streams(name: str) -> None:
    assert parse_name(name) is None
