"""The exchange as the trader's port: Binance over REST, with its user data stream. Live, and the twin over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from redis.asyncio import Redis

from shared.src.config import Settings
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ConfigurationError, RejectedError, TransientError
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.listing import refuse_none_listed
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.models import AccountSnapshot, BookTicker
from shared.src.exchange.rules import SymbolRules
from shared.src.exchange.user_stream import UserStream
from shared.src.exchange.venue import Venue, venue_of
from trader.src.adapters.known_rules import KnownRules
from trader.src.adapters.rest_exchange import RestExchange, tell
from trader.src.ports import Listener


class BinanceExecutor(RestExchange):
    """Implements ``trader.src.ports.Exchange``."""

    def __init__(
        self, settings: Settings, clock: Clock, *, redis: Redis | None = None, fence: Callable[[], None] = lambda: None
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._client = BinanceClient(settings, clock, redis=redis, fence=fence)
        self._market = MarketData(self._client, clock, on_limits=self._client.order_counts.learn)
        self._rules = KnownRules(self._market, clock, quote_asset=settings.quote_asset)
        super().__init__(self._client)
        self._stream: UserStream | None = None

    async def account_name(self) -> str:
        """The exchange's address with the account's number there, or with a digest of the key where none is told."""
        await self._client.synchronize()
        number = (await self._own_account()).uid
        key = self._settings.binance_api_key.get_secret_value()
        digest = hashlib.sha256(key.encode()).hexdigest()[:16]
        return f"{urlsplit(self._settings.rest_url).netloc}/{number or digest}"

    async def _own_account(self) -> AccountSnapshot:
        try:
            return await self.account()
        except RejectedError as error:
            raise ConfigurationError(f"BINANCE_API_KEY: the exchange refuses it: {error}") from error

    async def prepare(self) -> None:
        """Measure the clock and look at the key.

        Raises:
            ConfigurationError: no key, a key the exchange refuses, one that may not trade, or one that may withdraw;
                none of the symbols is one that the exchange has.
            TransientError: the exchange does not answer as it should.
        """
        await self._client.synchronize()
        refuse_none_listed(self._settings.trading_symbols, await self._rules.learn(self._settings.trading_symbols))
        if not (await self._own_account()).can_trade:
            raise ConfigurationError("BINANCE_API_KEY: this key may not trade; enable spot trading for it")
        await self._refuse_withdrawals()

    async def follow(self, symbols: Sequence[str]) -> None:
        await self._rules.learn(symbols)

    async def rules(self, symbol: str) -> SymbolRules:
        return await self._rules.of(symbol)

    async def refresh_rules(self, symbol: str) -> None:
        await self._rules.refresh(symbol)

    async def blocked_s(self) -> float:
        return await self._client.weights.blocked_s()

    def entries_wait_s(self) -> float:
        return self._client.order_counts.entries_wait_s()

    async def current_rules(self, symbol: str) -> SymbolRules:
        return await self._rules.current(symbol)

    async def _refuse_withdrawals(self) -> None:
        """A key that can withdraw is refused on the real exchange; a twin's keys concern no money."""
        if venue_of(self._settings) is not Venue.BINANCE:
            return
        rights = await self._client.key_rights()
        if rights.get("enableWithdrawals"):
            raise ConfigurationError("BINANCE_API_KEY: this key can withdraw; make one that cannot")

    async def ticker(self, symbol: str) -> BookTicker:
        return await self._market.book_ticker(symbol)

    async def last_price(self, symbol: str) -> Decimal | None:
        return await self._market.last_price(symbol)

    async def average_price(self, symbol: str) -> Decimal:
        return await self._market.average_price(symbol)

    async def asks(self, symbol: str) -> list[tuple[Decimal, Decimal]]:
        return await self._market.asks(symbol)

    @property
    def hears(self) -> bool:
        return self._stream is not None and self._stream.is_complete

    async def ping(self) -> str:
        """Whether the exchange answers and its stream is alive.

        Raises:
            TransientError: it is not.
        """
        await self._market.server_time()
        if self._stream is None or not self._stream.connected:
            reason = self._stream.reason if self._stream else "not started"
            raise TransientError(f"REST answers, the user stream does not: {reason}")
        return f"{self._settings.rest_url}: REST and user stream"

    async def run(self, listener: Listener) -> None:
        async def on_event(event: dict[str, Any]) -> None:
            await tell(listener, event)

        self._stream = UserStream(
            self._settings,
            self._clock,
            on_event=on_event,
            on_connected=listener.connected,
            timestamp_ms=self._client.timestamp_ms,
            may_connect=self._client.connections.take,
        )
        await self._stream.run()

    async def close(self) -> None:
        await self._client.close()
