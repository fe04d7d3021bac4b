"""May these consensus become orders, and from which pocket? Judged by ``core.risk``; this adds the facts.

It reads the account, and the exchange's rules of the symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coordinator.src.ports import AccountReader
from coordinator.src.universe import Universe
from core.risk.account import AccountView
from core.risk.entry_decisions import DecisionRules
from core.risk.funding import Answer, FundingOutcome, Judged, judge_in_order, with_answers
from shared.src.contracts.signals import ConsensusSignal
from shared.src.domain.clock import Clock
from shared.src.market.recent_closes import RecentCloses


class PocketChecker:
    """Applies the limits to consensus."""

    def __init__(
        self,
        accounts: AccountReader,
        universe: Universe,
        clock: Clock,
        rules: DecisionRules,
        closes: RecentCloses | None = None,
    ) -> None:
        """``closes``: asked when what moves together has a limit."""
        self._closes = closes
        self._accounts = accounts
        self._universe = universe
        self._clock = clock
        self.rules = rules

    async def view(self) -> AccountView:
        """The account now.

        Raises:
            TransientError: it cannot be read.
        """
        view = await self._accounts.view(self._clock.now(), self._universe.quotes())
        if self._closes is None or not self.rules.limits.has_clusters:
            return view
        return replace(view, closes=await self._closes.of(self._universe.symbols))

    async def entries(self) -> str:
        """For /health: whether positions are opened, and what stops it. A halt is no illness."""
        view = await self.view()
        stopped = [f"{scope} is halted: {reason}" for scope, reason in view.halts.items()]
        stopped += [f"{scope} is paused: {reason}" for scope, reason in view.pauses.items()]
        return "; ".join(stopped) or "open"

    def check(self, signals: Sequence[ConsensusSignal], view: AccountView) -> list[Judged[ConsensusSignal]]:
        """Verdicts on consensus of one moment, each on the account that those before it leave."""
        return judge_in_order(signals, view, self._universe.rules, self.rules)

    def settle(
        self, judged: Sequence[Judged[ConsensusSignal]], answers: Sequence[Answer], view: AccountView
    ) -> FundingOutcome[ConsensusSignal]:
        """What becomes of verdicts when the approved entries hear about their funds."""
        return with_answers(judged, answers, view, self.rules.sizing)
