"""The trading rules of the symbols: kept for a minute, and read again when the exchange refuses an order."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace

from core.risk.account import assets_of
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.exchange.listing import listed_rules
from shared.src.exchange.rules import NOT_LISTED, RulesSource, SymbolRules

logger = logging.getLogger(__name__)

# Nobody tells of a change, and what is bought by old rules may find no protection.
AGE_S_MAX = 60.0
RETRY_S = 60.0
# Rules that keep being refused are not asked for more often than this; a reading weighs 20.
REFRESH_S_MIN = 2.0
# As good as now: exits that are decided together share a reading.
CURRENT_S = 1.0


class KnownRules:
    """Rules by symbol. A symbol that the exchange does not have (any more) has rules too: nothing trades by them.

    So a position in it stays in sight, and nothing that concerns the other symbols stops.
    """

    def __init__(self, source: RulesSource, clock: Clock, *, quote_asset: str) -> None:
        self._source = source
        self._clock = clock
        self._quote = quote_asset
        self._rules: dict[str, SymbolRules] = {}
        self._read_at = float("-inf")
        self._refreshed_at: dict[str, float] = {}
        self._current_at: dict[str, float] = {}

    async def of(self, symbol: str) -> SymbolRules:
        """One symbol's rules. Raises TransientError, RejectedError when they are not known and cannot be read."""
        if symbol not in self._rules:
            await self._read([symbol])
        elif self._rules[symbol].is_doubted:
            await self.refresh(symbol)
        elif self._clock.monotonic() - self._read_at > AGE_S_MAX:
            await self._renew()
        if symbol not in self._rules:
            raise RejectedError(f"the exchange gave no rules of {symbol}")
        return self._rules[symbol]

    async def current(self, symbol: str) -> SymbolRules:
        """One symbol's rules and status, read a second ago at most. Raises TransientError when they cannot be read."""
        now = self._clock.monotonic()
        if now - self._current_at.get(symbol, float("-inf")) > CURRENT_S:
            await self._read([symbol])
            self._current_at[symbol] = now
        return self._rules[symbol]

    async def learn(self, symbols: Iterable[str]) -> tuple[str, ...]:
        """Read the rules of these in one call; answers those that the exchange does not have."""
        names = tuple(symbols)
        await self._read(names)
        self._read_at = self._clock.monotonic()
        return tuple(symbol for symbol in names if not self._rules[symbol].is_listed)

    async def refresh(self, symbol: str) -> None:
        """Read one symbol's rules again, because the exchange refused an order by them.

        Until that succeeds the old ones stay, marked as doubted: they may still get a position sold, not opened.
        """
        now = self._clock.monotonic()
        if now - self._refreshed_at.get(symbol, float("-inf")) >= REFRESH_S_MIN:
            self._refreshed_at[symbol] = now
            try:
                await self._read([symbol])
            except (TransientError, RejectedError, ContractError) as error:
                logger.warning("symbol rules not read again", extra={"symbol": symbol, "reason": str(error)})
            else:
                return
        if symbol in self._rules:
            self._rules[symbol] = replace(self._rules[symbol], is_doubted=True)

    async def _renew(self) -> None:
        """All at once; the old ones stay for another minute when the exchange does not answer."""
        self._read_at = self._clock.monotonic() + RETRY_S - AGE_S_MAX
        listed = [symbol for symbol, rules in self._rules.items() if rules.is_listed]
        gone = [symbol for symbol in self._rules if symbol not in listed]
        try:
            await self.learn(listed)
            for symbol in gone:
                await self._read([symbol])
        except (TransientError, RejectedError, ContractError) as error:
            logger.warning("symbol rules not renewed", extra={"reason": str(error)})

    async def _read(self, symbols: Iterable[str]) -> None:
        names = tuple(symbols)
        found = await listed_rules(self._source, names)
        for symbol in names:
            self._rules[symbol] = found.get(symbol) or self._unlisted(symbol)

    def _unlisted(self, symbol: str) -> SymbolRules:
        """What is known of a symbol that is gone: its old rules, or nothing but its assets."""
        known = self._rules.get(symbol)
        if known is None or known.is_listed:
            logger.error("the exchange does not have the symbol", extra={"symbol": symbol})
        if known is None:
            base, quote = assets_of(symbol, self._quote)
            known = SymbolRules(symbol, base, quote)
        return replace(known, status=NOT_LISTED, is_doubted=False)
