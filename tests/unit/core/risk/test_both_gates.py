"""Both gates judge by one rule: what the coordinator approves the trader approves, and no limit is passed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.positions.model import MANUAL
from core.risk.account import AccountView, OpenCycle, PendingEntry
from core.risk.entry_decisions import DecisionRules, SignalVerdict, intent_id_of, judge_signal
from core.risk.limits import Candidate
from core.risk.order_gate import EntryOrder, judge_order
from core.risk.verdicts import Approved
from shared.src.contracts.signals import ConsensusSignal
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from tests.unit.core.risk.builders import BTC, CLOSE_MS, EXITS, LIMITS, RULES, account, consensus, open_cycle, pending

STEP = Decimal("0.00001")
SYMBOLS = {
    "BTCUSDC": BTC,
    "BTCUSDT": replace(BTC, symbol="BTCUSDT", quote="USDT"),
    "ETHUSDC": replace(BTC, symbol="ETHUSDC", base="ETH"),
    "ETHBTC": SymbolRules("ETHBTC", "ETH", "BTC", step=STEP, notional_min=Decimal("0.0001")),
}
PRICES = {"BTCUSDC": Decimal(50_000), "BTCUSDT": Decimal(55_000), "ETHUSDC": Decimal(2500), "ETHBTC": Decimal("0.05")}
RATES = {"USDT": Decimal("0.9"), "BTC": Decimal(50_000)}

amounts = st.decimals(0, 3000, places=2)


def as_order(signal: ConsensusSignal, verdict: Approved, symbol: SymbolRules) -> EntryOrder:
    """The intent that the coordinator sends, as the trader reads it."""
    return EntryOrder(
        candidate=Candidate(intent_id_of(signal), signal.strategy, symbol, signal.close_time),
        quantity=verdict.quantity,
        price=None,
        reference_price=signal.price,
        pocket=verdict.pocket,
        stop_loss=verdict.levels.stop_loss,
        take_profit=verdict.levels.take_profit,
    )


def still(symbol: str, price: Decimal) -> BookTicker:
    """A market that has not moved."""
    return BookTicker(symbol, price, Decimal(9), price, Decimal(9))


@given(
    symbol=st.sampled_from(sorted(SYMBOLS)),
    strength=st.floats(0, 1),
    stop_percent=st.none() | st.decimals("0.1", "12", places=2),
    capital=st.decimals(0, 100_000, places=2),
    cost=amounts,
    resting=amounts,
    reserved=amounts,
    day_result=st.decimals(-600, 600, places=2),
)
def test_what_the_coordinator_approves_the_trader_approves(
    symbol: str,
    strength: float,
    stop_percent: Decimal | None,
    capital: Decimal,
    cost: Decimal,
    resting: Decimal,
    reserved: Decimal,
    day_result: Decimal,
) -> None:
    price, rules = PRICES[symbol], SYMBOLS[symbol]
    stop = price * (1 - stop_percent / 100) if stop_percent is not None else None
    signal = consensus(symbol=symbol, price=price, strength=strength, stop_loss=stop)
    view = account(
        capital=capital,
        cycles=(open_cycle("SOLUSDC", cost=cost), open_cycle("ETHUSDT", cost=cost, resting=resting)),
        pending=(PendingEntry("int-x", "BTCEUR", "BTC", reserved),),
        day_result=day_result,
        rates=RATES,
    )
    verdict = judge_signal(signal, view, rules, RULES)
    if isinstance(verdict, Approved):
        # the reservation stands by now, and must not count against the entry it was made for
        own = PendingEntry(intent_id_of(signal), symbol, rules.base, verdict.cost)
        sent = judge_order(
            as_order(signal, verdict, rules), view.with_entry(own, verdict.pocket), still(symbol, price), LIMITS, EXITS
        )
        assert isinstance(sent, Approved), sent
        assert sent.quantity == verdict.quantity
        assert sent.cost <= verdict.cost


def test_an_entry_is_not_refused_for_its_own_reservation() -> None:
    signal = consensus()
    verdict = judge_signal(signal, account(), BTC, RULES)
    assert isinstance(verdict, Approved)
    others = [open_cycle(f"A{n}USDC") for n in range(4)]
    own = pending(reserved=int(verdict.cost), intent_id=intent_id_of(signal))
    order = as_order(signal, verdict, BTC)
    market = still("BTCUSDC", signal.price)
    assert isinstance(judge_order(order, account(cycles=others, pending=[own]), market, LIMITS, EXITS), Approved)
    stranger = replace(own, intent_id="int-other")
    refused = judge_order(order, account(cycles=others, pending=[stranger]), market, LIMITS, EXITS)
    assert not isinstance(refused, Approved)


wishes = st.tuples(
    st.sampled_from(sorted(SYMBOLS)),
    st.booleans(),  # decided by a consensus, or by hand
    st.decimals("0.0001", "0.2", places=4),
    st.sampled_from(["filled", "half", "rests"]),
)


@given(st.lists(wishes, max_size=12))
def test_no_accepted_sequence_exceeds_the_exposure_of_an_asset(
    sequence: list[tuple[str, bool, Decimal, str]],
) -> None:
    limits = replace(LIMITS, max_concurrent_positions=50)
    cycles: list[OpenCycle] = []
    for number, (symbol, by_hand, quantity, fate) in enumerate(sequence):
        view = account(cycles=cycles, rates=RATES)
        verdict = _judged(symbol, by_hand, quantity, view, replace(RULES, limits=limits))
        if verdict is not None:
            spent = verdict.quantity * PRICES[symbol]
            filled = {"filled": spent, "half": spent / 2, "rests": Decimal(0)}[fate]
            cycles.append(open_cycle(symbol, number=number, cost=filled, resting=spent - filled))
    after = account(cycles=cycles, rates=RATES)
    for base in ("BTC", "ETH"):
        exposure = after.exposure(base)
        assert exposure is not None
        assert exposure <= min(10_000 * limits.max_exposure_percent / 100, limits.max_position_size)


def _judged(symbol: str, by_hand: bool, quantity: Decimal, view: AccountView, rules: DecisionRules) -> Approved | None:
    price, exchange = PRICES[symbol], SYMBOLS[symbol]
    verdict: SignalVerdict
    if by_hand:
        candidate = Candidate(f"manual-{len(view.cycles)}", MANUAL, exchange, CLOSE_MS)
        order = EntryOrder(candidate, quantity, None, price, "active")
        verdict = judge_order(order, view, still(symbol, price), rules.limits, rules.exits)
    else:
        verdict = judge_signal(consensus(symbol=symbol, price=price), view, exchange, rules)
    return verdict if isinstance(verdict, Approved) else None
