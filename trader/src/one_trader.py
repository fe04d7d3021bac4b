"""Only one trader acts for an account; the others stand by, say so, and take over when it is gone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.retry import Backoff, until_done
from trader.src.ports import OwnExchange, TraderLease

logger = logging.getLogger(__name__)

T = TypeVar("T")
Task = Callable[[], Awaitable[None]]
Apply = Callable[[tuple[str, ...]], Awaitable[None]]
Probe = Callable[[], Awaitable[str]]

RETRY = Backoff(first_s=0.5, max_s=10.0)
STANDBY = "standby"


class OneTrader:
    """Asks which account it is, waits for its lease, makes the exchange ready, and only then lets the work begin.

    However long each of it takes: the REST API answers meanwhile, and says what is waited for.
    """

    def __init__(self, exchange: OwnExchange, lease: TraderLease, clock: Clock) -> None:
        self._exchange = exchange
        self._lease = lease
        self._clock = clock
        self._begun = asyncio.Event()
        self._account = ""
        self._unready = "the exchange was not asked yet"

    def tasks(self, work: Mapping[str, Task]) -> dict[str, Task]:
        """What to run as long as the process lives: ``work``, begun when this trader acts, and what decides that."""
        begun = {name: self._begun_with(task) for name, task in work.items()}
        return begun | {"lease": self._hold, "begin": self._begin}

    async def _hold(self) -> None:
        """Raises LeaseLostError when another trader took over, ConfigurationError when the exchange refuses the key."""
        self._account = await self._until_done(self._exchange.account_name)
        await self._lease.hold(self._account)

    async def _begin(self) -> None:
        """Raises ConfigurationError when the exchange cannot be traded on as it is set up."""
        await self._lease.acquired.wait()
        await self._until_done(self._exchange.prepare)
        self._begun.set()
        await asyncio.Event().wait()

    def _begun_with(self, task: Task) -> Task:
        async def waiting() -> None:
            await self._begun.wait()
            await task()

        return waiting

    def required(self, apply: Apply) -> Apply:
        """``apply`` where it may be called: it raises TransientError before the work has begun."""

        async def applied(symbols: tuple[str, ...]) -> None:
            self.require()
            await apply(symbols)

        return applied

    def probes(self) -> dict[str, Probe]:
        """What /health says of the account and the exchange, which a trader that stands by does not listen to."""
        return {"account": self.probe, "exchange": self._ping}

    async def _ping(self) -> str:
        return await self._exchange.ping() if self._begun.is_set() else f"{STANDBY}: not begun"

    def require(self) -> None:
        """For commands.

        Raises:
            TransientError: this trader stands by, or cannot begin.
        """
        if not self._begun.is_set():
            raise TransientError(self._why_not())
        self._lease.check()

    async def probe(self) -> str:
        """For /health: who stands by takes no commands, so it is not healthy, and says why."""
        self.require()
        return f"acts for account {self._account}"

    @property
    def _stands_by(self) -> bool:
        return bool(self._account) and not self._lease.acquired.is_set()

    def _why_not(self) -> str:
        if self._stands_by:
            return f"{STANDBY}: {self._lease.reason}"
        return f"the trader has not begun: {self._unready}"

    async def _until_done(self, action: Callable[[], Awaitable[T]]) -> T:
        return await until_done(action, RETRY, sleep=self._clock.sleep, on_failure=self._note)

    def _note(self, error: TransientError) -> None:
        self._unready = str(error)
        logger.warning("the exchange is not ready, asked again", extra={"reason": self._unready})
