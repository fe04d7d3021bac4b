"""What the coordinator needs of the world: the account, its decisions, funds, and the exchange's rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Protocol

from coordinator.src.decisions import Decision
from core.risk.account import AccountView
from core.risk.funding import Denied, Granted
from shared.src.contracts.orders import OrderIntent
from shared.src.contracts.portfolio import ReservationRequest
from shared.src.contracts.signals import ConsensusSignal


class AccountReader(Protocol):
    async def view(self, now: datetime, quotes: Collection[str]) -> AccountView:
        """The account as it stands; ``quotes``: the quote assets of the symbols that are about to be judged.

        Raises:
            TransientError: it cannot be read now.
        """
        ...


class DecisionStore(Protocol):
    """Every method is one transaction; each raises TransientError while the store is away."""

    async def decided(self, consensus_ids: Collection[str]) -> set[str]:
        """Which of these consensus have a decision."""
        ...

    async def insert(self, decisions: Sequence[Decision]) -> list[Decision]:
        """Write decisions down, all or none; returns those that were not there before, in the same order."""
        ...

    async def mark_published(self, intent_ids: Collection[str]) -> None: ...

    async def unpublished(self, *, older_s: float) -> list[OrderIntent]:
        """Approved intents that were committed and not sent, oldest first."""
        ...

    async def undecided(self, *, since: datetime, older_s: float) -> list[ConsensusSignal]:
        """Accepted consensus that nobody decided on, oldest first."""
        ...

    async def latest(self, *, symbol: str | None, approved: bool | None, limit: int) -> list[dict[str, Any]]:
        """Decisions, newest first, as rows of the table ``decisions``."""
        ...

    async def one(self, decision_id: str) -> dict[str, Any] | None:
        """A decision by its intent id or its consensus id, with the consensus behind it and the cycle after it."""
        ...


class FundsClient(Protocol):
    async def reserve(self, wanted: Sequence[ReservationRequest], *, ttl_s: float) -> Sequence[Granted | Denied]:
        """Set funds aside for several intents at once; the answers, in order, end with the first denial.

        An earlier reservation of the same intent comes back as it is.

        Raises:
            TransientError: nobody answers; asking again is safe.
            RejectedError: the request is wrong; repeating does not help.
        """
        ...
