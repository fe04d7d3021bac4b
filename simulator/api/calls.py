"""Calls of the API, apart from how they arrive: what an endpoint needs, costs and does.

REST and the WebSocket API share this table: ``Endpoint.ws`` is the method's name there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any

from simulator.api.auth import ApiKey
from simulator.api.limits import Meter
from simulator.api.params import DECIMAL_RANGE, Params, illegal, missing
from simulator.api.state import TwinMarketData, TwinState
from simulator.engine.accounts import Account
from simulator.engine.errors import ApiError

RECV_WINDOW_DEFAULT = Decimal(5000)
RECV_WINDOW_MAX = Decimal(60000)
AHEAD_MS = 1000
EPOCH_2017_MS = 1_483_228_800_000
SIGNED_PARAMS = ("recvWindow", "timestamp", "signature", "apiKey")

Json = Any


class Security(StrEnum):
    NONE = "NONE"
    USER_DATA = "USER_DATA"
    TRADE = "TRADE"


@dataclass
class Call:
    """One request on its way: who asks what, when."""

    state: TwinState
    endpoint: Endpoint
    params: Params
    now_ms: int
    # The account of a signed call.
    signer: Account | None = None
    signing_key: ApiKey | None = None
    by_websocket: bool = False

    @property
    def account(self) -> Account:
        assert self.signer is not None, "only signed endpoints have an account"
        return self.signer

    @property
    def key(self) -> ApiKey:
        assert self.signing_key is not None, "only signed endpoints have a key"
        return self.signing_key

    @property
    def market(self) -> TwinMarketData:
        assert self.state.market is not None, "only a twin has candles and tickers"
        return self.state.market

    @property
    def symbol(self) -> str:
        """The mandatory symbol; -1121 when there is none such."""
        name = self.params.symbol()
        self.state.exchange.market(name)
        return name


@dataclass(frozen=True)
class Endpoint:
    """A row of the API. ``weight`` may depend on the parameters; ``orders`` is what it adds to the unfilled order
    count; ``free`` calls weigh nothing when they succeed; ``sapi`` says whose budget a SAPI row is charged to."""

    method: str
    path: str
    handler: Callable[[Call], Json]
    params: tuple[str, ...] = ()
    weight: int | Callable[[Params], int] = 1
    ws: str = ""
    security: Security = Security.NONE
    orders: int = 0
    free: bool = False
    sapi: Meter | None = None
    # What the call weighs for a symbol that does not exist, where that differs.
    weight_without_symbol: int | None = None
    # False: the handler checks the order limits itself (cancelReplace may cancel although it is over them).
    checks_orders: bool = True

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def weighs(self, params: Params, state: TwinState) -> int:
        if self.weight_without_symbol is not None and params.get("symbol") not in state.exchange.markets:
            return self.weight_without_symbol
        return self.weight if isinstance(self.weight, int) else self.weight(params)

    def check_params(self, params: Params) -> None:
        """Raises ApiError -1101 or -1104 for parameters the endpoint does not know."""
        allowed = self.params if self.security is Security.NONE else (*self.params, *SIGNED_PARAMS)
        params.expect_only(allowed)


def check_permission(endpoint: Endpoint, key: ApiKey) -> None:
    """Raises ApiError -2015 when the key may not do this."""
    allowed = key.can_trade if endpoint.security is Security.TRADE else key.can_read
    if not allowed:
        raise ApiError(-2015, "Invalid API-key, IP, or permissions for action.", http_status=401)


def check_timing(state: TwinState, params: Params, *, again: bool = False) -> None:
    """Refuse a signed request whose timestamp does not fit (timing security of the REST docs).

    A twin whose time is not the wall's also takes a timestamp that fits by the wall clock, which is what a client that
    never asked for the server's time sends; an accelerated one any moment the market has lived as well: clients measure
    their clock's offset once, and market time has run away since.

    Raises:
        ApiError: -1102, -1100, -1131 or -1021.
    """
    window = recv_window(params)
    raw = params.integer("timestamp")
    if raw is None:
        raise missing("timestamp")
    stamp = Decimal(raw) / 1000 if raw >= 10**14 else Decimal(raw)
    clock = state.clock
    try:
        _check_stamp(stamp, clock.now_ms(), window, again=again)
    except ApiError:
        if not _fits_otherwise(state, stamp, window, again=again):
            raise


def _fits_otherwise(state: TwinState, stamp: Decimal, window: Decimal, *, again: bool) -> bool:
    clock = state.clock
    if clock.mode == "real":
        return False
    # recvWindow is meant in wall milliseconds: at 60 times the pace, 5 s of market are 83 ms of wall
    ahead = window * max(1, round(clock.speed))
    if clock.mode == "accelerated" and clock.start_ms <= stamp <= clock.now_ms() + ahead:
        return True
    try:
        _check_stamp(stamp, clock.wall_ms(), window, again=again)
    except ApiError:
        return False
    return True


def _check_stamp(stamp: Decimal, server_ms: int, window: Decimal, *, again: bool) -> None:
    if stamp >= server_ms + AHEAD_MS and not again:
        raise ApiError(-1021, "Timestamp for this request was 1000ms ahead of the server's time.")
    if server_ms - stamp > window or stamp < EPOCH_2017_MS:
        raise ApiError(-1021, "Timestamp for this request is outside of the recvWindow.")


def recv_window(params: Params) -> Decimal:
    """``recvWindow`` in ms, up to three decimals; 5000 when it was not sent."""
    value = params.decimal("recvWindow")
    if value is None:
        return RECV_WINDOW_DEFAULT
    if value > RECV_WINDOW_MAX:
        raise ApiError(-1131, "recvWindow must be less than 60000.")
    if -int(value.as_tuple().exponent) > 3:
        raise illegal("recvWindow", DECIMAL_RANGE)
    return value


def perform(call: Call) -> Json:
    """Do the work: check the order limits, run the handler, count the orders, publish what happened.

    Raises:
        ApiError: the call is refused.
    """
    state, endpoint = call.state, call.endpoint
    limits, now = state.limits, state.limits_ms()
    if endpoint.orders:
        settle_order_counts(state, call.account)
        if endpoint.checks_orders:
            limits.check_orders(call.account.name, endpoint.orders, now)
    try:
        answer = endpoint.handler(call)
    except ApiError as error:
        # A cancel-replace counts its new order even when it was not attempted.
        if endpoint.orders and error.error_code in {-2021, -2022}:
            limits.count_orders(call.account.name, endpoint.orders, now)
        raise
    finally:
        if endpoint.security is Security.TRADE:
            state.flush()
    if endpoint.orders:
        limits.count_orders(call.account.name, endpoint.orders, now)
        settle_order_counts(state, call.account)
    return answer


def settle_order_counts(state: TwinState, account: Account) -> None:
    """Orders that filled for the first time no longer count as unfilled."""
    if account.first_fills:
        state.limits.count_orders(account.name, -account.first_fills, state.limits_ms())
        account.first_fills = 0


TIME_FIELDS = frozenset(
    {
        "serverTime",
        "authorizedSince",
        "connectedSince",
        "time",
        "updateTime",
        "transactTime",
        "transactionTime",
        "workingTime",
        "trailingTime",
        "openTime",
        "closeTime",
        "timestamp",
        "T",
        "E",
    }
)


def in_microseconds(answer: Json) -> Json:
    """The same answer with its times in microseconds (header X-MBX-TIME-UNIT, or timeUnit=)."""
    if isinstance(answer, dict):
        return {
            key: value * 1000 if key in TIME_FIELDS and isinstance(value, int) and value > 0 else in_microseconds(value)
            for key, value in answer.items()
        }
    if isinstance(answer, list):
        if len(answer) == 12 and isinstance(answer[0], int) and isinstance(answer[6], int):
            return [answer[0] * 1000, *answer[1:6], answer[6] * 1000 + 999, *answer[7:]]
        return [in_microseconds(item) for item in answer]
    return answer
