"""Consensus of one moment: judged in their order, each on the account that those before it leave, then funded.

Funds are asked for all entries at once. What was judged behind an entry that got none counted on it, so it is judged
again on the account without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Generic, TypeVar

from core.risk.account import AccountView, PendingEntry
from core.risk.entry_decisions import DecisionRules, SignalLike, SignalVerdict, intent_id_of, judge_signal
from core.risk.sizing import Sized, SizingRules, shrink
from core.risk.verdicts import Approved, Refused
from shared.src.exchange.rules import SymbolRules

S = TypeVar("S", bound=SignalLike)


@dataclass(frozen=True, slots=True)
class Granted:
    """Units of valuation set aside for an intent."""

    amount: Decimal


@dataclass(frozen=True, slots=True)
class Denied:
    """There are no funds for it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Postponed:
    """Funds cannot be asked for now."""

    reason: str


Answer = Granted | Denied | Postponed


@dataclass(frozen=True, slots=True)
class Judged(Generic[S]):
    """A verdict on a consensus, with the account before and after it."""

    signal: S
    symbol: SymbolRules | None
    verdict: SignalVerdict
    before: AccountView
    after: AccountView


@dataclass(frozen=True, slots=True)
class FundingOutcome(Generic[S]):
    """What was decided, the account after it, and what is to be judged again on that account (``behind``)."""

    decided: tuple[tuple[S, SignalVerdict], ...]
    view: AccountView
    behind: tuple[S, ...] = ()
    postponed: str = ""


def judge_in_order(
    signals: Iterable[S], view: AccountView, symbol_of: Callable[[str], SymbolRules | None], rules: DecisionRules
) -> list[Judged[S]]:
    """Judge consensus of one moment. ``symbol_of``: the exchange's rules, None for a symbol that is not traded."""
    judged: list[Judged[S]] = []
    for signal in signals:
        symbol = symbol_of(signal.symbol)
        verdict = _verdict(signal, view, symbol, rules)
        after = view
        if symbol is not None and isinstance(verdict, Approved):
            entry = PendingEntry(intent_id_of(signal), signal.symbol, symbol.base, verdict.cost, signal.strategy)
            after = view.with_entry(entry, verdict.pocket)
        judged.append(Judged(signal, symbol, verdict, view, after))
        view = after
    return judged


def _verdict(signal: SignalLike, view: AccountView, symbol: SymbolRules | None, rules: DecisionRules) -> SignalVerdict:
    if symbol is None:
        return Refused(f"{signal.symbol} is not among TRADING_SYMBOLS or those chosen since")
    return judge_signal(signal, view, symbol, rules)


def with_answers(
    judged: Sequence[Judged[S]], answers: Iterable[Answer], view: AccountView, rules: SizingRules
) -> FundingOutcome[S]:
    """What becomes of verdicts that were given on ``view`` when the approved entries hear about their funds.

    ``answers`` belong to the approved entries, in their order, and end with the first one that is no grant.
    """
    waiting = iter(answers)
    decided: list[tuple[S, SignalVerdict]] = []
    for count, item in enumerate(judged, start=1):
        verdict = item.verdict
        if isinstance(verdict, Approved):
            answer = next(waiting)
            if isinstance(answer, Postponed):
                return FundingOutcome(tuple(decided), item.before, _signals(judged[count:]), answer.reason)
            verdict = _funded(item, verdict, answer, rules)
        decided.append((item.signal, verdict))
        if isinstance(item.verdict, Approved) and isinstance(verdict, Refused):
            return FundingOutcome(tuple(decided), item.before, _signals(judged[count:]))
    return FundingOutcome(tuple(decided), judged[-1].after if judged else view)


def _signals(judged: Iterable[Judged[S]]) -> tuple[S, ...]:
    return tuple(item.signal for item in judged)


def _funded(item: Judged[S], entry: Approved, answer: Granted | Denied, rules: SizingRules) -> Approved | Refused:
    """The entry with what was set aside for it: an earlier, smaller reservation of the same intent shrinks it."""
    if isinstance(answer, Denied):
        return Refused(answer.reason)
    assert item.symbol is not None, "an entry is approved by the rules of its symbol"
    worth = item.signal.price * item.before.rates[item.symbol.quote]
    sized = shrink(Sized(entry.quantity, entry.cost), answer.amount, worth=worth, symbol=item.symbol, rules=rules)
    if sized.quantity <= 0:
        return Refused("what an earlier request reserved is too small now")
    return replace(entry, quantity=sized.quantity, cost=sized.reserve)
