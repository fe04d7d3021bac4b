"""Consensus of one moment: each on the account that those before it leave; funds asked for at once."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from core.risk.entry_decisions import ApprovedExit, intent_id_of
from core.risk.funding import Answer, Denied, FundingOutcome, Granted, Judged, Postponed, judge_in_order, with_answers
from core.risk.verdicts import Approved, Refused
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.orders import Side
from shared.src.exchange.rules import SymbolRules
from tests.unit.core.risk.builders import BTC, LIMITS, RULES, SIZING, account, consensus, open_cycle

SIGNALS = [consensus(symbol=symbol) for symbol in ("BTCUSDC", "ETHUSDC", "SOLUSDC")]


def symbol_of(symbol: str) -> SymbolRules | None:
    return None if symbol == "XMRUSDC" else replace(BTC, symbol=symbol, base=symbol.removesuffix("USDC"))


def judged(signals: list[ConsensusSignal], *, most: int = 5) -> list[Judged[ConsensusSignal]]:
    rules = replace(RULES, limits=replace(LIMITS, max_concurrent_positions=most))
    return judge_in_order(signals, account(), symbol_of, rules)


def answered(*answers: Answer) -> FundingOutcome[ConsensusSignal]:
    return with_answers(judged(SIGNALS), answers, account(), SIZING)


def cost(item: Judged[ConsensusSignal]) -> Decimal:
    assert isinstance(item.verdict, Approved)
    return item.verdict.cost


def test_an_approved_entry_counts_for_those_behind_it() -> None:
    first, second, third = judged(SIGNALS, most=2)
    assert isinstance(first.verdict, Approved)
    assert isinstance(second.verdict, Approved)
    assert third.verdict == Refused("2 positions are open, MAX_CONCURRENT_POSITIONS is 2")
    assert second.before.pockets["active"] == 6000 - cost(first)
    assert second.before.exposure("BTC") == cost(first)


def test_what_is_not_traded_is_refused_and_an_exit_needs_no_funds() -> None:
    signals = [consensus(symbol="XMRUSDC"), consensus(Side.SELL)]
    view = account(cycles=(open_cycle(),))
    outcome = with_answers(judge_in_order(signals, view, symbol_of, RULES), (), view, SIZING)
    assert [verdict for _, verdict in outcome.decided] == [
        Refused("XMRUSDC is not among TRADING_SYMBOLS or those chosen since"),
        ApprovedExit(("cy-BTCUSDC",)),
    ]


def test_granted_entries_stand() -> None:
    amounts = [cost(item) for item in judged(SIGNALS)]
    outcome = answered(*(Granted(amount) for amount in amounts))
    assert [signal for signal, _ in outcome.decided] == SIGNALS
    assert [entry.intent_id for entry in outcome.view.pending] == [intent_id_of(signal) for signal in SIGNALS]
    assert outcome.behind == ()


def test_a_denied_entry_is_refused_and_those_behind_it_are_judged_without_it() -> None:
    outcome = answered(Granted(Decimal(1000)), Denied("pocket active has 3 USDC free, 1000 needed"))
    assert [type(verdict) for _, verdict in outcome.decided] == [Approved, Refused]
    assert outcome.behind == (SIGNALS[2],)
    assert [entry.symbol for entry in outcome.view.pending] == ["BTCUSDC"]


def test_an_entry_that_cannot_be_asked_for_is_not_decided() -> None:
    outcome = answered(Postponed("portfolio: away"))
    assert outcome.decided == ()
    assert outcome.postponed == "portfolio: away"
    assert outcome.behind == (SIGNALS[1], SIGNALS[2])


def test_an_earlier_smaller_reservation_shrinks_the_entry_or_refuses_it() -> None:
    (_, smaller), *_ = answered(Granted(Decimal("50.5")), Denied("")).decided
    assert isinstance(smaller, Approved)
    assert (smaller.quantity, smaller.cost) == (Decimal("0.001"), Decimal("50.5"))
    (_, none), *_ = answered(Granted(Decimal("0.1"))).decided
    assert none == Refused("what an earlier request reserved is too small now")


def test_nothing_judged_leaves_the_account_as_it_was() -> None:
    view = account()
    assert with_answers([], (), view, SIZING) == FundingOutcome((), view)


def test_what_was_set_aside_buys_less_where_the_quote_asset_is_worth_more() -> None:
    dear = replace(BTC, symbol="BTCEUR", quote="EUR")
    view = account(rates={"EUR": Decimal(2)})
    items = judge_in_order([consensus(symbol="BTCEUR")], view, lambda _: dear, RULES)
    (_, verdict), *_ = with_answers(items, (Granted(Decimal(101)),), view, SIZING).decided
    assert isinstance(verdict, Approved)
    assert verdict.quantity == Decimal("0.001")
