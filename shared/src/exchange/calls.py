"""Who answers calls to the exchange: the ports below everything that speaks of orders, balances and candles."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Protocol

Params = Mapping[str, str]


class Urgency(Enum):
    """The share of the budget that calls of a kind may use; the rest is kept for the more urgent ones."""

    BULK = 0.6  # history, screens
    WATCH = 0.85  # comparing accounts
    CRITICAL = 1.0  # what became of an order


class PublicCalls(Protocol):
    """Who answers calls that need no account; ``path`` is below /api/v3."""

    async def public(self, path: str, params: Params, *, weight: int, urgency: Urgency = Urgency.BULK) -> Any:
        """Read; the answer as Binance writes it.

        Raises:
            TransientError: no answer, or told to wait; repeating is safe.
            RejectedError: refused, with Binance's code.
        """
        ...


class SignedCalls(Protocol):
    """Who answers calls about an account, over HTTP or in this process; ``path`` is below /api/v3."""

    async def ask(self, path: str, params: Params, *, weight: int, urgency: Urgency) -> Any:
        """Read; the answer as Binance writes it.

        Raises:
            TransientError: no answer; repeating is safe.
            RejectedError: refused, with Binance's code.
        """
        ...

    async def change(self, method: str, path: str, params: Params) -> Any:
        """Change something; the answer as Binance writes it.

        Raises:
            OutcomeUnknownError: no verdict; ask by client order id past the matching horizon.
            TransientError: certainly not carried out.
            RejectedError: refused, with Binance's code.
        """
        ...
