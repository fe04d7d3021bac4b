"""An account on a matching engine in this process: the exchange of paper trading and of the platform in one process."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from shared.src.domain.clock import Clock
from shared.src.domain.errors import TransientError
from shared.src.exchange.models import BookTicker
from shared.src.exchange.rules import SymbolRules
from simulator.api.json_object import JsonObject
from simulator.api.payloads.user import user_payload
from simulator.api.rest.market import exchange_filters
from simulator.engine.errors import ApiError
from simulator.engine.events import Event
from simulator.engine.exchange import Engine
from simulator.engine.rules import MarketRules
from trader.src.adapters.in_process import InProcessCalls, refusal
from trader.src.adapters.rest_exchange import RestExchange, tell
from trader.src.ports import Listener

LEVELS = 100


class EngineAccount(RestExchange, ABC):
    """Implements ``trader.src.ports.Exchange`` and ``trader.src.ports.Prices``, but for when events are told.

    The listener hears of what is put into ``_news``, in that order.
    """

    def __init__(self, engine: Engine, account: str, clock: Clock) -> None:
        self._clock = clock
        self._name = account
        self._news: asyncio.Queue[JsonObject] = asyncio.Queue()
        self._parsed: dict[str, tuple[MarketRules, list[dict[str, Any]], SymbolRules]] = {}
        self._enter(engine)

    def _enter(self, engine: Engine) -> None:
        self._engine = engine
        self._events: Callable[[], Iterable[Event]] = engine.drain
        super().__init__(InProcessCalls(self._clock, engine, self._name, self._act))

    async def follow(self, symbols: Sequence[str]) -> None:
        for symbol in symbols:
            await self.rules(symbol)

    async def rules(self, symbol: str) -> SymbolRules:
        try:
            listed = self._engine.market(symbol).rules
        except ApiError as error:
            raise refusal(error) from error
        for_all = exchange_filters(self._engine)
        known = self._parsed.get(symbol)
        if known is None or known[0] is not listed or known[1] != for_all:
            known = self._parsed[symbol] = (listed, for_all, SymbolRules.parse(listed.exchange_info(), for_all))
        return known[2]

    async def refresh_rules(self, symbol: str) -> None:
        """They are the engine's own, never old."""

    async def blocked_s(self) -> float:
        return 0.0

    def entries_wait_s(self) -> float:
        return 0.0

    async def current_rules(self, symbol: str) -> SymbolRules:
        return await self.rules(symbol)

    async def ticker(self, symbol: str) -> BookTicker:
        found = await self.latest(symbol)
        if found is None:
            raise TransientError(f"nobody offers to buy and to sell {symbol}")
        return found

    async def last_price(self, symbol: str) -> Decimal | None:
        try:
            return self._engine.last_price(symbol)
        except ApiError as error:
            raise refusal(error) from error

    async def average_price(self, symbol: str) -> Decimal:
        try:
            market = self._engine.market(symbol)
        except ApiError as error:
            raise refusal(error) from error
        average = market.tape.average((await self.rules(symbol)).average_minutes, self._clock.now_ms())
        return average or (await self.ticker(symbol)).middle

    async def asks(self, symbol: str) -> list[tuple[Decimal, Decimal]]:
        try:
            _, _, asks = self._engine.depth(symbol, LEVELS)
        except ApiError as error:
            raise refusal(error) from error
        return [(price, quantity) for price, quantity in asks]

    async def latest(self, symbol: str) -> BookTicker | None:
        try:
            _, bids, asks = self._engine.depth(symbol, 1)
        except ApiError as error:
            raise refusal(error) from error
        return BookTicker(symbol, *bids[0], *asks[0]) if bids and asks else None

    @property
    def hears(self) -> bool:
        return True

    async def ping(self) -> str:
        return f"{self._name}, in process"

    async def run(self, listener: Listener) -> None:
        await listener.connected()
        while True:
            await tell(listener, await self._news.get())

    async def close(self) -> None:
        """Nothing is open."""

    def _drain(self) -> list[JsonObject]:
        """What happened to the account since the last call, as its user data stream says it."""
        now_ms = self._clock.now_ms()
        mine = (event for event in self._events() if getattr(event, "account", None) == self._name)
        payloads = (user_payload(event, now_ms) for event in mine)
        return [payload for payload in payloads if payload is not None]

    @abstractmethod
    async def _act(self, action: Callable[[], Any]) -> Any:
        """Let the engine do something and have what it did told; returns the action's answer, raises its ApiError."""


class EngineExchange(EngineAccount):
    """What a call does to the account is told with its answer; what a move of the market does, by ``announce``.

    ``events`` gives what happened since last asked; a ``simulator.tape.Tape`` that plays the engine's market has its
    own (``account_events``).
    """

    def __init__(
        self, engine: Engine, account: str, clock: Clock, events: Callable[[], Iterable[Event]] | None = None
    ) -> None:
        super().__init__(engine, account, clock)
        if events is not None:
            self._events = events

    def announce(self) -> None:
        """Tell what happened to the account: to be called after every change of the engine that was no call of ours."""
        for payload in self._drain():
            self._news.put_nowait(payload)

    async def _act(self, action: Callable[[], Any]) -> Any:
        answer = action()
        self.announce()
        return answer
