"""The trader asks for a symbol's rules once an hour, and trades on by the old ones when it gets no answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import TransientError
from shared.src.exchange.rules import SymbolRules
from tests.unit.trader.fake_exchange import RULES, SYMBOL
from trader.src.adapters.known_rules import KnownRules


class Listing:
    """An exchange that says what it trades, or nothing."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = True
        self.rules = RULES

    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        self.asked += 1
        if not self.answers:
            raise TransientError("no answer")
        return dict.fromkeys(symbols, self.rules)


async def test_rules_are_asked_for_once_an_hour_and_the_new_ones_hold() -> None:
    exchange, clock = Listing(), ManualClock()
    known = KnownRules(exchange, clock)
    await known.learn([SYMBOL])
    clock.advance(3600)
    assert (await known.of(SYMBOL), exchange.asked) == (RULES, 1)
    exchange.rules = replace(RULES, notional_min=Decimal(10))
    clock.advance(1)
    assert (await known.of(SYMBOL)).notional_min == 10
    await known.of(SYMBOL)
    assert exchange.asked == 2


async def test_without_an_answer_the_old_rules_hold_and_the_next_try_is_a_minute_later() -> None:
    exchange, clock = Listing(), ManualClock()
    known = KnownRules(exchange, clock)
    await known.learn([SYMBOL])
    exchange.answers = False
    clock.advance(3601)
    assert await known.of(SYMBOL) == RULES
    clock.advance(50)
    assert (await known.of(SYMBOL), exchange.asked) == (RULES, 2)
    clock.advance(10)
    assert (await known.of(SYMBOL), exchange.asked) == (RULES, 3)
