"""The independent auditor: its own small model of what the exchange has and what the books say.

It shares no code with the platform: it is told plain values (``tests.simulation.facts``) and judges them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.simulation.audit.books import alive, alone, at_rest, booked_once, conserved, earned, settled
from tests.simulation.audit.entries import EntryRule
from tests.simulation.audit.holdings import ForgottenRule, missing, oversold, unexplained
from tests.simulation.audit.positions import positions_of, taken_by_hand
from tests.simulation.audit.protection import DecidedStopRule, ProtectionRule
from tests.simulation.facts import Books, Exchange, Limits, Weather


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that was broken, and what was seen, at a moment in simulated seconds."""

    rule: str
    text: str
    at_s: float


@dataclass(slots=True)
class Auditor:
    """Judges a world after every step (``look``) and once it is quiet (``close``). Each violation is told once."""

    violations: list[Violation] = field(default_factory=list)
    protection: ProtectionRule = field(default_factory=ProtectionRule)
    _stops: DecidedStopRule = field(default_factory=DecidedStopRule)
    _forgotten: ForgottenRule = field(default_factory=ForgottenRule)
    _entries: EntryRule = field(default_factory=EntryRule)
    _taken: dict[str, Decimal] = field(default_factory=dict)
    _told: set[tuple[str, str]] = field(default_factory=set)
    _was_halted: bool = False

    def look(self, exchange: Exchange, books: Books, weather: Weather, limits: Limits) -> None:
        """Judge this moment."""
        self._was_halted |= "all" in books.pauses
        positions = positions_of(exchange, books.orders)
        taken = self._taken_by_hand(exchange, books)
        self._note("protected", self.protection.look(exchange, positions, taken, weather), exchange.now_s)
        troubles = self.protection.troubles(exchange, weather)
        self._note("stop as decided", self._stops.look(exchange, positions, books, troubles), exchange.now_s)
        self._note("nothing forgotten", self._forgotten.look(exchange, positions, books, taken), exchange.now_s)
        self._note("own coins only", oversold(exchange, positions), exchange.now_s)
        entries = self._entries.look(exchange, positions, books, limits=limits, weather=weather, taken=taken)
        self._note("entries", entries, exchange.now_s)
        self._note("booked once", booked_once(exchange, books), exchange.now_s)
        self._note("conserved", conserved(books), exchange.now_s)
        self._note("alive", alive(books), exchange.now_s)
        self._note("alone", alone(books), exchange.now_s)
        self._note("simulation", (*exchange.problems, *unexplained(exchange, positions, books)), exchange.now_s)

    def close(self, exchange: Exchange, books: Books) -> None:
        """Judge a world in which nothing is left to happen."""
        positions = positions_of(exchange, books.orders)
        taken = self._taken_by_hand(exchange, books)
        left = self._forgotten.look(exchange, positions, books, taken, within_s=0.0)
        self._note("nothing forgotten", left, exchange.now_s)
        self._note(
            "nothing forgotten", missing(exchange, positions, books, was_halted=self._was_halted), exchange.now_s
        )
        self._note("settled", settled(exchange, books), exchange.now_s)
        self._note("at rest", at_rest(books), exchange.now_s)
        self._note("earned", earned(exchange, positions, taken, books), exchange.now_s)

    def _taken_by_hand(self, exchange: Exchange, books: Books) -> Mapping[str, Decimal]:
        """Coins of positions that somebody took; what the owner brings later is not theirs."""
        for symbol, units in taken_by_hand(exchange, books.orders).items():
            self._taken[symbol] = max(units, self._taken.get(symbol, units))
        return self._taken

    def is_settled(self, exchange: Exchange, books: Books) -> bool:
        """Whether nothing is left to come: everything is booked and nothing waits for an answer."""
        return not any(settled(exchange, books)) and not any(at_rest(books))

    def _note(self, rule: str, texts: Iterable[str], now_s: float) -> None:
        for text in texts:
            key = (rule, text.split(":")[0])
            if key not in self._told:
                self._told.add(key)
                self.violations.append(Violation(rule, text, now_s))
