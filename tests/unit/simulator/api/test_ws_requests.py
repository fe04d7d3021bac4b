"""Request frames of the WebSocket API."""

from __future__ import annotations

from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from simulator.api.ws_api.request import RequestError, parse_request, signing_payload
from simulator.engine.errors import ApiError


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
