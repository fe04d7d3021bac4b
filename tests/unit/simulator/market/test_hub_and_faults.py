"""The fan-out, its limits, and the dice of faults."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.api.faults.catalogue import CATALOGUE, catalogue_help
from simulator.api.faults.rules import Faults
from simulator.api.streams.hub import OUTBOX_BYTES, OUTBOX_MESSAGES, Connection, Hub
from simulator.api.streams.names import parse_name
from simulator.api.ws_api.request import RequestError, parse_request, signing_payload
from simulator.engine.errors import ApiError


def taken(connection: Connection) -> list[str]:
    return asyncio.run(connection.take())


def test_a_message_is_made_once_however_many_listen() -> None:
    hub = Hub(Faults())
    made: list[int] = []
    listeners = [Connection() for _ in range(5)] + [Connection(combined=True)]
    for listener in listeners:
        hub.join(listener)
        hub.subscribe(listener, ["a@trade"])

    def build(unit: int) -> dict[str, int]:
        made.append(unit)
        return {"x": 1}

    hub.publish("a@trade", build)

    assert len(made) == 2
    assert taken(listeners[0]) == ['{"x":1}']
    assert taken(listeners[-1]) == ['{"stream":"a@trade","data":{"x":1}}']


def test_nothing_is_made_when_nobody_listens() -> None:
    hub = Hub(Faults())
    left = Connection()
    hub.join(left)
    hub.subscribe(left, ["a@trade"])
    hub.leave(left)

    hub.publish("a@trade", lambda unit: pytest.fail("nobody asked for this"))

    assert hub.names() == []


@pytest.mark.parametrize(("text", "count"), [("x", OUTBOX_MESSAGES + 1), ("x" * (OUTBOX_BYTES // 4), 5)])
def test_who_does_not_read_is_given_up(text: str, count: int) -> None:
    connection = Connection()
    for _ in range(count):
        connection.put(text)

    assert connection.close_code == 1008
    connection.put("more")
    assert taken(connection) == []


def test_a_count_hits_exactly_as_often() -> None:
    faults = Faults()
    faults.add({"fault": "answer_lost", "count": 2})

    hits = [asyncio.run(faults.request("POST /api/v3/order", "BTCUSDT", "alice")) for _ in range(4)]

    assert [hit is not None for hit in hits] == [True, True, False, False]
    assert faults.view() == []


@given(st.integers(0, 2**31), st.floats(0, 1))
def test_the_same_seed_throws_the_same_dice(seed: int, probability: float) -> None:
    def throws() -> list[bool]:
        faults = Faults()
        faults.add({"fault": "stream_drop", "probability": probability, "seed": seed})
        return [faults.stream("a@trade", "A", None) is not None for _ in range(20)]

    assert throws() == throws()


@pytest.mark.parametrize(
    ("match", "endpoint", "hit"),
    [
        ({}, "POST /api/v3/order", True),
        ({}, "order.place", True),
        ({}, "GET /api/v3/order", False),
        ({"endpoint": "GET /api/v3/order"}, "GET /api/v3/order", True),
        ({"endpoint": "/api/v3/*"}, "DELETE /api/v3/order", True),
        ({"endpoint": "order.*"}, "order.cancel", True),
        ({"symbol": "ETHUSDT"}, "POST /api/v3/order", False),
        ({"account": "bob"}, "POST /api/v3/order", False),
        ({"symbol": "BTCUSDT", "account": "alice"}, "POST /api/v3/order", True),
    ],
)
def test_a_match_decides_what_is_hit(match: dict[str, str], endpoint: str, hit: bool) -> None:
    faults = Faults()
    faults.add({"fault": "timeout_1007", "match": match})

    assert (asyncio.run(faults.request(endpoint, "BTCUSDT", "alice")) is not None) == hit


def test_every_fault_is_explained() -> None:
    assert len(catalogue_help().splitlines()) == len(CATALOGUE) >= 20
    documented = {
        "answer_lost",
        "late_acceptance",
        "http_5xx_unknown",
        "timeout_1007",
        "rate_limit_1003",
        "ban_418",
        "clock_skew_1021",
        "order_not_found_after_create",
        "stream_drop",
        "stream_duplicate",
        "stream_reorder",
        "stream_delay",
        "stream_stall",
        "disconnect",
        "reject_protection_leg",
        "price_gap",
        "symbol_halt",
        "filter_change",
        "insufficient_liquidity",
        "maintenance",
    }
    assert documented <= set(CATALOGUE)


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


def test_a_websocket_signature_covers_the_digits_as_sent() -> None:
    """The vector of Binance's WebSocket API documentation."""
    text = (
        '{"id": "1", "method": "order.place", "params": {"type": "LIMIT", "timeInForce": "GTC", "timestamp": '
        '1645423376532, "side": "SELL", "symbol": "BTCUSDT", "recvWindow": 100, "quantity": "0.01000000", "price": '
        '52000.00, "apiKey": "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A", "signature": "x"}}'
    )

    assert signing_payload(parse_request(text).values) == (
        b"apiKey=vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A&price=52000.00&quantity=0.01000000"
        b"&recvWindow=100&side=SELL&symbol=BTCUSDT&timeInForce=GTC&timestamp=1645423376532&type=LIMIT"
    )


@given(st.text(max_size=80))
def test_no_text_upsets_the_parser_of_requests(text: str) -> None:
    with suppress(ApiError, RequestError):
        parse_request(text)
