"""Faults by name: what a bad day at the exchange looks like, seeded so that it can be had again.

A rule hits a request or a message when its match fits and its dice say so: ``probability`` for each chance, or the next
``count`` chances. Faults of the market (halt, gap, filters, liquidity) act when they are set and end when they are
removed.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import isfinite
from random import Random
from typing import Any, Literal

from simulator.api.state import Fault

Scope = Literal["request", "stream", "market", "connection"]
StreamKind = Literal["drop", "duplicate", "reorder", "delay", "disconnect"]

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
class Kind:
    """One entry of the catalogue. ``make`` turns the rule's params into what the request door does."""

    name: str
    scope: Scope
    help: str
    endpoints: tuple[str, ...] = ANYTHING
    params: Mapping[str, Any] = field(default_factory=dict)
    effect: str = ""


def _kind(
    name: str, scope: Scope, effect: str, text: str, endpoints: tuple[str, ...] = ANYTHING, **params: Any
) -> Kind:
    return Kind(name, scope, text, endpoints, params, effect)


CATALOGUE: dict[str, Kind] = {
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


@dataclass(frozen=True, slots=True)
class StreamFault:
    """What happens to one message."""

    kind: StreamKind
    delay_s: float = 0.0


@dataclass(slots=True)
class Rule:
    """A fault that was set. ``remaining`` None means: by probability."""

    rule_id: int
    kind: Kind
    probability: float
    remaining: int | None
    match: Mapping[str, str]
    seed: int
    params: Mapping[str, Any]
    random: Random
    hits: int = 0
    undo: Callable[[], None] | None = None

    def view(self) -> dict[str, Any]:
        """The rule as GET /faults shows it."""
        return {
            "id": self.rule_id,
            "fault": self.kind.name,
            "probability": self.probability if self.remaining is None else None,
            "count": self.remaining,
            "hits": self.hits,
            "match": dict(self.match),
            "seed": self.seed,
            "params": dict(self.params),
        }

    def fits(self, endpoint: str, symbol: str | None, account: str | None) -> bool:
        """True if the rule's match allows this request or message."""
        wanted = self.match.get("symbol")
        if wanted is not None and wanted != symbol:
            return False
        owner = self.match.get("account")
        if owner is not None and owner != account:
            return False
        pattern = self.match.get("endpoint")
        if pattern is None:
            return any(fnmatchcase(endpoint, allowed) for allowed in self.kind.endpoints)
        return fnmatchcase(endpoint, pattern) or fnmatchcase(endpoint.partition(" ")[2], pattern)

    def strikes(self) -> bool:
        """Throw the dice; counts a hit."""
        if self.remaining is not None:
            if self.remaining <= 0:
                return False
            self.remaining -= 1
        elif self.random.random() >= self.probability:
            return False
        self.hits += 1
        return True


Apply = Callable[[Rule], Callable[[], None] | None]


def _nothing(rule: Rule) -> None:
    return None


def _check_params(kind: Kind, params: Mapping[str, Any]) -> None:
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


class Faults:
    """The rules in force. ``act`` carries out market and connection faults and returns what undoes them."""

    def __init__(self, seed: int = 0) -> None:
        self._seed = seed
        self._rules: dict[int, Rule] = {}
        self._next_id = 1
        self.act: Apply = _nothing
        self.touches_streams = False

    def add(self, body: Mapping[str, Any]) -> Rule:
        """Set a fault from the control door's body. Raises ValueError for what makes no sense."""
        name = str(body.get("fault", ""))
        kind = CATALOGUE.get(name)
        if kind is None:
            raise ValueError(f"no fault {name!r}; there are {', '.join(CATALOGUE)}")
        count, probability = body.get("count"), body.get("probability")
        if count is not None and probability is not None:
            raise ValueError("give a probability or a count, not both")
        if probability is not None and not 0 <= float(probability) <= 1:
            raise ValueError("probability lies between 0 and 1")
        if count is not None and int(count) < 1:
            raise ValueError("count is at least 1")
        unknown = set(body.get("match") or {}) - {"endpoint", "symbol", "account"}
        if unknown:
            raise ValueError(f"match knows endpoint, symbol and account, not {', '.join(sorted(unknown))}")
        _check_params(kind, body.get("params") or {})
        seed = int(body.get("seed") or self._seed + self._next_id)
        rule = Rule(
            self._next_id,
            kind,
            1.0 if probability is None else float(probability),
            None if count is None else int(count),
            {key: str(value) for key, value in (body.get("match") or {}).items() if value},
            seed,
            {**kind.params, **(body.get("params") or {})},
            Random(seed),
        )
        rule.undo = self.act(rule)
        self._next_id += 1
        if kind.scope != "connection" or rule.remaining:
            self._rules[rule.rule_id] = rule
        self._note()
        return rule

    def remove(self, *, rule_id: int | None = None, name: str | None = None) -> int:
        """Lift one fault by id, all of a name, or all; returns how many."""
        gone = [
            rule
            for rule in self._rules.values()
            if (rule_id is None or rule.rule_id == rule_id) and (name is None or rule.kind.name == name)
        ]
        for rule in gone:
            del self._rules[rule.rule_id]
            if rule.undo is not None:
                rule.undo()
        self._note()
        return len(gone)

    def forget(self) -> None:
        """Drop every rule without undoing anything: what they acted on is gone."""
        self._rules.clear()
        self._note()

    def view(self) -> list[dict[str, Any]]:
        return [rule.view() for rule in self._rules.values()]

    async def request(self, endpoint: str, symbol: str | None, account: str | None) -> Fault | None:
        """The hook of the request doors."""
        for rule in list(self._rules.values()):
            if rule.kind.scope == "request" and rule.fits(endpoint, symbol, account) and rule.strikes():
                self._spend(rule)
                return Fault(rule.kind.effect, rule.params)
        return None

    def stream(self, name: str, symbol: str | None, account: str | None) -> StreamFault | None:
        """What happens to a message of the stream ``name`` ("user" for user data)."""
        for rule in list(self._rules.values()):
            in_scope = rule.kind.scope in ("stream", "connection")
            if in_scope and rule.fits(name, symbol, account) and rule.strikes():
                self._spend(rule)
                delay_s = float(rule.params.get("ms", 0)) / 1000
                return StreamFault(rule.kind.effect, delay_s)  # type: ignore[arg-type]
        return None

    def _spend(self, rule: Rule) -> None:
        if rule.remaining == 0:
            self._rules.pop(rule.rule_id, None)
            self._note()

    def _note(self) -> None:
        self.touches_streams = any(rule.kind.scope in ("stream", "connection") for rule in self._rules.values())


def catalogue_help() -> str:
    """The catalogue as text for --help and the control door."""
    return "\n".join(f"{kind.name}: {kind.help}" for kind in CATALOGUE.values())
