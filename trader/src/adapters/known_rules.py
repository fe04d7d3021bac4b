"""The trading rules of the symbols, asked of the exchange once and kept for an hour."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from shared.src.domain.clock import Clock
from shared.src.domain.errors import RejectedError, TransientError
from shared.src.exchange.rules import RulesSource, SymbolRules

logger = logging.getLogger(__name__)

AGE_S_MAX = 3600.0
RETRY_S = 60.0


class KnownRules:
    """Rules by symbol."""

    def __init__(self, source: RulesSource, clock: Clock) -> None:
        self._source = source
        self._clock = clock
        self._rules: dict[str, SymbolRules] = {}
        self._read_at = float("-inf")

    async def of(self, symbol: str) -> SymbolRules:
        """One symbol's rules. Raises TransientError, RejectedError when they are not known and cannot be read."""
        if symbol not in self._rules:
            self._rules |= await self._source.exchange_info([symbol])
        elif self._clock.monotonic() - self._read_at > AGE_S_MAX:
            await self._renew()
        return self._rules[symbol]

    async def learn(self, symbols: Iterable[str]) -> None:
        """Read the rules of these in one call. A symbol that the exchange does not have refuses the call (-1121)."""
        self._rules |= await self._source.exchange_info(symbols)
        self._read_at = self._clock.monotonic()

    async def _renew(self) -> None:
        """All at once; the old ones stay for another minute when the exchange does not answer."""
        self._read_at += RETRY_S
        try:
            await self.learn(list(self._rules))
        except (TransientError, RejectedError) as error:
            logger.warning("symbol rules not renewed", extra={"reason": str(error)})
