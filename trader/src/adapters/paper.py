"""Paper trading: Binance's live prices, matched by the simulator's engine in this process.

Nothing is told to anyone before the engine's state is committed, so a restart finds the account as it was last seen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from redis.asyncio import Redis

from core.risk.fees import FeeModel
from shared.src.bus.ports import Notices
from shared.src.config import Settings
from shared.src.contracts.market import MarketTick
from shared.src.contracts.topics import KAFKA_TICK, tick_channel
from shared.src.database import Database
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, OutcomeUnknownError, TransientError
from shared.src.domain.orders import Side
from shared.src.exchange.client import BinanceClient
from shared.src.exchange.listing import picked, refuse_none_listed
from shared.src.exchange.market_data import MarketData
from shared.src.exchange.models import BookTicker
from simulator.engine.core import unused_id
from simulator.engine.exchange import Engine
from simulator.engine.records import Batch, changes
from simulator.engine.rules import MarketRules
from trader.src.adapters.engine_exchange import EngineAccount
from trader.src.adapters.live_offers import move_of
from trader.src.adapters.postgres_paper_state import PostgresPaperState
from trader.src.ports import Listener

logger = logging.getLogger(__name__)

NAME = "paper"
QUIET_S_MAX = 60.0


class PaperExchange(EngineAccount):
    """Adds live prices, and rows that survive a restart: what is told is written down first."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        database: Database,
        *,
        redis: Redis,
        notices: Notices,
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self._fence = fence
        self._settings = settings
        self._client = BinanceClient(settings, clock, redis=redis)
        self._live = MarketData(self._client, clock)
        self._notices = notices
        self._state = PostgresPaperState(database, NAME)
        self._lock = asyncio.Lock()
        # What is not known to be committed: to be written and told with the next commit.
        self._unsaved = Batch()
        self._untold: list[dict[str, Any]] = []
        self._ticks: dict[str, MarketTick] = {}
        self._heard_at: float | None = None
        super().__init__(Engine(first_id=unused_id(clock.now_ms())), NAME, clock)

    def _enter(self, engine: Engine) -> None:
        engine.keep_track()
        super()._enter(engine)

    async def account_name(self) -> str:
        return NAME

    async def prepare(self) -> None:
        """Open the account as it was left, or a new one; list the symbols under Binance's own rules.

        Raises:
            ConfigurationError: Binance knows none of the symbols, or the account was written by another version.
        """
        saved = await self._state.load()
        if saved is not None:
            self._enter(saved)
        refuse_none_listed(self._settings.trading_symbols, await self._list(self._settings.trading_symbols))
        if NAME not in self._engine.accounts:
            balances = {self._settings.quote_asset: self._settings.paper_balance}
            fees = FeeModel.of(self._settings)
            self._engine.add_account(NAME, balances, fees.maker, fees.taker)
        self._engine.drain()
        await self._state.save(changes(self._engine))

    async def follow(self, symbols: Sequence[str]) -> None:
        async with self._lock:
            await self._list(symbols)
            self._unsaved.merge(changes(self._engine))
            await self._save()

    async def _list(self, symbols: Sequence[str]) -> list[str]:
        """Open the markets of those that Binance has, under its rules; answers those that it does not have."""
        entries = await picked(self._entries, symbols)
        for entry in entries.values():
            rules = MarketRules.of_exchange_info(entry)
            if rules.symbol in self._engine.markets:
                self._engine.set_rules(rules, self._clock.now_ms())
            else:
                self._engine.add_symbol(rules)
        unlisted = [symbol for symbol in symbols if symbol not in entries]
        if unlisted:
            logger.error("Binance does not have these symbols", extra={"symbols": unlisted})
        return unlisted

    async def _entries(self, symbols: Sequence[str]) -> dict[str, dict[str, Any]]:
        return {entry["symbol"]: entry for entry in await self._live.exchange_info_entries(symbols)}

    async def ticker(self, symbol: str) -> BookTicker:
        tick = self._ticks.get(symbol)
        if tick is None:
            return await self._live.book_ticker(symbol)
        return BookTicker(symbol, tick.bid, tick.bid_quantity, tick.ask, tick.ask_quantity)

    async def ping(self) -> str:
        """Whether live prices arrive.

        Raises:
            TransientError: none did for a minute.
        """
        if self._heard_at is None or self._clock.monotonic() - self._heard_at > QUIET_S_MAX:
            raise TransientError("paper trading gets no live prices (gateway, dispatcher)")
        return f"paper, on live prices of {len(self._ticks)} symbols"

    async def run(self, listener: Listener) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(super().run(listener))

    async def close(self) -> None:
        await self._client.close()

    # Inside

    async def _act(self, action: Callable[[], Any]) -> Any:
        """Let the engine act, commit what it became, and only then answer.

        Raises:
            TransientError: an earlier change could not be committed yet, so nothing was done.
            OutcomeUnknownError: it was done, but is not known to be committed.
        """
        async with self._lock:
            if self._unsaved.records:
                await self._save()
            self._fence()
            answer = action()
            try:
                await self._commit()
            except TransientError as error:
                raise OutcomeUnknownError(f"not known to be saved: {error}") from error
            return answer

    async def _commit(self, moved: str | None = None) -> None:
        """Write down and tell what happened to the account; prices alone are not worth a row."""
        news = self._drain()
        # A trailing stop remembers the best price, and has nothing to say about it.
        trails = moved is not None and any(True for _ in self._engine.market(moved).stops.trailing())
        if not news and not trails and not self._unsaved.records:
            return
        self._untold += news
        self._unsaved.merge(changes(self._engine))
        await self._save()

    async def _save(self) -> None:
        await self._state.save(self._unsaved)
        self._unsaved = Batch()
        for payload in self._untold:
            self._news.put_nowait(payload)
        self._untold.clear()

    async def _listen(self) -> None:
        async for _, raw in self._notices.listen(tick_channel("*")):
            try:
                tick = KAFKA_TICK.decode(raw)
            except ContractError as error:
                logger.warning("tick not understood", extra={"reason": str(error)})
                continue
            try:
                await self.on_tick(tick)
            except TransientError as error:
                logger.warning("not saved, kept for the next time", extra={"reason": str(error)})

    async def on_tick(self, tick: MarketTick) -> None:
        """Move the market to a live price.

        Raises:
            TransientError: what this did to the account is not saved yet.
        """
        async with self._lock:
            self._heard_at = self._clock.monotonic()
            known = self._ticks.get(tick.symbol)
            if known is not None and tick.occurred_at < known.occurred_at:
                return  # from a dispatcher that was frozen or is repeating itself: the market has moved on
            if known is not None and (known.bid, known.ask) == (tick.bid, tick.ask):
                self._ticks[tick.symbol] = tick
                return
            if tick.symbol not in self._engine.markets or tick.bid >= tick.ask:
                return
            self._ticks[tick.symbol] = tick
            now_ms = self._clock.now_ms()
            rules = self._engine.market(tick.symbol).rules
            move = move_of(tick, known, tick_size=rules.price.step, step=rules.lot.step)
            self._engine.set_liquidity(tick.symbol, move.bids, move.asks, now_ms)
            self._engine.outside_trade(
                tick.symbol, Side(move.side.value), move.quantity, now_ms, price=move.price, print_rest=True
            )
            await self._commit(tick.symbol)
