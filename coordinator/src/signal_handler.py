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
from datetime import timedelta
from decimal import Decimal
from typing import Any, Protocol

from prometheus_client import Counter as Metric

from coordinator.src.decision_store import Decision, DecisionStore
from coordinator.src.pocket_checker import Approved, ApprovedExit, PocketChecker, Refused, SymbolTerms, View
from coordinator.src.portfolio_client import Denied, Granted
from coordinator.src.sizing import shrink
from coordinator.src.universe import Universe
from shared.src.bus import Bus
from shared.src.contracts.base import Side
from shared.src.contracts.orders import IntentKind, OrderIntent
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import DECISION_MADE, ORDER_INTENT
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.ids import derived_id
from shared.src.domain.money import ZERO

logger = logging.getLogger(__name__)

GROUP = "coordinator"
SWEEP_EVERY_S = 2.0
SWEEP_OLDER_S = 1.0  # younger rows are still in the hands of the message that announced them
LOOK_BACK = timedelta(days=1)
LEASE_MARGIN_S = 60.0

DECIDED = Metric("roottrading_decisions", "consensus decided on", ["kind", "outcome"])


class Funds(Protocol):
    async def reserve(self, intent_id: str, *, pocket: str, amount: Decimal, ttl_s: float) -> Granted | Denied: ...


class SignalHandler:
    """Decides on one consensus after the other."""

    def __init__(
        self,
        *,
        store: DecisionStore,
        funds: Funds,
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
        """Decide on signals in their order, and publish what was decided.

        Raises:
            TransientError: the database is away; nothing was decided that is not committed.
        """
        async with self._one_at_a_time:
            view, decided = await self._store.view(self._clock.now(), [signal.message_id for signal in signals])
            refused: list[Decision] = []
            sent: list[str] = []
            for signal in sorted(signals, key=_exits_first):
                if signal.message_id in decided:
                    continue
                self.counts["received"] += 1
                decision, view = await self._decide(signal, view)
                if decision is None:
                    continue
                if decision.intent is None:
                    refused.append(decision)
                else:
                    sent += await self._commit_and_publish(decision)
            await self._write_refusals(refused)
            if sent:
                await self._store.mark_published(sent)

    async def _decide(self, signal: ConsensusSignal, view: View) -> tuple[Decision | None, View]:
        """The decision (None: funds cannot be asked for now) and the view after it."""
        terms = self._universe.terms(signal.symbol)
        if terms is None:
            return self._refusal(signal, f"{signal.symbol} is not among TRADING_SYMBOLS or those chosen since"), view
        match self._checker.check(signal, view, terms):
            case Refused(reason):
                return self._refusal(signal, reason), view
            case ApprovedExit(cycles):
                return self._exit(signal, cycles), view
            case Approved() as approved:
                return await self._entry(signal, approved, view, terms)

    async def _entry(
        self, signal: ConsensusSignal, approved: Approved, view: View, terms: SymbolTerms
    ) -> tuple[Decision | None, View]:
        intent_id = intent_id_of(signal)
        limits = self._checker.limits
        try:
            answer = await self._funds.reserve(
                intent_id,
                pocket=approved.pocket,
                amount=approved.sized.reserve,
                ttl_s=limits.signal_max_age_s + LEASE_MARGIN_S,
            )
        except TransientError as error:
            self.waiting_for = str(error)
            self.counts["postponed"] += 1
            logger.warning("funds cannot be asked for", extra={"intent_id": intent_id, "reason": str(error)})
            return None, view
        except RejectedError as error:
            return self._refusal(signal, f"the portfolio did not accept the request: {error}"), view
        self.waiting_for = ""
        if isinstance(answer, Denied):
            return self._refusal(signal, answer.reason), view
        sized = shrink(approved.sized, answer.amount, price=signal.price, step=terms.step, rules=limits.sizing)
        if sized.quantity <= 0:
            return self._refusal(signal, "what an earlier request reserved is too small now"), view
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
        decision = Decision(intent_id, signal, IntentKind.ENTRY, reason, intent.occurred_at, intent)
        return decision, view.with_entry(signal.symbol, terms.base, approved)

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

    async def _commit_and_publish(self, decision: Decision) -> list[str]:
        """Write an approved decision, then send it; answers the ids that were sent."""
        assert decision.intent is not None
        if not await self._store.insert([decision]):
            return []
        self._count([decision])
        try:
            await self._bus.publish(ORDER_INTENT, decision.intent)
        except TransientError as error:
            # committed: the outbox, and the trader's own sweep, find it
            logger.warning("intent not sent yet", extra={"intent_id": decision.intent_id, "reason": str(error)})
            return []
        await self._notify([decision])
        return [decision.intent_id]

    async def _write_refusals(self, refused: Sequence[Decision]) -> None:
        if refused:
            new = await self._store.insert(refused)
            self._count(new)
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


def _exits_first(signal: ConsensusSignal) -> int:
    """Getting out must not wait for somebody getting in."""
    return 0 if signal.side is Side.SELL else 1
