"""May this consensus become an order, and from which pocket? (signal, view) -> Approved | Refused with the reason.

Pure: everything it knows is in the view. It never approves more than one thing a limit allows, and it refuses in
words that name the limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from core.risk.sizing import HUNDRED, Levels, Sized, SizingRules, TooSmall, exit_levels, size_entry
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.money import ONE, ZERO, wire
from shared.src.domain.orders import Side
from shared.src.domain.signals import StrengthLevel

STRENGTH_MIN = 0.3
# Binance's ordinary taker fee (0.1 %), twice: an entry that would lose even when it is right is none
ROUND_TRIP_COST = Decimal("0.002")
# Strong signals may use the buffer when the active pocket is used up; safety is never traded.
BUFFER_FROM = frozenset({StrengthLevel.STRONG, StrengthLevel.VERY_STRONG})


@dataclass(frozen=True, slots=True)
class Approved:
    """An entry. ``reserve`` quote units of ``pocket`` for ``sized.quantity`` base units."""

    pocket: str
    sized: Sized
    levels: Levels


@dataclass(frozen=True, slots=True)
class ApprovedExit:
    """Close what is open in the symbol."""

    cycles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    reason: str


Verdict = Approved | ApprovedExit | Refused


@dataclass(frozen=True, slots=True)
class SymbolTerms:
    """What the exchange asks of an order in a symbol."""

    base: str
    notional_min: Decimal = Decimal(5)
    step: Decimal = ZERO
    trading: bool = True


@dataclass(frozen=True, slots=True)
class OpenCycle:
    cycle_id: str
    symbol: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class View:
    """What is open, what is free, what is forbidden, at one moment. Money in quote units."""

    now_ms: int
    capital: Decimal = ZERO
    pockets: Mapping[str, Decimal] = field(default_factory=dict)
    cycles: tuple[OpenCycle, ...] = ()
    pending: tuple[str, ...] = ()  # symbols of approved entries that have no cycle yet
    exposure: Mapping[str, Decimal] = field(default_factory=dict)
    profit_today: Decimal = ZERO
    pauses: Mapping[str, str] = field(default_factory=dict)

    def with_entry(self, symbol: str, base: str, approved: Approved) -> View:
        """The view after an entry was approved, without asking the database again."""
        reserve = approved.sized.reserve
        return replace(
            self,
            pockets={**self.pockets, approved.pocket: self.pockets.get(approved.pocket, ZERO) - reserve},
            pending=(*self.pending, symbol),
            exposure={**self.exposure, base: self.exposure.get(base, ZERO) + reserve},
        )


@dataclass(frozen=True, slots=True)
class Limits:
    """The settings that bound entries."""

    entries_enabled: bool
    signal_max_age_s: int
    max_concurrent_positions: int
    max_daily_loss: Decimal
    sizing: SizingRules


class PocketChecker:
    """Applies the limits to one signal at a time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def check(self, signal: ConsensusSignal, view: View, terms: SymbolTerms) -> Verdict:
        """The verdict on a consensus: BUY opens a position, SELL closes what is open."""
        if signal.side is Side.SELL:
            return self._check_exit(signal, view)
        reason = self._entry_forbidden(signal, view, terms)
        return Refused(reason) if reason else self._size(signal, view, terms)

    def _check_exit(self, signal: ConsensusSignal, view: View) -> ApprovedExit | Refused:
        mine = [cycle for cycle in view.cycles if cycle.symbol == signal.symbol]
        if not mine:
            return Refused(f"no open position in {signal.symbol}")
        cycles = tuple(cycle.cycle_id for cycle in mine if cycle.created_ms <= signal.close_time)
        if not cycles:
            return Refused(f"the position in {signal.symbol} was opened after the bar the signal speaks about")
        if reason := self._too_old(signal, view, self._age_s(signal)):
            return Refused(reason)
        return ApprovedExit(cycles)

    def _age_s(self, signal: ConsensusSignal) -> int:
        """An exit may be as old as its bar is long: being out of date costs less than staying in."""
        return max(self.limits.signal_max_age_s, signal.timeframe.milliseconds // 1000)

    def _too_old(self, signal: ConsensusSignal, view: View, age_s_max: int) -> str:
        age_s = (view.now_ms - signal.close_time) / 1000
        return f"decided on a bar that closed {age_s:.0f} s ago, over {age_s_max} s" if age_s > age_s_max else ""

    def _entry_forbidden(self, signal: ConsensusSignal, view: View, terms: SymbolTerms) -> str:
        """The first rule that forbids the entry, in words; empty when none does."""
        limits, symbol = self.limits, signal.symbol
        open_count = len({cycle.cycle_id for cycle in view.cycles}) + len(view.pending)
        rules = (
            (not limits.entries_enabled, "TRADING_ENABLED is off: nothing is opened"),
            ("all" in view.pauses, f"trading is paused: {view.pauses.get('all') or 'by hand'}"),
            (symbol in view.pauses, f"{symbol} is paused: {view.pauses.get(symbol) or 'by hand'}"),
            (
                signal.strategy in view.pauses,
                f"{signal.strategy} is paused: {view.pauses.get(signal.strategy) or 'by hand'}",
            ),
            (not terms.trading, f"{symbol} is not trading on the exchange"),
            (signal.strength < STRENGTH_MIN, f"strength {signal.strength:.2f} is under {STRENGTH_MIN}"),
            (any(cycle.symbol == symbol for cycle in view.cycles), f"a position in {symbol} is open"),
            (symbol in view.pending, f"an entry in {symbol} is under way"),
            (
                open_count >= limits.max_concurrent_positions,
                f"{open_count} positions are open, MAX_CONCURRENT_POSITIONS is {limits.max_concurrent_positions}",
            ),
            (
                view.profit_today <= -limits.max_daily_loss,
                f"today's loss of {wire(-view.profit_today)} reached MAX_DAILY_LOSS {wire(limits.max_daily_loss)}",
            ),
            (view.capital <= 0, "the portfolio has no capital yet"),
        )
        forbidden = next((reason for applies, reason in rules if applies), "")
        return forbidden or self._too_old(signal, view, limits.signal_max_age_s)

    def _size(self, signal: ConsensusSignal, view: View, terms: SymbolTerms) -> Approved | Refused:
        rules = self.limits.sizing
        levels = exit_levels(signal.price, signal.stop_loss, signal.take_profit, rules)
        if levels.take_profit <= signal.price * (ONE + ROUND_TRIP_COST):
            gain = (levels.take_profit / signal.price - ONE) * HUNDRED
            return Refused(f"the target is {gain:.2f} % away; the fees of both orders take {ROUND_TRIP_COST:.2%}")
        refusals = []
        for pocket in ("active", "buffer") if signal.level in BUFFER_FROM else ("active",):
            sized = size_entry(
                price=signal.price,
                levels=levels,
                strength=signal.strength,
                capital=view.capital,
                exposure=view.exposure.get(terms.base, ZERO),
                available=view.pockets.get(pocket, ZERO),
                notional_min=terms.notional_min,
                step=terms.step,
                rules=rules,
            )
            if isinstance(sized, Sized):
                return Approved(pocket, sized, levels)
            assert isinstance(sized, TooSmall)
            refusals.append(f"{pocket}: {sized.reason}")
        return Refused("; ".join(refusals))
