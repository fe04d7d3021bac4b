"""Which symbols may be traded, and what the exchange asks of an order in each."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Protocol

from coordinator.src.pocket_checker import SymbolTerms
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.money import wire
from shared.src.domain.symbols import split_symbol
from shared.src.exchange.rules import SymbolRules

logger = logging.getLogger(__name__)

REFRESH_EVERY_S = 3600.0
RETRY_EVERY_S = 10.0


class RulesSource(Protocol):
    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]: ...


class Universe:
    """The configured symbols with their terms. Until the exchange answered, careful defaults stand in."""

    def __init__(self, source: RulesSource, clock: Clock, symbols: tuple[str, ...], *, quote_asset: str) -> None:
        self._source = source
        self._clock = clock
        self._symbols = symbols
        self._quote = quote_asset
        self._rules: dict[str, SymbolRules] = {}
        self._read_at: datetime | None = None

    def terms(self, symbol: str) -> SymbolTerms | None:
        """What an order in the symbol must respect; None when we do not trade it."""
        if symbol not in self._symbols:
            return None
        rules = self._rules.get(symbol)
        if rules is None:
            base, _ = split_symbol(symbol, quote_first=self._quote)
            return SymbolTerms(base, trading=not self._rules)
        step = max(rules.step, rules.market_step)
        return SymbolTerms(rules.base, rules.notional_min, step, rules.is_trading)

    async def choose(self, symbols: tuple[str, ...]) -> None:
        """Trade these from now on.

        Raises:
            TransientError: the exchange's rules were not read; a new symbol is not traded before they are.
        """
        self._symbols = symbols
        try:
            await self.refresh()
        except (RejectedError, ContractError) as error:
            raise TransientError(f"exchange rules not read: {error}") from error

    async def refresh(self) -> None:
        """Read the exchange's rules; symbols it does not have are not traded."""
        try:
            rules = await self._source.exchange_info(self._symbols)
        except RejectedError:
            # one unknown symbol refuses the whole call: read everything and pick
            rules = await self._source.exchange_info(())
        self._rules = {symbol: rules[symbol] for symbol in self._symbols if symbol in rules}
        self._read_at = self._clock.now()

    async def run(self) -> None:
        """Keep the rules current."""
        while True:
            try:
                await self.refresh()
                pause = REFRESH_EVERY_S
            except (TransientError, RejectedError, ContractError) as error:
                logger.warning("exchange rules not read", extra={"reason": str(error)})
                pause = RETRY_EVERY_S
            await self._clock.sleep(pause)

    def shown(self) -> dict[str, Any]:
        states = []
        for symbol in self._symbols:
            terms = self.terms(symbol)
            assert terms is not None
            states.append(
                {
                    "symbol": symbol,
                    "base": terms.base,
                    "trading": terms.trading,
                    "notional_min": wire(terms.notional_min),
                    "step": wire(terms.step),
                    "known": symbol in self._rules,
                }
            )
        selected = [state["symbol"] for state in states if state["trading"]]
        return {
            "selected_count": len(selected),
            "selected_symbols": selected,
            "last_update": self._read_at.isoformat() if self._read_at else None,
            "pair_states": states,
        }
