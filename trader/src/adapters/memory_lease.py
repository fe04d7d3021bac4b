"""The right to act for an account, in one process: for traders that share an event loop and a store in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from shared.src.domain.clock import Clock
from shared.src.domain.errors import LeaseLostError, TransientError

LOOK_EVERY_S = 0.5


@dataclass(slots=True)
class LeaseTable:
    """Who acts for the account, as the database has it for the others: None before the first."""

    holder: MemoryLease | None = None


class MemoryLease:
    """Implements ``trader.src.ports.TraderLease``. ``is_alive``: whether the process of its trader still runs."""

    def __init__(self, table: LeaseTable, clock: Clock, *, is_alive: Callable[[], bool]) -> None:
        self._table = table
        self._clock = clock
        self._is_alive = is_alive
        self.acquired = asyncio.Event()
        self.reason = "not asked for yet"

    async def hold(self, account: str) -> None:
        while (holder := self._table.holder) is not None and holder._is_alive():
            self.reason = f"another trader acts for account {account}"
            await self._clock.sleep(LOOK_EVERY_S)
        self._table.holder, self.reason = self, ""
        self.acquired.set()
        while self._table.holder is self:
            await self._clock.sleep(LOOK_EVERY_S)
        raise LeaseLostError(f"another trader acts for account {account}")

    def check(self) -> None:
        if self._table.holder is not self:
            raise TransientError(f"nothing is sent, this trader does not hold the lease: {self.reason}")
