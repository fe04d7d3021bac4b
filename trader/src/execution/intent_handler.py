"""Takes intents: each exactly once, from the bus or from the decisions nobody handled."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from core.execution.planning import planned
from core.positions.entries import entry_order, opened
from core.positions.entry_lists import armed, brings_exits, has_spare
from core.positions.model import MANUAL, Cycle, Order
from core.positions.protection import Protection
from core.positions.rules import PositionRules
from core.risk.verdicts import Approved, Refused
from shared.src.contracts.orders import OrderIntent
from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError
from shared.src.domain.execution import ExecutionChoice, ExecutionMethod
from shared.src.domain.orders import IntentKind, OrderType, Side
from shared.src.exchange.rules import SymbolRules
from trader.src.cycle_manager import CycleManager
from trader.src.execution import metrics
from trader.src.execution.messages import failed_intent
from trader.src.execution.quarantine import Quarantine
from trader.src.ports import Exchange, Store
from trader.src.risk_manager import RiskManager

logger = logging.getLogger(__name__)

SWEEP_MARGIN = timedelta(seconds=5)
# An exit is never too old to get out of what it was decided on; after so long that is surely gone.
EXIT_AGE_MAX = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of an intent: the cycle it opened (entries), or why not. ``client_order_id``: empty for a plan."""

    cycle_id: str = ""
    client_order_id: str = ""
    refused: str = ""
    code: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """How an entry is carried out. ``trigger``: the price at which it starts, None at once; ``rests_for``: how long it
    may rest, None: for ever.
    """

    trigger: Decimal | None
    rests_for: timedelta | None
    execution: ExecutionChoice


class IntentHandler:
    """One intent is judged and written down at a time, so that limits hold between concurrent ones."""

    def __init__(
        self,
        *,
        exchange: Exchange,
        store: Store,
        cycle_manager: CycleManager,
        risk: RiskManager,
        clock: Clock,
        rules: PositionRules,
        quarantine: Quarantine,
        execution: ExecutionChoice,
    ) -> None:
        """``execution``: how entries at market of strategies are bought."""
        self._execution = execution
        self._exchange = exchange
        self._store = store
        self._cycle_manager = cycle_manager
        self._clock = clock
        self._rules = rules
        self._risk = risk
        self._quarantine = quarantine

    async def take(
        self,
        intent: OrderIntent,
        *,
        trigger: Decimal | None = None,
        rests_for: timedelta | None = None,
        execution: ExecutionChoice | None = None,
    ) -> Taken:
        """Handle an intent; one that was handled before changes nothing.

        Of an order by hand: ``trigger``, its stop price, ``rests_for``, how long it may rest, None: for ever, and
        ``execution``, how it is bought.
        """
        if intent.strategy != MANUAL:
            rests_for = self._rules.resting_max
        terms = Terms(trigger, rests_for, execution or self._choice(intent))
        if intent.kind is IntentKind.EXIT:
            taken = await self._exit(intent)
        else:
            async with self._risk.one_at_a_time:
                taken = await self._entry(intent, terms)
        metrics.INTENTS.labels(intent.kind.value, "refused" if taken.refused else "accepted").inc()
        return taken

    async def sweep(self) -> int:
        """Take the approved decisions that no message brought; returns how many there were."""
        now = self._clock.now()
        since = now - self._rules.entry_age_max - SWEEP_MARGIN
        intents = await self._store.pending_intents(since, exits_since=now - EXIT_AGE_MAX)
        for intent in intents:
            async with self._quarantine.guarded("intent", intent.message_id, symbol=intent.symbol):
                await self.take(intent)
        return len(intents)

    async def settled(self) -> None:
        """Return once every entry that is being judged has become a cycle or a refusal."""
        async with self._risk.one_at_a_time:
            return

    async def _exit(self, intent: OrderIntent) -> Taken:
        # what was bought on a later decision is not meant: no entry is taken on an older one
        latest = intent.occurred_at + self._rules.entry_age_max
        there = [cycle for cycle in await self._store.open_cycles() if cycle.symbol == intent.symbol]
        found = [cycle for cycle in there if cycle.created_at <= latest]
        cycles = [cycle for cycle in found if not cycle.is_owners]
        if not cycles:
            symbol = intent.symbol
            reason = f"what is open in {symbol} belongs to its owner" if found else f"no open position in {symbol}"
            return await self._refuse(intent, Refused(reason))
        # one commit: an exit that is heard again must not close a position that was opened after it
        await self._store.accept_exit(intent.message_id, [cycle.id for cycle in cycles])
        for cycle in cycles:
            self._cycle_manager.wake(cycle.id)
        return Taken(cycle_id=cycles[0].id)

    def _choice(self, intent: OrderIntent) -> ExecutionChoice:
        chosen = intent.strategy != MANUAL and intent.type is OrderType.MARKET
        return self._execution if chosen else ExecutionChoice(ExecutionMethod.AT_ONCE)

    async def _entry(self, intent: OrderIntent, terms: Terms) -> Taken:
        if intent.side is not Side.BUY:
            return await self._refuse(intent, Refused("an entry buys: what sells opens nothing on a spot market"))
        try:
            rules = await self._exchange.rules(intent.symbol)
            if not rules.is_listed:  # nobody could tell its price
                return await self._refuse(intent, Refused(f"{intent.symbol} is not listed on the exchange"))
            verdict = await self._risk.judge(intent, rules, trigger=terms.trigger)
        except RejectedError as error:
            return await self._refuse(intent, Refused(f"{intent.symbol}: {error}", error.code))
        match verdict:
            case Refused() as refused:
                return await self._refuse(intent, refused)
            case Approved() as approved:
                plan = planned(terms.execution, approved, rules)
                now, rests_for = self._clock.now(), terms.rests_for
                cycle = opened(intent, approved, rules, now, resting_max=rests_for, plan=plan)
                if plan is not None:
                    return await self._plan(cycle)
                entry = entry_order(intent, cycle, approved, rules, trigger=terms.trigger)
                with_exits = await self._with_exits(cycle, entry, rules)
                return await self._open(entry, *(with_exits or (cycle, None)))

    async def _plan(self, cycle: Cycle) -> Taken:
        """An entry in several orders; the first of them follows from its plan like every other."""
        if not await self._store.open_cycle(cycle, None) and await self._store.cycle(cycle.id) is None:
            return Taken(refused=f"{cycle.intent_id} was refused before")
        self._cycle_manager.wake(cycle.id)
        return Taken(cycle_id=cycle.id)

    async def _with_exits(self, cycle: Cycle, entry: Order, rules: SymbolRules) -> tuple[Cycle, Protection] | None:
        """The cycle and the exits that its entry brings along; None: it is protected once it is filled."""
        if not brings_exits(entry, rules, self._rules):
            return None
        if has_spare(entry, rules, self._risk.free(rules.base), await self._store.open_cycles()):
            return None
        return armed(cycle, entry, rules, self._rules)

    async def _open(self, entry: Order, cycle: Cycle, exits: Protection | None) -> Taken:
        if not await self._store.open_cycle(cycle, entry, exits.orders if exits is not None else ()):
            if await self._store.order(entry.client_order_id) is None:
                return Taken(refused=f"{cycle.intent_id} was refused before")
            self._cycle_manager.wake(cycle.id)
            return Taken(cycle_id=cycle.id, client_order_id=entry.client_order_id)
        self._risk.note_entry()
        self._cycle_manager.enter(cycle.id, entry, exits)
        return Taken(cycle_id=cycle.id, client_order_id=entry.client_order_id)

    async def _refuse(self, intent: OrderIntent, refused: Refused) -> Taken:
        if await self._store.refuse(failed_intent(intent, refused.reason, self._clock.now(), refused.code)):
            log = {"intent_id": intent.message_id, "symbol": intent.symbol, "reason": refused.reason}
            logger.info("intent refused", extra=log)
        return Taken(refused=refused.reason, code=refused.code)
