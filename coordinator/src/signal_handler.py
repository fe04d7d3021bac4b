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
from typing import Any

from prometheus_client import Counter as Metric

from coordinator.src.decisions import Decision, decision_of
from coordinator.src.pocket_checker import PocketChecker
from coordinator.src.ports import DecisionStore, FundsClient
from core.risk.account import AccountView
from core.risk.entry_decisions import SignalVerdict, intent_id_of
from core.risk.funding import Answer, Denied, FundingOutcome, Postponed
from core.risk.verdicts import Approved
from shared.src.bus.ports import Bus
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.contracts.signals import ConsensusSignal
from shared.src.contracts.topics import DECISION_MADE, ORDER_INTENT
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.domain.orders import Side

logger = logging.getLogger(__name__)

GROUP = "coordinator"
SWEEP_EVERY_S = 2.0
SWEEP_OLDER_S = 1.0  # younger rows are still in the hands of the message that announced them
LOOK_BACK = timedelta(days=1)
RESERVATION_MARGIN_S = 60.0

DECIDED = Metric("roottrading_decisions", "consensus decided on", ["kind", "outcome"])


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
        trailing_delta_bips: int | None = None,
        sweep_every_s: float = SWEEP_EVERY_S,
    ) -> None:
        self._store = store
        self._funds = funds
        self._bus = bus
        self._clock = clock
        self._checker = checker
        self._trailing = trailing_delta_bips
        self._sweep_every_s = sweep_every_s
        self._one_at_a_time = asyncio.Lock()
        self.counts: Counter[str] = Counter()
        self.waiting_for = ""

    async def on_signals(self, signals: Sequence[ConsensusSignal]) -> None:
        """Decide on signals in their order, exits first, and publish what was decided.

        Raises:
            TransientError: the database is away; nothing was decided that is not committed.
        """
        async with self._one_at_a_time:
            decided = await self._store.decided([signal.message_id for signal in signals])
            view = await self._checker.view()
            new = {signal.message_id: signal for signal in signals if signal.message_id not in decided}
            self.counts["received"] += len(new)
            # getting out must not wait for somebody getting in
            for side in (Side.SELL, Side.BUY):
                waiting: Sequence[ConsensusSignal] = [signal for signal in new.values() if signal.side is side]
                decisions: list[Decision] = []
                while waiting:
                    outcome = await self._decide(waiting, view)
                    decisions += [self._decision(signal, verdict) for signal, verdict in outcome.decided]
                    view, waiting = outcome.view, outcome.behind
                await self._commit_and_publish(decisions)

    async def _decide(self, signals: Sequence[ConsensusSignal], view: AccountView) -> FundingOutcome[ConsensusSignal]:
        judged = self._checker.check(signals, view)
        answers = await self._ask(
            [(item.signal, item.verdict) for item in judged if isinstance(item.verdict, Approved)]
        )
        outcome = self._checker.settle(judged, answers, view)
        if outcome.postponed:
            self.counts["postponed"] += 1
            logger.warning("funds cannot be asked for", extra={"reason": outcome.postponed})
        if answers:
            self.waiting_for = outcome.postponed
        return outcome

    async def _ask(self, entries: Sequence[tuple[ConsensusSignal, Approved]]) -> Sequence[Answer]:
        """The portfolio's answers, in order; they end with the first one that is no grant."""
        if not entries:
            return ()
        wanted = [
            ReservationRequest(intent_id=intent_id_of(signal), pocket=entry.pocket, amount=entry.cost)
            for signal, entry in entries
        ]
        try:
            return await self._funds.reserve(
                wanted, ttl_s=self._checker.rules.limits.signal_max_age_s + RESERVATION_MARGIN_S
            )
        except TransientError as error:
            return (Postponed(str(error)),)
        except RejectedError as error:
            return (Denied(f"the portfolio did not accept the request: {error}"),)

    def _decision(self, signal: ConsensusSignal, verdict: SignalVerdict) -> Decision:
        return decision_of(signal, verdict, now=self._clock.now(), trailing_delta_bips=self._trailing)

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
            await self._clock.sleep(self._sweep_every_s)

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
