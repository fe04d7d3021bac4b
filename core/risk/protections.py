"""Whether trades that ended badly stop an entry, by the rules that the user chose.

A rule is asked at the end of every trade, over the trades that ended within its lookback until then; what it stops then
stays stopped for its duration, counted from that end. So the answer follows from the ended trades alone, and a restart
changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Final, assert_never

from shared.src.domain.money import ZERO
from shared.src.domain.protections import CooldownPeriod, LowProfitPairs, MaxDrawdown, ProtectionRule, StoplossGuard

STOPS: Final = frozenset({"stop_loss", "stop_gap"})  # exit reasons of positions that were sold by their stop


@dataclass(frozen=True, slots=True)
class EndedTrade:
    """A position that is closed; ``profit``: its result after fees as a ratio of what it cost."""

    symbol: str
    ended_at: datetime
    profit: Decimal
    exit_reason: str


def history_needed(rules: Iterable[ProtectionRule]) -> timedelta:
    """How far back ended trades matter."""
    return max((rule.lookback + rule.stop for rule in rules), default=timedelta(0))


def protection_refusal(
    rules: Iterable[ProtectionRule], trades: Sequence[EndedTrade], symbol: str, now: datetime
) -> str:
    """The first rule that stops entries in ``symbol`` now, in words; empty when none does."""
    return next((reason for rule in rules if (reason := _stopped(rule, trades, symbol, now))), "")


def _stopped(rule: ProtectionRule, trades: Sequence[EndedTrade], symbol: str, now: datetime) -> str:
    by_end = sorted(trades, key=lambda trade: trade.ended_at, reverse=True)
    recent = [trade for trade in by_end if trade.ended_at <= now]
    for last in recent:
        until = last.ended_at + rule.stop
        if until <= now:
            break
        window = [trade for trade in recent if last.ended_at - rule.lookback <= trade.ended_at <= last.ended_at]
        window.reverse()
        reason = _reason(rule, window, last, symbol)
        if reason:
            return f"{type(rule).__name__}: {reason}, no entry until {until.isoformat()}"
    return ""


def _reason(rule: ProtectionRule, window: Sequence[EndedTrade], last: EndedTrade, symbol: str) -> str:
    """Why the rule stops entries in ``symbol`` when ``last`` ended; ``window`` is in the order of time."""
    own = [trade for trade in window if trade.symbol == symbol]
    match rule:
        case CooldownPeriod():
            return f"a trade in {symbol} has just ended" if last.symbol == symbol else ""
        case StoplossGuard():
            return _too_many_stops(rule, own, symbol) or ("" if rule.per_symbol else _too_many_stops(rule, window, ""))
        case MaxDrawdown():
            fell = _drawdown([trade.profit for trade in window])
            if len(window) < rule.trades or fell <= rule.allowed:
                return ""
            return f"the trades of {_minutes(rule.lookback)} fell by {fell:.4f}, allowed are {rule.allowed}"
        case LowProfitPairs():
            brought = sum((trade.profit for trade in own), ZERO)
            if last.symbol != symbol or len(own) < rule.trades or brought >= rule.profit:
                return ""
            return f"{len(own)} trades in {symbol} within {_minutes(rule.lookback)} brought {brought:.4f}"
        case _:
            assert_never(rule)


def _too_many_stops(rule: StoplossGuard, trades: Iterable[EndedTrade], symbol: str) -> str:
    stops = [trade for trade in trades if trade.exit_reason in STOPS and trade.profit < rule.profit]
    if len(stops) < rule.trades:
        return ""
    where = f" in {symbol}" if symbol else ""
    return f"{len(stops)} stops{where} within {_minutes(rule.lookback)}"


def _drawdown(profits: Sequence[Decimal]) -> Decimal:
    """The deepest fall of the running sum from its highest so far, which is never under zero."""
    highest = deepest = ZERO
    for total in accumulate(profits):
        highest = max(highest, total)
        deepest = max(deepest, highest - total)
    return deepest


def _minutes(span: timedelta) -> str:
    return f"{span.total_seconds() / 60:g} min"
