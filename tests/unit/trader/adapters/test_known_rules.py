"""The trader asks for rules every minute and when they were refused; a lost symbol never hides the others."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

import pytest

from shared.memory.manual_clock import ManualClock
from shared.src.domain.errors import ConfigurationError, RejectedError, TransientError
from shared.src.exchange.listing import refuse_none_listed
from shared.src.exchange.rules import SymbolRules
from tests.unit.trader.fake_exchange import RULES, SYMBOL
from trader.src.adapters.known_rules import KnownRules

OTHER = "ETHUSDC"


class Listing:
    """An exchange that says what it trades, or nothing; one unknown name refuses the whole question."""

    def __init__(self) -> None:
        self.asked = 0
        self.answers = True
        self.rules = {SYMBOL: RULES, OTHER: replace(RULES, symbol=OTHER, base="ETH")}

    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        self.asked += 1
        if not self.answers:
            raise TransientError("no answer")
        names = tuple(symbols) or tuple(self.rules)
        if not set(names) <= set(self.rules):
            raise RejectedError("-1121 Invalid symbol.", code=-1121)
        return {name: self.rules[name] for name in names}

    def change(self, symbol: str, notional_min: int) -> None:
        self.rules[symbol] = replace(self.rules[symbol], notional_min=Decimal(notional_min))


def known_rules() -> tuple[Listing, ManualClock, KnownRules]:
    exchange, clock = Listing(), ManualClock()
    return exchange, clock, KnownRules(exchange, clock, quote_asset="USDC")


async def test_rules_are_asked_for_every_minute_and_the_new_ones_hold() -> None:
    exchange, clock, known = known_rules()
    await known.learn([SYMBOL])
    clock.advance(60)
    assert (await known.of(SYMBOL), exchange.asked) == (RULES, 1)
    exchange.change(SYMBOL, 10)
    clock.advance(1)
    assert (await known.of(SYMBOL)).notional_min == 10
    await known.of(SYMBOL)
    assert exchange.asked == 2


async def test_without_an_answer_the_old_rules_hold_and_the_next_try_is_a_minute_later() -> None:
    exchange, clock, known = known_rules()
    await known.learn([SYMBOL])
    exchange.answers = False
    clock.advance(61)
    assert await known.of(SYMBOL) == RULES
    clock.advance(50)
    assert (await known.of(SYMBOL), exchange.asked) == (RULES, 2)
    clock.advance(11)
    assert (await known.of(SYMBOL), exchange.asked) == (RULES, 3)


async def test_rules_that_were_refused_are_read_again_at_once() -> None:
    exchange, _, known = known_rules()
    await known.learn([SYMBOL])
    exchange.change(SYMBOL, 10)
    await known.refresh(SYMBOL)
    assert (await known.of(SYMBOL)).notional_min == 10


async def test_refused_rules_that_cannot_be_read_again_are_doubted_until_they_are() -> None:
    exchange, clock, known = known_rules()
    await known.learn([SYMBOL])
    exchange.answers = False
    await known.refresh(SYMBOL)
    assert (await known.of(SYMBOL)).is_doubted
    exchange.answers = True
    clock.advance(2)
    assert not (await known.of(SYMBOL)).is_doubted


async def test_rules_that_keep_being_refused_are_not_asked_for_each_time() -> None:
    exchange, clock, known = known_rules()
    await known.learn([SYMBOL])
    for _ in range(10):
        await known.refresh(SYMBOL)
    assert exchange.asked == 2
    assert (await known.of(SYMBOL)).is_doubted
    clock.advance(2)
    assert not (await known.of(SYMBOL)).is_doubted


async def test_a_symbol_that_is_gone_keeps_its_rules_and_the_others_get_their_new_ones() -> None:
    exchange, clock, known = known_rules()
    assert await known.learn([SYMBOL, OTHER]) == ()
    del exchange.rules[OTHER]
    exchange.change(SYMBOL, 10)
    clock.advance(61)
    assert (await known.of(SYMBOL)).notional_min == 10
    gone = await known.of(OTHER)
    assert (gone.base, gone.step, gone.is_listed, gone.is_trading) == ("ETH", RULES.step, False, False)


async def test_a_symbol_that_comes_back_is_traded_again() -> None:
    exchange, clock, known = known_rules()
    listed = exchange.rules.pop(OTHER)
    assert await known.learn([SYMBOL, OTHER]) == (OTHER,)
    exchange.rules[OTHER] = listed
    clock.advance(61)
    assert await known.of(OTHER) == listed


async def test_a_name_that_the_exchange_never_had_has_no_more_than_its_assets() -> None:
    _, _, known = known_rules()
    rules = await known.of("MATICUSDC")
    assert (rules.base, rules.quote, rules.is_listed) == ("MATIC", "USDC", False)


def test_a_start_is_refused_only_when_no_symbol_is_listed() -> None:
    refuse_none_listed(["BTCUSDC", "MATICUSDC"], ["MATICUSDC"])
    with pytest.raises(ConfigurationError, match="TRADING_SYMBOLS: the exchange has none of MATICUSDC"):
        refuse_none_listed(["MATICUSDC"], ["MATICUSDC"])
