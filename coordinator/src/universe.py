"""Which symbols may be traded, and what the exchange asks of an order in each."""

from __future__ import annotations

import logging
from datetime import datetime
from decimal import Decimal
from typing import Any

from core.risk.account import assets_of
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, RejectedError, TransientError
from shared.src.domain.money import wire
from shared.src.exchange.listing import listed_rules
from shared.src.exchange.rules import NOT_LISTED, TRADING, RulesSource, SymbolRules

logger = logging.getLogger(__name__)

REFRESH_EVERY_S = 300.0
RETRY_EVERY_S = 10.0
NOTIONAL_MIN = Decimal(5)  # until the exchange tells its own


class Universe:
    """The configured symbols with their terms. Until the exchange answered, careful defaults stand in."""

    def __init__(self, source: RulesSource, clock: Clock, symbols: tuple[str, ...], *, quote_asset: str) -> None:
        self._source = source
        self._clock = clock
        self._symbols = symbols
        self._quote = quote_asset
        self._rules: dict[str, SymbolRules] = {}
        self._read_at: datetime | None = None

    @property
    def symbols(self) -> tuple[str, ...]:
        return self._symbols

    def rules(self, symbol: str) -> SymbolRules | None:
        """What an order in the symbol must respect; None when we do not trade it."""
        if symbol not in self._symbols:
            return None
        known = self._rules.get(symbol)
        if known is not None:
            return known
        base, quote = assets_of(symbol, self._quote)
        # before the exchange answered nothing is known; after that it does not have the symbol
        status = NOT_LISTED if self._read_at is not None else TRADING
        return SymbolRules(symbol, base, quote, status=status, notional_min=NOTIONAL_MIN)

    def quotes(self) -> tuple[str, ...]:
        """The assets that the symbols are quoted in, in the order of the symbols."""
        return tuple(dict.fromkeys(assets_of(symbol, self._quote)[1] for symbol in self._symbols))

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
        self._rules = await listed_rules(self._source, self._symbols)
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
            rules = self.rules(symbol)
            assert rules is not None
            states.append(
                {
                    "symbol": symbol,
                    "base": rules.base,
                    "trading": rules.is_trading,
                    "notional_min": wire(rules.notional_min),
                    "step": wire(max(rules.step, rules.market_step)),
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
