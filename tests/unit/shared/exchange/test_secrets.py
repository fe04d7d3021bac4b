"""Whatever the exchange, a proxy or the network does: no error tells a key, a signature, a header or a body."""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from cli.run import checkup
from shared.src.clocks import SystemClock
from shared.src.config import load_settings
from shared.src.domain.errors import (
    ConfigurationError,
    ContractError,
    OutcomeUnknownError,
    RootTradingError,
    TransientError,
)
from shared.src.exchange.account import AccountData, OrderCalls
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.verdict import refusal_of
from shared.src.exchange.weights import WeightBudget
from shared.src.frame.logging_config import configure_logging

KEY = "CANARYKEYjT5nQ8sLw2VxYzA1bC3dE4fG6hI7kM9oP0qR"
SECRET = "CANARYSECRETu7Wv6Xy5Za4Bc3De2Fg1Hi0Jk9Lm8No7Pq"
ORDER = {"symbol": "BTCUSDC", "side": "BUY", "type": "MARKET", "quantity": "0.00001", "newClientOrderId": "rt-1"}
TOLD = ("CANARY", "signature", "X-MBX-APIKEY", "recvWindow", "<html")
Call = Callable[[BinanceClient], Awaitable[Any]]

CALLS: dict[str, Call] = {
    "account": lambda client: AccountData(client).account(),
    "open orders": lambda client: AccountData(client).open_orders(),
    "order": lambda client: AccountData(client).order("BTCUSDC", "rt-1"),
    "trades": lambda client: AccountData(client).trades("BTCUSDC", from_id=1),
    "key rights": lambda client: client.key_rights(),
    "time": lambda client: client.synchronize(),
    "placing": lambda client: OrderCalls(client).create_order(ORDER),
    "placing a pair": lambda client: OrderCalls(client).create_oco(ORDER),
    "cancelling": lambda client: OrderCalls(client).cancel_order("BTCUSDC", "rt-1"),
    "cancelling a pair": lambda client: OrderCalls(client).cancel_order_list("BTCUSDC", 7),
}
CHANGES = ("placing", "placing a pair", "cancelling", "cancelling a pair")

STATUSES = (200, 201, 204, 301, 302, 400, 401, 403, 404, 407, 413, 418, 429, 451, 500, 502, 503, 504, 520)
BODIES = {
    "nothing": "",
    "a page": "<html>{request}</html>",
    "half of an object": '{"code": -20',
    "a list": '["{request}"]',
    "null": "null",
    "a number": "1e400",
    "a text": '"{request}"',
    "an empty object": "{}",
    "another object": '{"error": "{request}"}',
    "a code that is none": '{"code": "{request}", "msg": "{request}"}',
    "a code without words": '{"code": -2010}',
    "words of another kind": '{"code": -2010, "msg": {"request": "{request}"}}',
    "an echo": '{"code": -1100, "msg": "Illegal characters in {request}"}',
    "a deep nest": "[" * 100_000,
}


class Echo:
    """Answers with what the test put here; ``{request}`` becomes all that it was sent."""

    def __init__(self) -> None:
        self.url = ""
        self.status = 200
        self.body = b""
        self.hang_up = False
        self.headers: dict[str, str] = {}

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.hang_up:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        sent = f"{request.path_qs} {await request.text()} X-MBX-APIKEY: {request.headers.get('X-MBX-APIKEY')}"
        body = self.body.replace(b"{request}", sent.encode())
        return web.Response(status=self.status, body=body, headers=self.headers, content_type="text/html")


@pytest.fixture
async def echo() -> AsyncIterator[Echo]:
    made = Echo()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def client_of(url: str) -> BinanceClient:
    settings = load_settings(simulator_url=url, binance_api_key=KEY, binance_secret_key=SECRET)
    return BinanceClient(settings, SystemClock())


async def failure_of(client: BinanceClient, call: Call) -> RootTradingError | None:
    """What a call raises; nothing but the platform's own errors may leave the client."""
    try:
        await call(client)
    except RootTradingError as error:
        return error
    return None


def assert_tells_nothing(error: BaseException) -> None:
    """Neither the error, nor what it came from, nor what hangs on it."""
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
    reached: BaseException | None = error
    while reached is not None:
        shown += f"{reached!r} {reached} {vars(reached)!r}"
        reached = reached.__cause__ or reached.__context__
    for secret in TOLD:
        assert secret not in shown, shown


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_an_answer_of_any_shape_becomes_an_error_that_tells_nothing(echo: Echo, body: str) -> None:
    client = client_of(echo.url)
    echo.body = body.encode()
    for echo.status in STATUSES:
        for name, call in CALLS.items():
            client.weights = WeightBudget(None)  # or a ban that was answered holds up those after it
            error = await failure_of(client, call)
            assert error is not None, (echo.status, name)
            assert_tells_nothing(error)
            if echo.status < 400 and name in CHANGES:
                assert isinstance(error, OutcomeUnknownError), (echo.status, name, error)
            elif echo.status < 400:
                assert isinstance(error, TransientError | ContractError), (echo.status, name, error)
    await client.close()


async def test_a_connection_that_breaks_tells_nothing(echo: Echo) -> None:
    client = client_of(echo.url)
    echo.hang_up = True
    for name, call in CALLS.items():
        error = await failure_of(client, call)
        assert error is not None, name
        assert_tells_nothing(error)
    await client.close()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
async def test_an_exchange_that_cannot_be_reached_tells_nothing(url: str) -> None:
    client = client_of(url)
    for name, call in CALLS.items():
        error = await failure_of(client, call)
        assert isinstance(error, TransientError), name
        assert_tells_nothing(error)
    await client.close()


async def test_an_answer_that_does_not_come_tells_nothing(echo: Echo) -> None:
    client = client_of(echo.url)
    client._library.REQUEST_TIMEOUT = 1e-9
    for name, call in CALLS.items():
        error = await failure_of(client, call)
        assert isinstance(error, OutcomeUnknownError if name in CHANGES else TransientError), name
        assert_tells_nothing(error)
    await client.close()


async def test_the_key_does_not_follow_a_redirect(echo: Echo) -> None:
    client = client_of(echo.url)
    elsewhere = Echo()
    seen: list[str | None] = []

    async def collect(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-MBX-APIKEY"))
        return web.json_response([])

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", collect)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    elsewhere.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    echo.status, echo.headers = 307, {"Location": elsewhere.url}
    for call in CALLS.values():
        assert await failure_of(client, call) is not None
    assert not seen
    await client.close()
    await runner.cleanup()


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("Account has insufficient balance for requested action.", "Account has insufficient balance"),
        ("Filter failure: NOTIONAL", "Filter failure: NOTIONAL"),
        ("Order rt-1 of key my-own-key", "Order rt-1 of key [hidden]"),
        ("bad: symbol=A&signature=0f9a", "bad: [hidden]"),
        ("header X-MBX-APIKEY: abc", "header [hidden]"),
        ("token " + "a1" * 32, "token [hidden]"),
        ("two\nlines", "two lines"),
    ],
)
def test_the_exchanges_own_words_are_shown_without_secrets(words: str, shown: str) -> None:
    body = orjson.dumps({"code": -2010, "msg": words})
    refusal = refusal_of(400, body, hidden=("my-own-key", ""))
    assert (refusal.code, refusal.message[: len(shown)]) == (-2010, shown)


@pytest.mark.parametrize("after", ["inf", "1e999", "nan", "-5", "soon", "Wed, 21 Oct 2026 07:28:00 GMT", "9" * 400])
async def test_any_time_to_wait_is_bounded(echo: Echo, after: str) -> None:
    client = client_of(echo.url)
    echo.status, echo.headers = 418, {"Retry-After": after}
    assert isinstance(await failure_of(client, CALLS["placing"]), TransientError)
    assert 0 < await client.weights.blocked_s() <= 3 * 24 * 3600
    await client.close()


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_doctor_tells_nothing_either(echo: Echo, body: str) -> None:
    live = {"trading_enabled": True, "max_position_size": "10", "max_daily_loss": "10", "trading_mode": "live"}
    settings = load_settings(binance_rest_url=echo.url, binance_api_key=KEY, binance_secret_key=SECRET, **live)
    echo.body = body.encode()
    for echo.status in (200, 302, 400, 502):
        for finding in (await checkup.key_finding(settings), await checkup.exchange_finding(settings)):
            assert finding.level == "problem"
            assert not any(secret in finding.detail for secret in TOLD), finding


def test_a_line_of_the_log_never_shows_a_secret_whatever_a_library_says(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    settings = load_settings(binance_api_key=KEY, binance_secret_key=SECRET, api_token="CANARYTOKEN-of-an-admin")
    try:
        configure_logging("trader", "INFO", secrets=settings.secrets())
        try:
            raise ValueError(f"header {KEY}")
        except ValueError:
            logging.getLogger("library").exception("signed with %s", SECRET, extra={"token": "CANARYTOKEN-of-an-admin"})
    finally:
        root.handlers[:], root.level = before
    line = capsys.readouterr().err
    assert "ValueError" in line
    assert "CANARY" not in line


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "nul\0", "ключ"])
def test_a_key_that_cannot_stand_in_a_header_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ConfigurationError, match="BINANCE_API_KEY") as caught:
        load_settings(binance_api_key=key)
    assert key not in str(caught.value)
