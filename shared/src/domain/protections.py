"""The user's choice of protections: rules that stop entries for a while after trades went badly.

They have the names, the settings and the meaning that freqtrade gave them, times in minutes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

MINUTES_MAX: Final = 60 * 24 * 365
COMMON: Final = frozenset({"method", "lookback_period", "stop_duration"})


@dataclass(frozen=True, slots=True)
class CooldownPeriod:
    """A symbol rests for ``stop`` after each of its trades."""

    stop: timedelta
    lookback: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class StoplossGuard:
    """After ``trades`` stops with less than ``profit`` (a ratio) within ``lookback`` nothing is bought for ``stop``.

    ``per_symbol``: counted and stopped symbol by symbol only; otherwise over all symbols as well.
    """

    lookback: timedelta
    stop: timedelta
    trades: int = 10
    profit: Decimal = Decimal(0)
    per_symbol: bool = False


@dataclass(frozen=True, slots=True)
class MaxDrawdown:
    """When the profit ratios of at least ``trades`` trades within ``lookback``, added up, fell by more than
    ``allowed`` from their highest, nothing is bought for ``stop``.
    """

    lookback: timedelta
    stop: timedelta
    trades: int = 1
    allowed: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class LowProfitPairs:
    """A symbol rests for ``stop`` when ``trades`` or more of its trades within ``lookback`` bring less than ``profit``.

    ``profit`` is a ratio, the sum of the trades' own.
    """

    lookback: timedelta
    stop: timedelta
    trades: int = 1
    profit: Decimal = Decimal(0)


ProtectionRule = CooldownPeriod | StoplossGuard | MaxDrawdown | LowProfitPairs

OPTIONS: Final[Mapping[str, frozenset[str]]] = {
    "CooldownPeriod": frozenset({"method", "stop_duration"}),
    "StoplossGuard": COMMON | {"trade_limit", "required_profit", "only_per_pair"},
    "MaxDrawdown": COMMON | {"trade_limit", "max_allowed_drawdown"},
    "LowProfitPairs": COMMON | {"trade_limit", "required_profit"},
}


def parse_protections(text: str) -> tuple[ProtectionRule, ...]:
    """Protections from a JSON list such as freqtrade's; empty text: none.

    Raises:
        ValueError: it is not understood; the text says which rule and what of it.
    """
    if not text.strip():
        return ()
    try:
        listed = json.loads(text, parse_float=Decimal)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(listed, list) or not all(isinstance(entry, dict) for entry in listed):
        raise ValueError('a list of objects is needed, such as [{"method": "CooldownPeriod", "stop_duration": 5}]')
    return tuple(_rule(entry) for entry in listed)


def _rule(entry: dict[str, Any]) -> ProtectionRule:
    method = str(entry.get("method"))
    if method not in OPTIONS:
        raise ValueError(f"method {method!r} is not one of {', '.join(OPTIONS)}")
    unknown = sorted(set(entry) - OPTIONS[method])
    if unknown:
        raise ValueError(f"{method} has no {', '.join(unknown)} (times are lookback_period and stop_duration, minutes)")
    stop = _minutes(entry, "stop_duration", method)
    if method == "CooldownPeriod":
        return CooldownPeriod(stop)
    lookback = _minutes(entry, "lookback_period", method)
    match method:
        case "StoplossGuard":
            alone = entry.get("only_per_pair", False)
            if not isinstance(alone, bool):
                raise ValueError(f"{method}: only_per_pair is true or false, not {alone!r}")
            profit = _ratio(entry, "required_profit", method)
            return StoplossGuard(lookback, stop, _count(entry, method, default=10), profit, alone)
        case "MaxDrawdown":
            allowed = _ratio(entry, "max_allowed_drawdown", method)
            return MaxDrawdown(lookback, stop, _count(entry, method, default=1), allowed)
        case _:
            profit = _ratio(entry, "required_profit", method)
            return LowProfitPairs(lookback, stop, _count(entry, method, default=1), profit)


def _minutes(entry: Mapping[str, Any], name: str, method: str) -> timedelta:
    value = entry.get(name)
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value <= MINUTES_MAX:
        raise ValueError(f"{method}: {name} is a number of minutes over 0, not {value!r}")
    return timedelta(minutes=float(value))


def _count(entry: Mapping[str, Any], method: str, *, default: int) -> int:
    value = entry.get("trade_limit", default)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{method}: trade_limit is a whole number from 1, not {value!r}")
    return value


def _ratio(entry: Mapping[str, Any], name: str, method: str) -> Decimal:
    value = entry.get(name, Decimal(0))
    if isinstance(value, bool) or not isinstance(value, int | Decimal) or not -1 <= value <= 10:
        raise ValueError(f"{method}: {name} is a ratio such as 0.05, not {value!r}")
    return Decimal(value)
