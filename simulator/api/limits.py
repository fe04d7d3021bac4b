"""Rate limits: request weight and raw requests per IP, unfilled orders per account, bans for those who go on.

Intervals are aligned to the clock (minute start, ten-second blocks, 00:00 UTC). SAPI has budgets of its own: per
endpoint and minute, 12,000 per IP or 180,000 per account.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any, Literal

from simulator.engine.errors import ApiError

MINUTE_MS = 60_000
FIVE_MINUTES_MS = 300_000
TEN_SECONDS_MS = 10_000
DAY_MS = 86_400_000
# A client that keeps sending after this many 429 answers in one interval is banned.
STRIKES_BEFORE_BAN = 10
BAN_MS = 120_000
# The longest ban: three days
BAN_MAX_MS = 259_200_000
# A client whose WebSocket connections were cut off this often in five minutes is banned, too.
CUTS_BEFORE_BAN = 9
SAPI_LIMITS = {"IP": 12_000, "UID": 180_000}

Meter = Literal["IP", "UID"]


@dataclass(slots=True)
class RateWindow:
    """A counter of one aligned interval."""

    span_ms: int
    start: int = -1
    count: int = 0

    def at(self, now_ms: int) -> int:
        """The count in the interval that ``now_ms`` lies in."""
        start = now_ms - now_ms % self.span_ms
        if start != self.start:
            self.start, self.count = start, 0
        return self.count

    def add(self, now_ms: int, amount: int) -> int:
        self.at(now_ms)
        self.count = max(0, self.count + amount)
        return self.count

    def seconds_left(self, now_ms: int) -> int:
        return -(-(self.span_ms - now_ms % self.span_ms) // 1000)


@dataclass(slots=True)
class _Visitor:
    weight: RateWindow = field(default_factory=lambda: RateWindow(MINUTE_MS))
    raw: RateWindow = field(default_factory=lambda: RateWindow(FIVE_MINUTES_MS))
    strikes: RateWindow = field(default_factory=lambda: RateWindow(MINUTE_MS))
    cuts: RateWindow = field(default_factory=lambda: RateWindow(FIVE_MINUTES_MS))
    banned_until: int | None = None
    bans: int = 0


@dataclass(slots=True)
class _Trader:
    seconds: RateWindow = field(default_factory=lambda: RateWindow(TEN_SECONDS_MS))
    day: RateWindow = field(default_factory=lambda: RateWindow(DAY_MS))


@dataclass
class RateLimits:
    """The exchange's limits and who used how much of them."""

    weight_1m: int = 6000
    orders_10s: int = 100
    orders_1d: int = 200_000
    raw_5m: int = 300_000
    connections_5m: int = 300
    visitors: dict[str, _Visitor] = field(default_factory=dict)
    traders: dict[str, _Trader] = field(default_factory=dict)
    # Used SAPI weight by (meter, address or account, endpoint)
    sapi: dict[tuple[Meter, str, str], RateWindow] = field(default_factory=dict)

    def table(self, *, by_websocket: bool = False) -> list[dict[str, Any]]:
        """``rateLimits`` of exchangeInfo: REST counts requests beside their weight, the WebSocket API connections."""
        kind, limit = ("CONNECTIONS", self.connections_5m) if by_websocket else ("RAW_REQUESTS", self.raw_5m)
        return [
            _limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_1m),
            _limit("ORDERS", "SECOND", 10, self.orders_10s),
            _limit("ORDERS", "DAY", 1, self.orders_1d),
            _limit(kind, "MINUTE", 5, limit),
        ]

    def enter(self, ip: str, now_ms: int) -> None:
        """Count a raw request; refuse the banned and those who are over a limit.

        Raises:
            ApiError: -1003 with 418 (banned) or 429 (over the limit), with Retry-After.
        """
        visitor = self.visitors.setdefault(ip, _Visitor())
        self.check_ban(ip, now_ms)
        if visitor.raw.add(now_ms, 1) > self.raw_5m:
            self._strike(visitor, now_ms)
            raise _too_much("Too many requests queued.", visitor.raw.seconds_left(now_ms))

    def check_ban(self, ip: str, now_ms: int) -> None:
        """Raises ApiError -1003 with 418 for an address that is banned."""
        until = self.banned_until(ip, now_ms)
        if until is not None:
            raise _banned(until, now_ms)

    def banned_until(self, ip: str, now_ms: int) -> int | None:
        """When the ban of an address ends; None when it is not banned."""
        visitor = self.visitors.get(ip)
        if visitor is None or visitor.banned_until is None or now_ms >= visitor.banned_until:
            return None
        return visitor.banned_until

    def cut_off(self, ip: str, now_ms: int) -> None:
        """Count a WebSocket connection that was ended for breaking a limit; those who go on are banned."""
        visitor = self.visitors.setdefault(ip, _Visitor())
        if visitor.cuts.add(now_ms, 1) > CUTS_BEFORE_BAN:
            self._ban(visitor, now_ms)

    def charge_sapi(self, meter: Meter, who: str, endpoint: str, weight: int, now_ms: int) -> int:
        """Charge SAPI weight; returns what is used of the endpoint's minute.

        Raises:
            ApiError: -1003 with 429 when it is used up.
        """
        window = self.sapi.setdefault((meter, who, endpoint), RateWindow(MINUTE_MS))
        used = window.add(now_ms, weight)
        if used > SAPI_LIMITS[meter]:
            raise _too_much(_weight_message(SAPI_LIMITS[meter]), window.seconds_left(now_ms))
        return used

    def used_sapi(self, meter: Meter, who: str, endpoint: str, now_ms: int) -> int:
        window = self.sapi.get((meter, who, endpoint))
        return 0 if window is None else window.at(now_ms)

    def charge(self, ip: str, weight: int, now_ms: int) -> None:
        """Charge ``weight`` to the address.

        Raises:
            ApiError: -1003 with 429 when the minute's weight is used up, 418 for those who go on.
        """
        visitor = self.visitors.setdefault(ip, _Visitor())
        used = visitor.weight.add(now_ms, weight)
        if used > self.weight_1m:
            self._strike(visitor, now_ms)
            raise _too_much(_weight_message(self.weight_1m), visitor.weight.seconds_left(now_ms))

    def refund(self, ip: str, weight: int, now_ms: int) -> None:
        """Give back the weight of a trading call that succeeded (they weigh 0 since 2026-04-02)."""
        self.visitors.setdefault(ip, _Visitor()).weight.add(now_ms, -weight)

    def _strike(self, visitor: _Visitor, now_ms: int) -> None:
        if visitor.strikes.add(now_ms, 1) > STRIKES_BEFORE_BAN:
            raise _banned(self._ban(visitor, now_ms), now_ms)

    @staticmethod
    def _ban(visitor: _Visitor, now_ms: int) -> int:
        """Shut an address out, each time for twice as long; returns until when."""
        visitor.bans += 1
        visitor.banned_until = now_ms + min(BAN_MS * 2 ** min(visitor.bans - 1, 20), BAN_MAX_MS)
        return visitor.banned_until

    def used_weight(self, ip: str, now_ms: int) -> int:
        return self.visitors.setdefault(ip, _Visitor()).weight.at(now_ms)

    def order_counts(self, account: str, now_ms: int) -> tuple[int, int]:
        """Unfilled order counts of (this ten-second block, this day)."""
        trader = self.traders.setdefault(account, _Trader())
        return trader.seconds.at(now_ms), trader.day.at(now_ms)

    def check_orders(self, account: str, amount: int, now_ms: int) -> None:
        """Refuse when ``amount`` more orders would break a limit.

        Raises:
            ApiError: -1015 with 429 and Retry-After.
        """
        trader = self.traders.setdefault(account, _Trader())
        if trader.day.at(now_ms) + amount > self.orders_1d:
            raise _too_many_orders(self.orders_1d, "1 DAY", trader.day.seconds_left(now_ms))
        if trader.seconds.at(now_ms) + amount > self.orders_10s:
            raise _too_many_orders(self.orders_10s, "10 SECOND", trader.seconds.seconds_left(now_ms))

    def count_orders(self, account: str, amount: int, now_ms: int) -> None:
        """Add accepted orders, or take off (negative) those that filled for the first time; never below 0."""
        trader = self.traders.setdefault(account, _Trader())
        trader.seconds.add(now_ms, amount)
        trader.day.add(now_ms, amount)

    def ws_rate_limits(
        self, ip: str, account: str | None, now_ms: int, *, orders: bool = False
    ) -> list[dict[str, Any]]:
        """``rateLimits`` of a WebSocket API answer: the weight, and the order counts on order calls."""
        table = [{**_limit("REQUEST_WEIGHT", "MINUTE", 1, self.weight_1m), "count": self.used_weight(ip, now_ms)}]
        if orders and account is not None:
            seconds, day = self.order_counts(account, now_ms)
            table = [
                {**_limit("ORDERS", "SECOND", 10, self.orders_10s), "count": seconds},
                {**_limit("ORDERS", "DAY", 1, self.orders_1d), "count": day},
                *table,
            ]
        return table


def _limit(kind: str, interval: str, number: int, limit: int) -> dict[str, Any]:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": limit}


def _weight_message(limit: int) -> str:
    return (
        f"Too much request weight used; current limit is {limit} request weight per 1 MINUTE. "
        "Please use WebSocket Streams for live updates to avoid polling the API."
    )


def _too_much(message: str, retry_after: int) -> ApiError:
    return ApiError(-1003, message, http_status=429, headers={"Retry-After": str(retry_after)})


def _banned(until_ms: int, now_ms: int) -> ApiError:
    message = (
        f"Way too much request weight used; IP banned until {until_ms}. "
        "Please use WebSocket Streams for live updates to avoid bans."
    )
    wait = -(-(until_ms - now_ms) // 1000)
    return ApiError(-1003, message, http_status=418, headers={"Retry-After": str(wait)})


def limit_on_demand(kind: str, wait_s: float, now_ms: int) -> ApiError:
    """What a fault answers in the place of the limits: a 418 for ``ban``, else a 429, each for ``wait_s``."""
    wait = ceil(wait_s)
    return _banned(now_ms + wait * 1000, now_ms) if kind == "ban" else _too_much("Too many requests queued.", wait)


def _too_many_orders(limit: int, interval: str, retry_after: int) -> ApiError:
    message = f"Too many new orders; current limit is {limit} orders per {interval}."
    return ApiError(-1015, message, http_status=429, headers={"Retry-After": str(retry_after)})
