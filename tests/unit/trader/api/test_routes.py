"""What the trader's API says to a caller before anything reaches the trader: tokens, shapes, names, the documents."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient

from shared.memory.answers import MemoryAnswers
from shared.src.domain.errors import RejectedError
from shared.src.domain.orders import OrderType, Side
from shared.src.frame.auth import Principal, Scope
from trader.src.api.app import trader_app
from trader.src.api.control import TraderControl
from trader.src.api.loop import TraderLoop
from trader.src.api.models import ManualOrder, OrdersQuery, PauseRequest

TOKEN = {"Authorization": "Bearer right"}
ORDER = {"symbol": "BTCUSDC", "side": "BUY", "quantity": 0.01}


class Asked(TraderControl):
    """Keeps what was asked of the trader."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def authorize(self, authorization: str | None, scope: Scope) -> Principal:
        if authorization != TOKEN["Authorization"]:
            raise RejectedError("a token is needed", code=401)
        return Principal("token-1", scope)

    async def place(self, principal: Principal, request: ManualOrder, key: str | None) -> dict[str, Any]:
        self.asked.append((principal, request, key))
        return {"status": "NEW"}

    async def pause(self, principal: Principal, request: PauseRequest) -> dict[str, Any]:
        self.asked.append(request)
        return {"paused": request.scope}

    async def orders(self, query: OrdersQuery) -> list[dict[str, Any]]:
        self.asked.append(query)
        return []


@pytest.fixture
def control() -> Asked:
    return Asked()


@pytest.fixture
def client(control: Asked) -> Iterator[FlaskClient]:
    with serving(control) as served:
        yield served


@contextmanager
def serving(control: Asked, *, reads_need_token: bool = False) -> Iterator[FlaskClient]:
    async def report() -> dict[str, Any]:
        return {"status": "healthy"}

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    answers = MemoryAnswers()
    yield trader_app(
        TraderLoop(loop, control, answers, report, report, reads_need_token=reads_need_token)
    ).test_client()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def problems(answer: Any) -> set[str]:
    return {item["field"] for item in answer.get_json()["errors"]}


@pytest.mark.parametrize("path", ["/order", "/execute-order", "/trade"])
def test_every_name_of_the_order_route_places_the_same_order(client: FlaskClient, control: Asked, path: str) -> None:
    answer = client.post(path, json=ORDER, headers=TOKEN)
    assert (answer.status_code, answer.get_json()) == (201, {"status": "NEW"})
    principal, request, key = control.asked[0]
    assert (principal.scope, request.side, request.type, key) == (Scope.TRADE, Side.BUY, OrderType.MARKET, None)


def test_a_field_may_be_given_by_its_other_name(client: FlaskClient, control: Asked) -> None:
    body = {"symbol": "btcusdc", "signal_type": "SELL", "quantity": 1, "order_type": "LIMIT", "price": 2}
    assert client.post("/order", json=body, headers=TOKEN).status_code == 201
    request = control.asked[0][1]
    assert (request.symbol, request.side, request.type) == ("BTCUSDC", Side.SELL, OrderType.LIMIT)


@pytest.mark.parametrize("path", ["/execute-order", "/order"])
def test_a_signal_as_the_documents_write_it_is_an_order_decided_at_its_price(
    client: FlaskClient, control: Asked, path: str
) -> None:
    signal = {
        "signal_type": "BUY",
        "symbol": "BTCUSDC",
        "strength": 0.8,
        "price": 45000.0,
        "quantity": 0.001,
        "timestamp": "2024-01-01T12:00:00Z",
    }
    assert client.post(path, json=signal, headers=TOKEN).status_code == 201
    request = control.asked[0][1]
    assert (request.side, request.type, request.quantity) == (Side.BUY, OrderType.MARKET, Decimal("0.001"))
    assert (request.reference_price, request.limit_price, request.strength) == (Decimal(45000), None, 0.8)


@pytest.mark.parametrize(
    ("change", "field"),
    [({"strength": 1.1}, "strength"), ({"strength": "NaN"}, "strength"), ({"timestamp": "noon"}, "timestamp")],
)
def test_a_signal_that_makes_no_sense_is_refused(
    client: FlaskClient, control: Asked, change: dict[str, Any], field: str
) -> None:
    answer = client.post("/execute-order", json=ORDER | {"strength": 0.8, "price": 45000} | change, headers=TOKEN)
    assert (answer.status_code, problems(answer)) == (422, {field})
    assert not control.asked


def test_a_signal_with_a_limit_keeps_it(client: FlaskClient, control: Asked) -> None:
    body = ORDER | {"strength": 0.8, "price": 45000, "type": "LIMIT"}
    assert client.post("/order", json=body, headers=TOKEN).status_code == 201
    request = control.asked[0][1]
    assert (request.reference_price, request.limit_price) == (None, Decimal(45000))


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"quantity": ' + b"[" * 5000])
def test_a_body_nested_too_deep_is_refused(client: FlaskClient, control: Asked, body: bytes) -> None:
    answer = client.post("/order", data=body, headers=TOKEN)
    assert (answer.status_code, "nested" in answer.get_json()["detail"]) == (400, True)


def test_a_body_that_is_too_large_is_refused_with_the_reason(client: FlaskClient, control: Asked) -> None:
    answer = client.post("/order", data=b" " * 65_537, headers=TOKEN)
    assert (answer.status_code, "detail" in answer.get_json()) == (413, True)


@pytest.mark.parametrize("amount", ["1e400", "1e15", "0.0000000000000000001", "NaN", "Infinity", "-1", "0"])
def test_an_amount_that_no_exchange_takes_is_refused(client: FlaskClient, control: Asked, amount: str) -> None:
    body = b'{"symbol": "BTCUSDC", "side": "BUY", "quantity": ' + amount.encode() + b"}"
    answer = client.post("/order", data=body, headers=TOKEN)
    assert (answer.status_code, problems(answer)) == (422, {"quantity"})
    assert not control.asked


def test_a_caller_without_a_token_learns_nothing_else(client: FlaskClient, control: Asked) -> None:
    answer = client.post("/order", data=b"{")
    assert (answer.status_code, answer.get_json()["detail"]) == (401, "a token is needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert not control.asked


def test_reads_need_a_token_where_others_can_ask(control: Asked) -> None:
    with serving(control, reads_need_token=True) as client:
        assert client.get("/orders").status_code == 401
        assert client.get("/orders", headers=TOKEN).status_code == 200
        for path in ("/health", "/metrics", "/openapi.json", "/docs"):
            assert client.get(path).status_code == 200, path


def test_numbers_keep_the_digits_they_were_sent_with(client: FlaskClient, control: Asked) -> None:
    body = b'{"symbol": "BTCUSDC", "side": "BUY", "quantity": 123456789.12345678901}'
    assert client.post("/order", data=body, headers=TOKEN).status_code == 201
    assert control.asked[0][1].quantity == Decimal("123456789.12345678901")


def test_a_body_that_is_not_json_is_refused_with_the_place(client: FlaskClient) -> None:
    answer = client.post("/order", data=b"{", headers=TOKEN)
    assert (answer.status_code, answer.get_json()["detail"].startswith("the body is not JSON: ")) == (400, True)


def test_no_body_is_an_empty_one(client: FlaskClient, control: Asked) -> None:
    assert client.post("/config/pause", headers=TOKEN).get_json() == {"paused": "all"}


def test_every_problem_of_a_body_is_told_by_its_field(client: FlaskClient, control: Asked) -> None:
    answer = client.post("/order", json=ORDER | {"quantity": -1, "colour": "red"}, headers=TOKEN)
    assert (answer.status_code, problems(answer)) == (422, {"quantity", "colour"})
    assert answer.get_json()["detail"].startswith("quantity: ")
    crossed = client.post("/order", json=ORDER | {"type": "LIMIT"}, headers=TOKEN)
    assert crossed.get_json()["detail"] == "body: price is needed for a LIMIT order"
    assert not control.asked


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"quote_quantity": 100}, "either quantity or quote_quantity is needed"),
        ({"quantity": None}, "either quantity or quote_quantity is needed"),
        ({"quantity": None, "quote_quantity": 100, "side": "SELL"}, "makes sense for a BUY at MARKET only"),
    ],
)
def test_an_order_has_one_amount(client: FlaskClient, change: dict[str, object], reason: str) -> None:
    answer = client.post("/order", json=ORDER | change, headers=TOKEN)
    assert answer.status_code == 422
    assert reason in answer.get_json()["detail"]


def test_an_idempotency_key_is_trimmed_blank_is_none_and_too_long_is_refused(
    client: FlaskClient, control: Asked
) -> None:
    for key in (" k ", "  "):
        client.post("/order", json=ORDER, headers=TOKEN | {"Idempotency-Key": key})
    assert [key for _, _, key in control.asked] == ["k", None]
    answer = client.post("/order", json=ORDER, headers=TOKEN | {"Idempotency-Key": "k" * 201})
    assert (answer.status_code, problems(answer)) == (422, {"Idempotency-Key"})


def test_a_repeated_command_is_done_once_and_a_key_belongs_to_one_call(client: FlaskClient, control: Asked) -> None:
    keyed = TOKEN | {"Idempotency-Key": "k"}
    first = client.post("/order", json=ORDER, headers=keyed)
    again = client.post("/order", json=ORDER, headers=keyed)
    assert (again.status_code, again.data, again.headers["Idempotency-Replayed"]) == (201, first.data, "true")
    other_body = client.post("/order", json=ORDER | {"quantity": 0.02}, headers=keyed)
    other_route = client.post("/config/pause", headers=keyed)
    assert (other_body.status_code, other_route.status_code) == (409, 409)
    assert "another body" in other_body.get_json()["detail"]
    assert "POST /order" in other_route.get_json()["detail"]
    assert len(control.asked) == 1


def test_a_refused_body_is_refused_the_same_under_its_key(client: FlaskClient, control: Asked) -> None:
    keyed = TOKEN | {"Idempotency-Key": "k"}
    wrong = [client.post("/order", json=ORDER | {"quantity": -1}, headers=keyed) for _ in range(2)]
    assert [answer.status_code for answer in wrong] == [422, 422]
    assert wrong[0].data == wrong[1].data
    assert client.post("/order", json=ORDER, headers=keyed).status_code == 409
    assert not control.asked


def test_a_query_is_checked_like_a_body(client: FlaskClient, control: Asked) -> None:
    assert client.get("/orders?symbol=btcusdc&limit=2&status=open").get_json() == {"orders": [], "count": 0}
    assert control.asked[0] == OrdersQuery(symbol="BTCUSDC", limit=2, status="open")
    for query in ("limit=many", "limit=0", "status=lost", "colour=red"):
        answer = client.get(f"/orders?{query}")
        at_fault = {name.split(".")[0] for name in problems(answer)}
        assert (answer.status_code, at_fault) == (422, {query.split("=")[0]})


def test_what_has_no_route_is_told_as_json(client: FlaskClient) -> None:
    assert client.post("/nothing").status_code == 404
    assert client.get("/close/c-1").status_code == 405
    assert "detail" in client.get("/nothing").get_json()


def test_the_document_names_every_route_and_what_needs_a_token(client: FlaskClient) -> None:
    document = client.get("/openapi.json").get_json()
    assert document["openapi"].startswith("3.1")
    operations = {(method, path): call for path, calls in document["paths"].items() for method, call in calls.items()}
    assert {key for key, call in operations.items() if call.get("security")} == {
        ("post", "/order"),
        ("post", "/execute-order"),
        ("post", "/trade"),
        ("delete", "/order/{order_id}"),
        ("post", "/close/{cycle_id}"),
        ("patch", "/cycles/{cycle_id}"),
        ("post", "/close-position"),
        ("post", "/cycles/{cycle_id}/protect"),
        ("post", "/config/pause"),
        ("post", "/config/resume"),
        ("post", "/panic"),
    }
    assert len(operations) == 25
    ids = [call["operationId"] for call in operations.values()]
    assert len(set(ids)) == len(ids)
    order = document["components"]["schemas"]["ManualOrder"]["properties"]
    assert {"side", "signal_type", "type", "order_type", "quantity"} <= set(order)


def test_the_page_of_the_document_asks_nobody_else(client: FlaskClient) -> None:
    page = client.get("/docs").text
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        with client.get(f"/{address}") as file:
            assert file.status_code == 200, address
    assert '"validatorUrl": null' in page
    assert 'new URL("openapi.json"' in page
