"""Consensus in; funded intents or reasoned refusals out.

A decision exists when its row is committed; the message only wakes the trader. The same consensus always leads to the
same intent id, so whatever is repeated after a crash, an order is decided once. Funds that cannot be asked for at the
moment do not hold up other signals: the sweep comes back to them until they are too old.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from prometheus_client import Counter as Metric

from coordinator.src.decision_store import Decision, DecisionStore
from coordinator.src.pocket_checker import Approved, ApprovedExit, PocketChecker, Refused, SymbolTerms, View
from coordinator.src.portfolio_client import Denied, Granted
from coordinator.src.universe import Universe
from core.risk.sizing import shrink
from shared.src.bus.ports import Bus
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import DECISION_MADE, ORDER_INTENT
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.ids import derived_id
from shared.src.domain.money import ZERO
from shared.src.domain.orders import IntentKind, Side

logger = logging.getLogger(__name__)

GROUP = "coordinator"
SWEEP_EVERY_S = 2.0
SWEEP_OLDER_S = 1.0  # younger rows are still in the hands of the message that announced them
LOOK_BACK = timedelta(days=1)
LEASE_MARGIN_S = 60.0

DECIDED = Metric("roottrading_decisions", "consensus decided on", ["kind", "outcome"])


Answer = Granted | Denied | TransientError | RejectedError


class FundsClient(Protocol):
    async def reserve(self, wanted: Sequence[ReservationRequest], *, ttl_s: float) -> Sequence[Granted | Denied]: ...


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry that waits for its funds, and the view it was approved on."""

    signal: ConsensusSignal
    approved: Approved
    terms: SymbolTerms
    view: View


class SignalHandler:
    """Decides on one consensus after the other."""

    def __init__(
        self,
        *,
        store: DecisionStore,
        funds: FundsClient,
        bus: Bus,
        clock: Clock,
        checker: PocketChecker,
        universe: Universe,
        trailing_delta_bips: int | None = None,
    ) -> None:
        self._store = store
        self._funds = funds
        self._bus = bus
        self._clock = clock
        self._checker = checker
        self._universe = universe
        self._trailing = trailing_delta_bips
        self._one_at_a_time = asyncio.Lock()
        self.counts: Counter[str] = Counter()
        self.waiting_for = ""

    async def on_signals(self, signals: Sequence[ConsensusSignal]) -> None:
        """Decide on signals in their order, exits first, and publish what was decided.

        Raises:
            TransientError: the database is away; nothing was decided that is not committed.
        """
        async with self._one_at_a_time:
            view, decided = await self._store.view(self._clock.now(), [signal.message_id for signal in signals])
            new = {signal.message_id: signal for signal in signals if signal.message_id not in decided}
            self.counts["received"] += len(new)
            # getting out must not wait for somebody getting in
            for side in (Side.SELL, Side.BUY):
                waiting: Sequence[ConsensusSignal] = [signal for signal in new.values() if signal.side is side]
                decisions: list[Decision] = []
                while waiting:
                    made, view, waiting = await self._decide(waiting, view)
                    decisions += made
                await self._commit_and_publish(decisions)

    async def _decide(
        self, signals: Sequence[ConsensusSignal], view: View
    ) -> tuple[list[Decision], View, Sequence[ConsensusSignal]]:
        """Decide on signals, each on the view that those before it leave; ask for the funds of all of them at once.

        Answers the decisions, the view after them, and the signals behind an entry that got no funds: they were judged
        on a view that counted on it.
        """
        steps: list[Decision | _Entry] = []
        after = view
        for signal in signals:
            step = self._judge(signal, after)
            steps.append(step)
            if isinstance(step, _Entry):
                after = after.with_entry(signal.symbol, step.terms.base, step.approved)
        answers = await self._ask([step for step in steps if isinstance(step, _Entry)])
        made: list[Decision] = []
        for count, step in enumerate(steps, start=1):
            decision = step if isinstance(step, Decision) else self._entry(step, answers.pop(0))
            if decision is not None:
                made.append(decision)
            if isinstance(step, _Entry) and (decision is None or decision.intent is None):
                return made, step.view, signals[count:]
        return made, after, ()

    def _judge(self, signal: ConsensusSignal, view: View) -> Decision | _Entry:
        terms = self._universe.terms(signal.symbol)
        if terms is None:
            return self._refusal(signal, f"{signal.symbol} is not among TRADING_SYMBOLS or those chosen since")
        match self._checker.check(signal, view, terms):
            case Refused(reason):
                return self._refusal(signal, reason)
            case ApprovedExit(cycles):
                return self._exit(signal, cycles)
            case Approved() as approved:
                return _Entry(signal, approved, terms, view)

    async def _ask(self, entries: Sequence[_Entry]) -> list[Answer]:
        """The portfolio's answers, in order; they end with the first one that is no grant."""
        if not entries:
            return []
        wanted = [
            ReservationRequest(
                intent_id=intent_id_of(entry.signal),
                pocket=entry.approved.pocket,
                amount=entry.approved.sized.reserve,
            )
            for entry in entries
        ]
        try:
            answers = await self._funds.reserve(wanted, ttl_s=self._checker.limits.signal_max_age_s + LEASE_MARGIN_S)
        except (TransientError, RejectedError) as error:
            return [error]
        return list(answers)

    def _entry(self, entry: _Entry, answer: Answer) -> Decision | None:
        """The decision on an entry; None: funds cannot be asked for now."""
        signal, approved = entry.signal, entry.approved
        intent_id = intent_id_of(signal)
        match answer:
            case TransientError():
                self.waiting_for = str(answer)
                self.counts["postponed"] += 1
                logger.warning("funds cannot be asked for", extra={"intent_id": intent_id, "reason": str(answer)})
                return None
            case RejectedError():
                return self._refusal(signal, f"the portfolio did not accept the request: {answer}")
        self.waiting_for = ""
        if isinstance(answer, Denied):
            return self._refusal(signal, answer.reason)
        rules = self._checker.limits.sizing
        sized = shrink(approved.sized, answer.amount, price=signal.price, step=entry.terms.step, rules=rules)
        if sized.quantity <= 0:
            return self._refusal(signal, "what an earlier request reserved is too small now")
        intent = OrderIntent(
            message_id=intent_id,
            correlation_id=signal.correlation_id,
            occurred_at=self._clock.now(),
            symbol=signal.symbol,
            kind=IntentKind.ENTRY,
            side=Side.BUY,
            quantity=sized.quantity,
            reference_price=signal.price,
            reserved=sized.reserve,
            pocket=approved.pocket,
            stop_loss=approved.levels.stop_loss,
            take_profit=approved.levels.take_profit,
            trailing_delta_bips=self._trailing,
            strategy=signal.strategy,
            strength=signal.strength,
            consensus_id=signal.message_id,
            decided_on=signal.close_time,
            reason=signal.reason,
        )
        reason = f"{signal.side} by {len(signal.strategies)} strategies, strength {signal.strength:.2f}"
        return Decision(intent_id, signal, IntentKind.ENTRY, reason, intent.occurred_at, intent)

    def _exit(self, signal: ConsensusSignal, cycles: tuple[str, ...]) -> Decision:
        intent = OrderIntent(
            message_id=intent_id_of(signal),
            correlation_id=signal.correlation_id,
            occurred_at=self._clock.now(),
            symbol=signal.symbol,
            kind=IntentKind.EXIT,
            side=Side.SELL,
            reference_price=signal.price,
            reserved=ZERO,
            strategy=signal.strategy,
            strength=signal.strength,
            consensus_id=signal.message_id,
            decided_on=signal.close_time,
            reason=signal.reason,
        )
        reason = f"closes {', '.join(cycles)}"
        return Decision(intent.message_id, signal, IntentKind.EXIT, reason, intent.occurred_at, intent)

    def _refusal(self, signal: ConsensusSignal, reason: str) -> Decision:
        return Decision(intent_id_of(signal), signal, kind_of(signal), reason, self._clock.now())

    async def _commit_and_publish(self, decisions: Sequence[Decision]) -> None:
        """Write decisions, then send the approved ones."""
        if not decisions:
            return
        new = await self._store.insert(decisions)
        self._count(new)
        intents = [decision.intent for decision in new if decision.intent is not None]
        if intents:
            try:
                await self._bus.publish_many(ORDER_INTENT, intents)
                await self._store.mark_published([intent.message_id for intent in intents])
            except TransientError as error:
                # committed: the outbox, and the trader's own sweep, find them
                logger.warning("intents not sent yet", extra={"count": len(intents), "reason": str(error)})
        await self._notify(new)

    async def _notify(self, decisions: Iterable[Decision]) -> None:
        """Tell the screens; a notice may be lost."""
        try:
            for decision in decisions:
                await self._bus.notify(DECISION_MADE.name, DECISION_MADE.encode(decision.notice()))
        except TransientError as error:
            logger.warning("notice lost", extra={"reason": str(error)})

    def _count(self, decisions: Iterable[Decision]) -> None:
        for decision in decisions:
            outcome = "approved" if decision.intent else "refused"
            DECIDED.labels(decision.kind.value, outcome).inc()
            self.counts[outcome] += 1
            extra = {"intent_id": decision.intent_id, "symbol": decision.signal.symbol, "reason": decision.reason}
            logger.info("decision %s", outcome, extra=extra)

    # Sweeps

    async def run(self) -> None:
        """Find what a crash or an outage left undecided or unsent."""
        older_s = 0.0
        while True:
            try:
                await self.sweep(older_s=older_s)
                older_s = SWEEP_OLDER_S
            except TransientError as error:
                logger.warning("sweep postponed", extra={"reason": str(error)})
            await self._clock.sleep(SWEEP_EVERY_S)

    async def sweep(self, *, older_s: float = SWEEP_OLDER_S) -> None:
        """Send what is committed and unsent, decide what is undecided."""
        intents = await self._store.unpublished(older_s=older_s)
        if intents:
            await self._bus.publish_many(ORDER_INTENT, intents)
            await self._store.mark_published([intent.message_id for intent in intents])
            logger.info("intents sent late", extra={"count": len(intents)})
        undecided = await self._store.undecided(since=self._clock.now() - LOOK_BACK, older_s=older_s)
        if undecided:
            await self.on_signals(undecided)

    def statistics(self) -> dict[str, Any]:
        """Since the start of the process."""
        names = ("received", "approved", "refused", "postponed")
        return {name: self.counts[name] for name in names} | {"waiting_for": self.waiting_for}


def kind_of(signal: ConsensusSignal) -> IntentKind:
    return IntentKind.ENTRY if signal.side is Side.BUY else IntentKind.EXIT


def intent_id_of(signal: ConsensusSignal) -> str:
    """The same consensus always leads to the same intent."""
    return derived_id("int", signal.message_id, signal.symbol, signal.side.value, kind_of(signal).value)
