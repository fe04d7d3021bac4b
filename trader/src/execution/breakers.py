"""Watches prices and the exchange's answers, and halts entries for a while when something is wrong with them."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from core.risk.breakers import AnswerRuns, BreakerRules, RecentPrices
from core.risk.halts import ALL, Cause
from shared.src.domain.clock import Clock
from trader.src.ports import Prices, Store

logger = logging.getLogger(__name__)


class Breakers:
    """``answered`` hears of every order's answer, ``look`` looks at the prices and writes down what halts."""

    def __init__(self, *, store: Store, prices: Prices, clock: Clock, rules: BreakerRules) -> None:
        self._store = store
        self._prices = prices
        self._clock = clock
        self._rules = rules
        self._answers = AnswerRuns()
        self._recent: dict[str, RecentPrices] = {}

    def answered(self, refused: bool | None, seconds: float) -> None:
        """The exchange answered an order after so many wall seconds; ``refused`` is None when it is not known."""
        self._answers = self._answers.after(refused=refused, seconds=seconds, rules=self._rules)

    async def look(self, symbols: Iterable[str]) -> None:
        """Halt what is due: everything for the answers, a symbol for its price. What led to a halt begins anew."""
        for cause, reason in self._answers.breaches(self._rules).items():
            await self._halt(ALL, cause, reason)
            self._answers = AnswerRuns()
        for symbol in symbols:
            ticker = await self._prices.latest(symbol)
            if ticker is None:
                continue
            now = self._clock.now()
            recent = self._recent.get(symbol, RecentPrices()).with_price(ticker.bid, ticker.ask, now)
            reason = recent.breach(self._rules)
            if reason:
                await self._halt(symbol, Cause.PRICE_JUMP, reason)
                recent = RecentPrices().with_price(ticker.bid, ticker.ask, now)
            self._recent[symbol] = recent

    async def _halt(self, scope: str, cause: Cause, reason: str) -> None:
        now = self._clock.now()
        logger.error("entries halted", extra={"scope": scope, "reason": reason})
        await self._store.pause(scope, reason, now, cause=cause, until=now + self._rules.rest)
