"""The catalogue of faults: what a bad day at the exchange looks like, by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, Literal

Scope = Literal["request", "stream", "market", "connection"]
ORDERS = (
    "POST /api/v3/order",
    "POST /api/v3/order/oco",
    "POST /api/v3/order/cancelReplace",
    "POST /api/v3/orderList/*",
    "POST /api/v3/sor/order",
    "order.place",
    "order.cancelReplace",
    "orderList.place*",
    "sor.order.place",
)

LISTS = ("POST /api/v3/order/oco", "POST /api/v3/orderList/*", "orderList.place*")
QUERIES = ("GET /api/v3/order", "order.status")
ANYTHING = ("*",)


@dataclass(frozen=True, slots=True)
class FaultKind:
    """One entry of the catalogue. ``effect`` is what happens to a request or message (``Fault.kind``, ``StreamKind``),
    ``params`` with their defaults."""

    name: str
    scope: Scope
    help: str
    endpoints: tuple[str, ...] = ANYTHING
    params: Mapping[str, Any] = field(default_factory=dict)
    effect: str = ""


def _kind(
    name: str, scope: Scope, effect: str, text: str, endpoints: tuple[str, ...] = ANYTHING, **params: Any
) -> FaultKind:
    return FaultKind(name, scope, text, endpoints, params, effect)


CATALOGUE: dict[str, FaultKind] = {
    kind.name: kind
    for kind in (
        _kind(
            "answer_lost",
            "request",
            "drop_answer",
            "the order is placed, the connection breaks before the answer",
            ORDERS,
        ),
        _kind("request_lost", "request", "drop_request", "the connection breaks before anything is done", ORDERS),
        _kind(
            "late_acceptance", "request", "delay", "the order reaches the matching engine `ms` late", ORDERS, ms=11_000
        ),
        _kind(
            "http_5xx_unknown",
            "request",
            "http_error",
            "HTTP `status` with an HTML body; the order is placed unless `before`",
            ORDERS,
            status=502,
            before=False,
        ),
        _kind(
            "timeout_1007",
            "request",
            "timeout",
            "-1007 with HTTP 504: outcome unknown; the order is placed unless `before`",
            ORDERS,
            before=False,
        ),
        _kind(
            "rate_limit_1003",
            "request",
            "rate_limit",
            "429 and -1003 with Retry-After `retry_after` seconds",
            retry_after=5,
        ),
        _kind("ban_418", "request", "ban", "418 and -1003 with Retry-After `retry_after` seconds", retry_after=120),
        _kind(
            "clock_skew_1021",
            "request",
            "error",
            "-1021: the timestamp is said to be outside of the recvWindow",
            ORDERS + QUERIES,
            code=-1021,
            msg="Timestamp for this request is outside of the recvWindow.",
        ),
        _kind(
            "order_not_found_after_create",
            "request",
            "error",
            "-2013 for an order that exists: the read side lags",
            QUERIES,
            code=-2013,
            msg="Order does not exist.",
        ),
        _kind(
            "reject_protection_leg",
            "request",
            "error",
            "-2010: an order list is refused by the matching engine",
            LISTS,
            code=-2010,
            msg="Order would trigger immediately.",
        ),
        _kind("malformed_answer", "request", "malformed", "the work is done, the answer is cut in the middle", ORDERS),
        _kind(
            "maintenance",
            "request",
            "http_error",
            "HTTP 503 for everything, nothing is done, streams are closed",
            status=503,
            before=True,
        ),
        _kind("stream_drop", "stream", "drop", "messages of streams are lost"),
        _kind("stream_duplicate", "stream", "duplicate", "messages of streams arrive twice"),
        _kind("stream_reorder", "stream", "reorder", "messages of streams arrive after the one that follows"),
        _kind("stream_delay", "stream", "delay", "messages of streams arrive `ms` late", ms=1_000),
        _kind("stream_stall", "stream", "drop", "connections stay open and nothing comes any more"),
        _kind(
            "disconnect",
            "connection",
            "disconnect",
            "connections are closed with `code`; `target`: streams, user or all",
            code=1001,
            target="all",
        ),
        _kind(
            "price_gap",
            "market",
            "price_gap",
            "the price jumps by `percent` at the next step and stays there",
            percent=-3.0,
        ),
        _kind(
            "symbol_halt",
            "market",
            "symbol_halt",
            "the symbol's status becomes `status`; TRADING again when removed",
            status="HALT",
        ),
        _kind(
            "filter_change",
            "market",
            "filter_change",
            "filters of the symbol become `filters` (Binance objects); the old ones return when removed",
            filters=[],
        ),
        _kind(
            "insufficient_liquidity",
            "market",
            "insufficient_liquidity",
            "outside offers shrink to `depth` of their size",
            depth=0.001,
        ),
    )
}


def check_params(kind: FaultKind, params: Mapping[str, Any]) -> None:
    """Raises ValueError for a parameter that the fault does not have, or that is not of its kind."""
    known = {**kind.params, **(_COMMON if kind.scope == "request" else {}), **kind.params}
    unknown = ", ".join(sorted(set(params) - set(known)))
    if unknown:
        raise ValueError(f"{kind.name} knows the params {', '.join(known) or '(none)'}, not {unknown}")
    for name, default in known.items():
        if name not in params:
            continue
        value = params[name]
        if isinstance(default, bool):
            fits = isinstance(value, bool)
        elif isinstance(default, int | float):
            fits = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
            fits = fits and (name not in _RANGES or _RANGES[name][0] <= value <= _RANGES[name][1])
        else:
            fits = isinstance(value, type(default))
        if not fits:
            raise ValueError(f"params.{name} of {kind.name} cannot be {value!r}")


# Params that any request fault takes, and what numbers they may be
_COMMON: dict[str, Any] = {"before": False, "after": False, "body": "", "status": 400}

_RANGES = {
    "ms": (0, 3_600_000),
    "retry_after": (0, 259_200),
    "status": (400, 599),
    "code": (-99_999, 4_999),
}


def catalogue_help() -> str:
    """The catalogue as text for --help and the control API."""
    return "\n".join(f"{kind.name}: {kind.help}" for kind in CATALOGUE.values())
