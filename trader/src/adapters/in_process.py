"""REST calls answered in this process by the endpoints of the twin's REST API: no socket, no signature, else equal.

Orders are checked, refused, matched and answered by the very code that a twin runs behind HTTP, and the answers are
read by the code that reads Binance's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from shared.src.domain.clock import Clock
from shared.src.domain.errors import RootTradingError
from shared.src.exchange.calls import Params, Urgency
from shared.src.exchange.verdict import Refusal, error_of, half_that_failed
from simulator.api.calls import Call, perform
from simulator.api.params import Params as RestParams
from simulator.api.rest.account import ACCOUNT_ENDPOINTS
from simulator.api.rest.trade import TRADE_ENDPOINTS
from simulator.api.state import TwinState
from simulator.engine.errors import ApiError
from simulator.engine.exchange import Engine

_ENDPOINTS = {
    (endpoint.method, endpoint.path.removeprefix("/api/v3/")): endpoint
    for endpoint in (*TRADE_ENDPOINTS, *ACCOUNT_ENDPOINTS)
}

Guard = Callable[[Callable[[], Any]], Awaitable[Any]]


class InProcessCalls:
    """Implements ``shared.src.exchange.calls.SignedCalls``.

    ``guard`` runs an action on the engine: alone, and written down before it is answered.
    """

    def __init__(self, clock: Clock, exchange: Engine, account: str, guard: Guard) -> None:
        self._state = TwinState(exchange, _TwinClock(clock))
        self._account = account
        self._guard = guard

    async def ask(self, path: str, params: Params, *, weight: int, urgency: Urgency) -> Any:
        """Answered at once: in this process nothing weighs."""
        return await self._call("GET", path, params)

    async def change(self, method: str, path: str, params: Params) -> Any:
        return await self._call(method.upper(), path, params)

    async def _call(self, method: str, path: str, params: Params) -> Any:
        endpoint = _ENDPOINTS[method, path]
        state = self._state

        def action() -> Any:
            given = RestParams(params)
            endpoint.check_params(given)
            account = state.exchange.account(self._account)
            return perform(Call(state, endpoint, given, state.clock.now_ms(), signer=account))

        try:
            return await self._guard(action)
        except ApiError as error:
            raise refusal(error) from error


def refusal(error: ApiError) -> RootTradingError:
    """What the transport over HTTP makes of the same refusal."""
    retry_after = error.headers.get("Retry-After", "")
    code, message = half_that_failed(error.body())
    return error_of(Refusal(error.http_status, code, message, retry_after))


class _TwinClock:
    """The platform's clock as the twin's endpoints want it."""

    mode = "real"
    speed = 1.0

    def __init__(self, clock: Clock) -> None:
        self.start_ms = clock.now_ms()
        self.now_ms = self.wall_ms = clock.now_ms
