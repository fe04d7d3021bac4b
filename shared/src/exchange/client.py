"""python-binance behind the platform's rules: its address, its clock, its errors, its weight.

python-binance (1.0.37) formats its addresses from class attributes, reads the wall clock, and lets library errors
through; this is the one place that knows it. Those errors hold the request: its key among the headers, its signature in
the address. So answers are read here, and no error that leaves has one of theirs for a cause.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson
from binance import AsyncClient
from redis.asyncio import Redis

from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError, OutcomeUnknownError, RejectedError, TransientError
from shared.src.exchange.calls import Params, Urgency
from shared.src.exchange.connections import ConnectionBudget
from shared.src.exchange.order_counts import OrderCounts
from shared.src.exchange.shapes import object_of, server_time_of
from shared.src.exchange.verdict import CLOCK_IS_OFF, Refusal, error_of, refusal_of
from shared.src.exchange.weights import WeightBudget

logger = logging.getLogger(__name__)

TIMEOUT_S = 10
# How long an answer may take beyond the time in which the exchange may still carry the request out.
ANSWER_S = 1.0

WITHDRAWALS = "enableWithdrawals"
RECV_WINDOW = "recvWindow"
# A redirect would be followed with the key in its headers, wherever it leads.
REQUESTS = {"allow_redirects": False}

Call = Callable[[], Awaitable[Any]]


class _RefusedError(Exception):
    """The answer is not a success."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, refusal.code)
        self.refusal = refusal


class _Client(AsyncClient):  # type: ignore[misc]
    """AsyncClient that stamps requests with the platform's clock and reads every answer itself."""

    REQUEST_TIMEOUT = TIMEOUT_S
    clock: Clock = SystemClock()
    skew_ms: int = 0
    on_headers: Callable[[Any], Awaitable[None]] | None = None

    @property
    def timestamp_offset(self) -> int:
        # The library adds this to the wall clock; the market clock may run faster.
        return self.clock.now_ms() - SystemClock().now_ms() + self.skew_ms

    @timestamp_offset.setter
    def timestamp_offset(self, _: int) -> None:
        pass

    async def _handle_response(self, response: aiohttp.ClientResponse) -> Any:
        if self.on_headers is not None:
            await self.on_headers(response.headers)
        body = await response.read()
        if response.status // 100 != 2:
            retry_after = response.headers.get("Retry-After", "")
            hidden = (self.API_KEY or "", self.API_SECRET or "")
            raise _RefusedError(refusal_of(response.status, body, retry_after=retry_after, hidden=hidden))
        return _json(body, response.status)


def _json(body: bytes, status: int) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        pass  # its error would show the body
    raise OutcomeUnknownError(f"no answer from the exchange: HTTP {status}, but not JSON")


def _client_class(rest_url: str, ws_api_url: str) -> type[_Client]:
    addresses = {
        "API_URL": f"{rest_url}/api",
        "MARGIN_API_URL": f"{rest_url}/sapi",
        "WS_API_URL": ws_api_url,
    }
    return type("RedirectedClient", (_Client,), addresses)


class BinanceClient:
    """A connection to Binance's REST API (v3), or a twin's: signed, within the weight budget, with translated errors.

    ``public`` and ``ask`` read and are safe to repeat; ``change`` changes something, and no verdict about it is
    OutcomeUnknownError. ``fence`` is called right before a change is signed and sent, and raises TransientError when
    it must not be.
    """

    def __init__(
        self, settings: Settings, clock: Clock, *, redis: Redis | None = None, fence: Callable[[], None] = lambda: None
    ) -> None:
        self._fence = fence
        self._settings = settings
        self._clock = clock
        self.weights = WeightBudget(redis)
        self.order_counts = OrderCounts(clock)
        self.connections = ConnectionBudget(redis, self.weights)
        self._client: _Client | None = None

    @property
    def _library(self) -> Any:
        """The library's client, made on first use because it needs the running loop."""
        if self._client is None:
            kind = _client_class(self._settings.rest_url, self._settings.ws_api_url)
            client = kind(
                self._settings.binance_api_key.get_secret_value() or None,
                self._settings.binance_secret_key.get_secret_value() or None,
                requests_params=REQUESTS,
            )
            client.REQUEST_RECVWINDOW = self._settings.recv_window_ms
            client.clock = self._clock
            client.on_headers = self._observe
            self._client = client
        return self._client

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close_connection()
            self._client = None

    async def public(self, path: str, params: Params, *, weight: int, urgency: Urgency = Urgency.BULK) -> Any:
        """Read what everybody may. Raises as :meth:`ask`, keys apart."""
        return await self._read(self._request("get", path, params, signed=False), weight=weight, urgency=urgency)

    async def ask(self, path: str, params: Params, *, weight: int, urgency: Urgency = Urgency.BULK) -> Any:
        """Read something of the account.

        Raises:
            TransientError: no answer, or told to wait; repeating is safe.
            RejectedError: the exchange refused, with Binance's code.
            ConfigurationError: there are no keys to sign with.
        """
        self._require_keys()
        return await self._read(self._request("get", path, params, signed=True), weight=weight, urgency=urgency)

    async def change(self, method: str, path: str, params: Params) -> Any:
        """Change something on the exchange. ``recvWindow`` among ``params``: in place of RECV_WINDOW_MS.

        Raises:
            OutcomeUnknownError: no verdict; ask by client order id.
            TransientError: certainly not carried out, may be tried again later.
            RejectedError: refused, with Binance's code.
            ConfigurationError: there are no keys to sign with.
        """
        self._require_keys()
        await self.weights.check_block()
        request = self._request(method, path, params, signed=True)

        async def fenced() -> Any:
            self._fence()  # nothing is awaited between this and the signature's timestamp
            async with asyncio.timeout(min(TIMEOUT_S, self._window_ms(params) / 1000 + ANSWER_S)):
                return await request()

        return await self._translated(fenced)

    def _window_ms(self, params: Params) -> int:
        """For how long after it was signed the exchange may carry a request out."""
        return int(params.get(RECV_WINDOW, self._settings.recv_window_ms))

    async def key_rights(self) -> dict[str, bool]:
        """What the API key may do (GET sapi/v1/account/apiRestrictions), by Binance's names. Raises as :meth:`ask`."""
        self._require_keys()
        answer = await self._read(self._library.get_account_api_permissions, weight=1, urgency=Urgency.CRITICAL)
        rights = object_of(answer, "rights of the key")
        said = {name: value for name, value in rights.items() if isinstance(value, bool)}
        if WITHDRAWALS not in said:
            raise TransientError("the exchange did not say whether the key may withdraw")
        return said

    async def wallet(self, path: str, params: Params) -> Any:
        """Read one of the wallet's histories; ``path`` is below /sapi/v1, whose weight is counted apart. Raises as
        :meth:`ask`.
        """
        self._require_keys()

        async def call() -> Any:
            library = self._library
            library.REQUEST_RECVWINDOW = self._window_ms(params)
            return await library._request_margin_api("get", path, signed=True, data=dict(params))

        return await self._read(call, weight=1, urgency=Urgency.BULK)

    def timestamp_ms(self) -> int:
        """The exchange's time, as far as it was measured."""
        return self._clock.now_ms() + (self._client.skew_ms if self._client else 0)

    async def synchronize(self) -> int:
        """Measure how far the exchange's clock is from ours (ms); signed requests are stamped accordingly."""
        client = self._library
        before = self._clock.now_ms()
        server = server_time_of(await self.public("time", {}, weight=1, urgency=Urgency.CRITICAL))
        middle = (before + self._clock.now_ms()) // 2
        client.skew_ms = server - middle
        return int(client.skew_ms)

    def _require_keys(self) -> None:
        if not self._settings.binance_api_key.get_secret_value():
            raise ConfigurationError("BINANCE_API_KEY: needed for calls about the account")
        if not self._settings.binance_secret_key.get_secret_value():
            raise ConfigurationError("BINANCE_SECRET_KEY: needed for calls about the account")

    def _request(self, method: str, path: str, params: Params, *, signed: bool) -> Call:
        async def call() -> Any:
            library = self._library
            # The library sends its own in place of the caller's; nothing is awaited until it has read it.
            library.REQUEST_RECVWINDOW = self._window_ms(params)
            request = library._request_api  # no public method takes every path
            return await request(method, path, signed=signed, version="v3", data=dict(params))

        return call

    async def _read(self, call: Call, *, weight: int, urgency: Urgency) -> Any:
        await self.weights.take(weight, urgency)
        try:
            return await self._translated(call)
        except OutcomeUnknownError as error:
            raise TransientError(str(error)) from error

    async def _translated(self, call: Call) -> Any:
        """Carry out a call; its errors are raised outside of the handlers, without the library's as their context."""
        failure: Exception
        try:
            return await call()
        except _RefusedError as error:
            failure = await self._verdict(error.refusal)
        except aiohttp.ClientConnectorError as error:
            failure = TransientError(f"exchange unreachable, nothing was sent: {type(error).__name__}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            failure = OutcomeUnknownError(f"no answer from the exchange: {type(error).__name__}")
        raise failure

    async def _verdict(self, refusal: Refusal) -> Exception:
        if refusal.wait_s is not None:
            await self.weights.block(refusal.wait_s)
        elif refusal.code == CLOCK_IS_OFF:
            self._library.skew_ms = 0
            await self._resynchronize()
        return error_of(refusal)

    async def _resynchronize(self) -> None:
        try:
            await self.synchronize()
        except (TransientError, RejectedError) as error:
            logger.warning("clock not measured", extra={"reason": str(error)})

    async def _observe(self, headers: Any) -> None:
        self.order_counts.observe(headers)
        used = headers.get("X-MBX-USED-WEIGHT-1M") or headers.get("x-mbx-used-weight-1m")
        if used and str(used).isdigit():
            await self.weights.observe(int(used))
