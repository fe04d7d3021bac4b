"""What becomes of a consensus: an entry sized within every limit, the exit of what is open, or a refusal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from core.risk.account import AccountView
from core.risk.exit_levels import ExitRules, ExitSettings, settle_order
from core.risk.limits import Candidate, LimitSettings, RiskLimits, age_refusal, refusal_of, rooms
from core.risk.sizing import Sized, SizingRules, SizingSettings, size_entry
from core.risk.verdicts import Approved, Refused
from shared.src.domain.candles import Timeframe
from shared.src.domain.ids import derived_id
from shared.src.domain.money import ONE, ZERO
from shared.src.domain.orders import IntentKind, Side
from shared.src.domain.signals import StrengthLevel
from shared.src.exchange.rules import SymbolRules

STRENGTH_MIN: Final = 0.3
# Strong signals may use the buffer when the active pocket is used up; safety is never traded.
BUFFER_FROM: Final = frozenset({StrengthLevel.STRONG, StrengthLevel.VERY_STRONG})


class SignalLike(Protocol):
    """What is read of a consensus (``shared.src.contracts.signals.ConsensusSignal`` has it)."""

    @property
    def message_id(self) -> str: ...
    @property
    def symbol(self) -> str: ...
    @property
    def side(self) -> Side: ...
    @property
    def strategy(self) -> str: ...
    @property
    def strength(self) -> float: ...
    @property
    def level(self) -> StrengthLevel: ...
    @property
    def price(self) -> Decimal: ...
    @property
    def stop_loss(self) -> Decimal | None: ...
    @property
    def take_profit(self) -> Decimal | None: ...
    @property
    def timeframe(self) -> Timeframe: ...
    @property
    def close_time(self) -> int: ...


class DecisionSettings(LimitSettings, SizingSettings, ExitSettings, Protocol):
    """The settings that decisions follow."""


@dataclass(frozen=True, slots=True)
class DecisionRules:
    """Everything a consensus is judged by."""

    limits: RiskLimits
    sizing: SizingRules
    exits: ExitRules

    @classmethod
    def of(cls, settings: DecisionSettings) -> DecisionRules:
        return cls(RiskLimits.of(settings), SizingRules.of(settings), ExitRules.of(settings))


@dataclass(frozen=True, slots=True)
class ApprovedExit:
    """Close what is open in the symbol."""

    cycles: tuple[str, ...]


SignalVerdict = Approved | ApprovedExit | Refused


def kind_of(signal: SignalLike) -> IntentKind:
    return IntentKind.ENTRY if signal.side is Side.BUY else IntentKind.EXIT


def intent_id_of(signal: SignalLike) -> str:
    """The same consensus always leads to the same intent."""
    return derived_id("int", signal.message_id, signal.symbol, signal.side.value, kind_of(signal).value)


def judge_signal(signal: SignalLike, view: AccountView, symbol: SymbolRules, rules: DecisionRules) -> SignalVerdict:
    """The verdict on a consensus: BUY opens a position, SELL closes what is open."""
    if signal.side is Side.SELL:
        return _judge_exit(signal, view, rules.limits)
    candidate = Candidate(intent_id_of(signal), signal.strategy, symbol, signal.close_time)
    reason = refusal_of(candidate, view, rules.limits) or _decision_refusal(signal, view)
    return Refused(reason) if reason else _sized(signal, candidate, view, rules)


def _judge_exit(signal: SignalLike, view: AccountView, limits: RiskLimits) -> ApprovedExit | Refused:
    found = [cycle for cycle in view.cycles if cycle.symbol == signal.symbol]
    mine = [cycle for cycle in found if not cycle.is_owners]
    if not mine:
        symbol = signal.symbol
        reason = f"what is open in {symbol} belongs to its owner" if found else f"no open position in {symbol}"
        return Refused(reason)
    cycles = tuple(cycle.cycle_id for cycle in mine if cycle.created_ms <= signal.close_time)
    if not cycles:
        return Refused(f"the position in {signal.symbol} was opened after the bar the signal speaks about")
    # An exit may be as old as its bar is long: being out of date costs less than staying in.
    age_s_max = max(limits.signal_max_age_s, signal.timeframe.milliseconds // 1000)
    reason = age_refusal(signal.close_time, view.now_ms, age_s_max)
    return Refused(reason) if reason else ApprovedExit(cycles)


def _decision_refusal(signal: SignalLike, view: AccountView) -> str:
    """Why the decision itself is not followed; asked only where it is made."""
    if signal.strength < STRENGTH_MIN:
        return f"strength {signal.strength:.2f} is under {STRENGTH_MIN}"
    if any(cycle.symbol == signal.symbol for cycle in view.cycles):
        return f"a position in {signal.symbol} is open"
    if any(entry.symbol == signal.symbol for entry in view.pending):
        return f"an entry in {signal.symbol} is under way"
    return ""


def _sized(signal: SignalLike, candidate: Candidate, view: AccountView, rules: DecisionRules) -> Approved | Refused:
    levels = settle_order(signal.price, signal.stop_loss, signal.take_profit, rules.exits)
    fees = view.fees.get(signal.symbol, rules.exits.fees)
    gain, cost = levels.take_profit / signal.price - ONE, fees.round_trip
    if gain <= cost:
        return Refused(f"the target is {100 * gain:.2f} % away; the fees of both orders take {cost:.2%}")
    allowed = rooms(candidate, view, rules.limits)
    refusals = []
    for pocket in ("active", "buffer") if signal.level in BUFFER_FROM else ("active",):
        sized = size_entry(
            price=signal.price,
            stop=levels.stop_loss,
            strength=signal.strength,
            capital=view.capital,
            rate=view.rates[candidate.rules.quote],
            allowed={**allowed, "the pocket": view.pockets.get(pocket, ZERO)},
            symbol=candidate.rules,
            rules=rules.sizing,
        )
        if isinstance(sized, Sized):
            return Approved(sized.quantity, sized.reserve, pocket, levels)
        refusals.append(f"{pocket}: {sized.reason}")
    return Refused("; ".join(refusals))
