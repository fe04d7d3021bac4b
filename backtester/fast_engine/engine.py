"""The fast engine: the live decisions on recorded bars, from event to event.

Votes come from columns, everything behind them is the live code: the gates, sizes and pockets judge values in
``Decimal``. Nothing is looked at between a decision and the exit that follows from it; the market is searched for the
first bar that reaches stop or target.
"""

from __future__ import annotations

import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

from backtester.fast_engine.account import HeldPosition, TradedAccount
from backtester.fast_engine.decisions import HistoryDecisions, VotedBarPlace
from backtester.fast_engine.fills import ExitPoint, RecordedMarket
from backtester.results import BacktestTrade, CashFlow, RunOutcome
from coordinator.src.decisions import decision_of
from core.positions.entries import opened
from core.positions.model import Fill
from core.positions.protection import take_profit_price
from core.risk.account import OpenCycle, PendingEntry
from core.risk.entry_decisions import ApprovedExit, DecisionRules, SignalVerdict, intent_id_of
from core.risk.exit_levels import settle_order
from core.risk.funding import Answer, Denied, Granted, judge_in_order, with_answers
from core.risk.limits import Candidate
from core.risk.order_gate import EntryOrder, judge_order
from core.risk.protections import EndedTrade
from core.risk.verdicts import Approved, Refused
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.clock import from_ms
from shared.src.domain.money import floor_to_step
from shared.src.domain.orders import Side
from shared.src.exchange.rules import SymbolRules
from signal_aggregator.src.consensus import signal_of

SIGNAL = "signal"
# not traded: a position that the end of the data finds open is counted at what it would have brought
END = "end_of_data"
FEE_STEP = Decimal("0.00000001")
NUMBERS = re.compile(r"-?\d[\d.,:+TZ-]*")


@dataclass(frozen=True, slots=True)
class TradingRules:
    """What money follows; ``taker`` and ``maker``: fees as shares of the traded amount."""

    decisions: DecisionRules
    taker: Decimal
    maker: Decimal
    holding_max: timedelta


class FastEngine:
    """One run over recorded markets; ``run`` it once.

    ``since_ms`` and ``until_ms``: entries are decided in between; what is before is history for the indicators.
    """

    def __init__(
        self,
        markets: Mapping[str, RecordedMarket],
        decisions: HistoryDecisions,
        account: TradedAccount,
        rules: TradingRules,
        *,
        since_ms: int,
        until_ms: int,
    ) -> None:
        self._markets = markets
        self._decisions = decisions
        self._account = account
        self._rules = rules
        self._since_ms, self._until_ms = since_ms, until_ms
        self._plans: dict[str, ExitPoint] = {}
        self._due: list[tuple[int, str, int]] = []
        self._trades: list[BacktestTrade] = []
        self._flows: list[CashFlow] = []
        self._refused: Counter[str] = Counter()
        self._made = 0
        self._fills = 0

    def run(self, tick: Callable[[int], None] = lambda close_ms: None) -> RunOutcome:
        """Play the history; ``tick`` is told how far it is (ms UTC)."""
        for close_ms, candidates in self._decisions.moments():
            if not self._since_ms <= close_ms < self._until_ms:
                continue
            self._leave_until(close_ms)
            signals = list(self._signals(candidates))
            if signals:
                self._decide(close_ms, signals)
            tick(close_ms)
        self._leave_until(self._until_ms)
        for symbol in sorted(self._account.holdings):
            self._sell(symbol, self._markets[symbol].last_sale(END))
        return RunOutcome(
            trades=sorted(self._trades, key=lambda trade: (trade.closed_ms, trade.symbol)),
            flows=self._flows,
            votes=self._decisions.votes,
            made=self._made,
            refused=self._refused + self._decisions.refused,
        )

    # Decisions

    def _signals(self, candidates: Iterable[VotedBarPlace]) -> Iterable[ConsensusSignal]:
        """The consensus of a moment; what cannot change anything is counted and not made."""
        for candidate in candidates:
            is_open = candidate.symbol in self._account.holdings
            if is_open is (candidate.side is Side.BUY):
                self._refused["a position is open" if is_open else "no open position"] += 1
                continue
            decision = self._decisions.decision(candidate)
            signal = signal_of(decision, correlation_id="", occurred_at=from_ms(candidate.close_ms + 1))
            if signal is None:
                self._refused[f"filter: {decision.filter}" if decision.filter else "no consensus"] += 1
            else:
                yield signal

    def _decide(self, close_ms: int, signals: Sequence[ConsensusSignal]) -> None:
        """Judge the consensus of a moment as the coordinator does, exits first, and carry out what is approved."""
        view = self._account.view(close_ms + 1, bids=self._bids(close_ms + 1))
        for side in (Side.SELL, Side.BUY):
            waiting: Sequence[ConsensusSignal] = [signal for signal in signals if signal.side is side]
            decided: list[tuple[ConsensusSignal, SignalVerdict]] = []
            while waiting:
                judged = judge_in_order(waiting, view, self._symbol_rules, self._rules.decisions)
                entries = [(item.signal, item.verdict) for item in judged if isinstance(item.verdict, Approved)]
                outcome = with_answers(judged, self._answers(entries), view, self._rules.decisions.sizing)
                decided += outcome.decided
                view, waiting = outcome.view, outcome.behind
            for signal, verdict in decided:
                self._carry_out(signal, verdict, close_ms)

    def _symbol_rules(self, symbol: str) -> SymbolRules:
        return self._markets[symbol].listing.rules

    def _answers(self, entries: Iterable[tuple[ConsensusSignal, Approved]]) -> list[Answer]:
        """Grants in order, up to the first entry that gets no funds."""
        answers: list[Answer] = []
        for signal, entry in entries:
            base = self._symbol_rules(signal.symbol).base
            pending = PendingEntry(intent_id_of(signal), signal.symbol, base, entry.cost, signal.strategy)
            answer = self._account.reserve(pending, pocket=entry.pocket, amount=entry.cost)
            if isinstance(answer, str):
                return [*answers, Denied(answer)]
            answers.append(Granted(answer.lease.amount))
        return answers

    def _carry_out(self, signal: ConsensusSignal, verdict: SignalVerdict, close_ms: int) -> None:
        market = self._markets[signal.symbol]
        bar = market.closing_at(close_ms) + 1
        match verdict:
            case Refused(reason):
                self._refused[kind_of_refusal(reason, signal.symbol)] += 1
            case ApprovedExit():
                self._made += 1
                if bar < len(market.candles):
                    self._plan(signal.symbol, market.sale(bar, SIGNAL))
            case Approved():
                self._made += 1
                decision = decision_of(signal, verdict, now=from_ms(close_ms + 1), trailing_delta_bips=None)
                assert decision.intent is not None, "an approved decision has an intent"
                reason = self._enter(decision.intent, market, bar) if bar < len(market.candles) else "the data ends"
                if reason:
                    self._account.give_back(decision.intent_id)
                    self._refused[kind_of_refusal(reason, signal.symbol)] += 1

    def _bids(self, now_ms: int) -> dict[str, Decimal]:
        """What the open positions could be sold at."""
        return {symbol: self._markets[symbol].bid_at(now_ms) for symbol in self._account.holdings}

    # Entries

    def _enter(self, intent: OrderIntent, market: RecordedMarket, bar: int) -> str:
        """Buy at the open of a bar, when the trader's gate lets it; why not, empty when it did."""
        rules, ticker = market.listing.rules, market.ticker(bar)
        now_ms = market.candles[bar].time
        view = self._account.view(now_ms, bids=self._bids(now_ms), free=True)
        limits, exits = self._rules.decisions.limits, self._rules.decisions.exits
        offered = rules.floor_quantity(market.most(bar), market=True)
        verdict = judge_order(_entry(intent, rules), view, ticker, limits, exits, asks=[(ticker.ask, offered)])
        if isinstance(verdict, Refused):
            return verdict.reason
        if verdict.price_max is None or ticker.ask > verdict.price_max:
            return "the price rose over what was set aside"
        self._bought(intent, verdict, market, bar, min(verdict.quantity, offered))
        return ""

    def _bought(
        self, intent: OrderIntent, verdict: Approved, market: RecordedMarket, bar: int, quantity: Decimal
    ) -> None:
        rules, price = market.listing.rules, market.ticker(bar).ask
        candle = market.candles[bar]
        fee = _fee(quantity, self._rules.taker)
        fill = self._fill(market, Side.BUY, price, quantity, (fee, rules.base), candle.time)
        cycle = opened(intent, verdict, rules, from_ms(candle.time))
        levels = settle_order(price, intent.stop_loss, intent.take_profit, self._rules.decisions.exits)
        stop = rules.floor_price(levels.stop_loss if intent.stop_loss is None else intent.stop_loss)
        target = take_profit_price(levels.take_profit, rules)
        held = quantity - fee
        cycle = replace(
            cycle,
            entry_price=price,
            quantity=held,
            opened_at=from_ms(candle.time),
            stop_price=stop,
            take_profit_price=target,
            fees=fill.fee_quote,
        )
        known = OpenCycle(
            cycle.id,
            cycle.intent_id,
            cycle.symbol,
            rules.base,
            rules.quote,
            candle.time,
            cost=fill.quote_quantity,
            strategy=cycle.strategy,
            held=held,
        )
        self._account.open(HeldPosition(cycle, known, (fill,), rules.base), fill.quote_quantity, candle.time)
        self._flows.append(CashFlow(candle.time, cycle.symbol, -fill.quote_quantity, held))
        until_ms = candle.time + int(self._rules.holding_max.total_seconds() * 1000)
        leaving = market.exit_of(bar, stop, target, until_ms)
        if leaving is not None:
            self._plan(cycle.symbol, leaving)

    # Exits

    def _plan(self, symbol: str, leaving: ExitPoint) -> None:
        self._plans[symbol] = leaving
        heapq.heappush(self._due, (leaving.at_ms, symbol, leaving.bar))

    def _leave_until(self, until_ms: int) -> None:
        """Carry out every exit that is due by then."""
        while self._due and self._due[0][0] <= until_ms:
            at_ms, symbol, bar = heapq.heappop(self._due)
            planned = self._plans.get(symbol)
            # a plan that another one took the place of is passed over
            if planned is not None and (planned.at_ms, planned.bar) == (at_ms, bar):
                del self._plans[symbol]
                self._sell(symbol, planned)

    def _sell(self, symbol: str, leaving: ExitPoint) -> None:
        """Sell what the bar's volume takes; the rest follows at the next bar's open."""
        market, holding = self._markets[symbol], self._account.holdings[symbol]
        rules, price = market.listing.rules, leaving.price
        wanted = rules.floor_quantity(holding.position.held, market=True)
        most = wanted if leaving.reason == END else rules.floor_quantity(market.most(leaving.bar), market=True)
        quantity = min(wanted, most)
        if quantity > 0:
            fee = _fee(quantity * price, self._rules.maker if leaving.is_maker else self._rules.taker)
            fill = self._fill(market, Side.SELL, price, quantity, (fee, rules.quote), leaving.at_ms)
            holding = self._account.sold(symbol, fill)
            self._flows.append(CashFlow(leaving.at_ms, symbol, fill.quote_quantity - fee, -quantity))
        rest = wanted - quantity
        if rest > 0 and rules.is_sellable(rest, price) and leaving.bar + 1 < len(market.candles):
            self._plan(symbol, replace(market.sale(leaving.bar + 1, leaving.reason), is_ambiguous=leaving.is_ambiguous))
        elif quantity > 0:
            self._end(holding, leaving)

    def _end(self, holding: HeldPosition, leaving: ExitPoint) -> None:
        position, cycle = holding.position, holding.cycle
        assert position.entry_price is not None, "what is sold was bought"
        assert position.exit_price is not None, "what ended was sold"
        ratio = position.profit_loss / position.bought_quote
        ended = EndedTrade(cycle.symbol, from_ms(leaving.at_ms), ratio, leaving.reason)
        self._account.close(cycle.symbol, ended, position.profit_loss, leaving.at_ms)
        assert cycle.opened_at is not None, "what is sold was bought"
        self._trades.append(
            BacktestTrade(
                symbol=cycle.symbol,
                strategy=cycle.strategy,
                opened_ms=holding.open.created_ms,
                closed_ms=leaving.at_ms,
                entry_price=position.entry_price,
                exit_price=position.exit_price,
                quantity=position.bought,
                fees=position.fees,
                profit_loss=position.profit_loss,
                profit_loss_percent=position.profit_loss_percent,
                exit_reason=leaving.reason,
                is_ambiguous=leaving.is_ambiguous,
            )
        )

    def _fill(
        self,
        market: RecordedMarket,
        side: Side,
        price: Decimal,
        quantity: Decimal,
        fee: tuple[Decimal, str],
        at_ms: int,
    ) -> Fill:
        self._fills += 1
        amount, asset = fee
        rules = market.listing.rules
        return Fill(
            symbol=rules.symbol,
            trade_id=self._fills,
            client_order_id="",
            side=side,
            price=price,
            quantity=quantity,
            quote_quantity=price * quantity,
            fee=amount,
            fee_asset=asset,
            fee_quote=amount * price if asset == rules.base else amount,
            is_maker=False,
            at=from_ms(at_ms),
        )


def _fee(amount: Decimal, share: Decimal) -> Decimal:
    """What the exchange takes of an amount; it cuts what is behind its eight decimals."""
    return floor_to_step(amount * share, FEE_STEP)


def _entry(intent: OrderIntent, rules: SymbolRules) -> EntryOrder:
    """The order that an intent at market wants, as the trader's gate is asked about it."""
    return EntryOrder(
        candidate=Candidate(intent.message_id, intent.strategy, rules, intent.decided_on),
        quantity=intent.quantity,
        price=None,
        reference_price=intent.reference_price,
        pocket=intent.pocket,
        stop_loss=intent.stop_loss,
        take_profit=intent.take_profit,
        reserved=intent.reserved,
    )


def kind_of_refusal(reason: str, symbol: str) -> str:
    """A refusal without the numbers and names that make each one its own."""
    return NUMBERS.sub("N", reason.replace(symbol, "SYMBOL"))
