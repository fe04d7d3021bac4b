"""What flows into the hub: live candles, durable events, balances, health. One subscription each, for all clients."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from decimal import Decimal
from typing import Any, Protocol

from pydantic import BaseModel

from core.statistics.figures import change_percent, rounded
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.topics import (
    BALANCE_UPDATED,
    CONSENSUS,
    CYCLE_UPDATED,
    EXECUTION,
    KAFKA_CANDLE,
    ORDER_FAILED,
    ORDER_INTENT,
    Topic,
    market_channel,
)
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.errors import ContractError, TransientError
from shared.src.domain.money import wire
from visualization.src.forming import FormingCandle
from visualization.src.views import CandleView, PlatformHealth, SymbolView, TickerView, amount
from visualization.src.websocket import ClientHub

logger = logging.getLogger(__name__)

CANDLES_EVERY_S = 0.1
TICKERS_EVERY_S = 0.25
DAY_OPENS_EVERY_S = 30.0
HEALTH_EVERY_S = 3.0

CHANNEL_OF: dict[str, str] = {
    CONSENSUS.name: "signals",
    ORDER_INTENT.name: "signals",
    EXECUTION.name: "trades",
    ORDER_FAILED.name: "cycles",
    CYCLE_UPDATED.name: "cycles",
}

Minutes = Callable[[str, int], Awaitable[list[Candle]]]
Symbols = Callable[[], Awaitable[list[SymbolView]]]


class Source(Protocol):
    """The two ways to read along: notices, and durable messages without a group."""

    def listen(self, *patterns: str) -> AsyncIterator[tuple[str, bytes]]: ...

    def tap(self, *topics: Topic[Any]) -> AsyncIterator[tuple[Topic[Any], BaseModel]]: ...


class MarketFeed:
    """Live candles of every time frame and the last price of every symbol."""

    def __init__(self, hub: ClientHub, source: Source, clock: Clock, *, minutes: Minutes, symbols: Symbols) -> None:
        self._hub = hub
        self._source = source
        self._clock = clock
        self._minutes = minutes
        self._symbols = symbols
        self._forming: dict[tuple[str, Timeframe], FormingCandle] = {}
        self._latest: dict[str, Candle] = {}
        self._day_open: dict[str, Decimal] = {}
        self._candles: dict[str, list[CandleView]] = {}
        self._tickers: dict[str, TickerView] = {}
        self.received = 0
        self.refused = 0
        hub.on_first_reader(self._prepare)

    def tasks(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The work that keeps the market on screen, by name."""
        return {
            "market": self.read,
            "candles": self.send_candles,
            "tickers": self.send_tickers,
            "day-opens": self.refresh_day_opens,
        }

    async def read(self) -> None:
        """Take in live candles until cancelled."""
        async for _, raw in self._source.listen(market_channel("*")):
            self.received += 1
            try:
                message = KAFKA_CANDLE.decode(raw)
            except ContractError as error:
                # Whoever stores candles makes the dead letter; the screen shows the next one.
                self.refused += 1
                logger.debug("candle refused", extra={"reason": str(error)})
                continue
            self._take(message)

    async def send_candles(self) -> None:
        while True:
            await self._clock.sleep(CANDLES_EVERY_S)
            waiting, self._candles = self._candles, {}
            for channel, candles in waiting.items():
                for candle in candles:
                    self._hub.publish(channel, candle)

    async def send_tickers(self) -> None:
        while True:
            await self._clock.sleep(TICKERS_EVERY_S)
            waiting, self._tickers = self._tickers, {}
            if waiting:
                self._hub.publish("ticker:*", list(waiting.values()))
            for symbol, ticker in waiting.items():
                self._hub.publish(f"ticker:{symbol}", ticker)

    async def refresh_day_opens(self) -> None:
        """Ask now and then, for all clients, what a symbol's price was a day ago."""
        while True:
            try:
                known = await self._symbols()
            except TransientError as error:
                logger.warning("day opens not refreshed", extra={"reason": str(error)})
            else:
                self._day_open = {
                    each["symbol"]: Decimal(each["open_24h"]) for each in known if each["open_24h"] is not None
                }
            await self._clock.sleep(DAY_OPENS_EVERY_S)

    async def _prepare(self, channel: str) -> None:
        """Build the part of a forming candle that went by before anyone looked."""
        kind, *names = channel.split(":")
        if kind != "market":
            return
        symbol, timeframe = names[0], Timeframe(names[1])
        if timeframe is Timeframe.M1:
            return
        now_ms = self._latest[symbol].time if symbol in self._latest else self._clock.now_ms()
        try:
            minutes = await self._minutes(symbol, timeframe.open_of(now_ms))
        except TransientError as error:
            logger.warning("forming candle starts late", extra={"symbol": symbol, "reason": str(error)})
            minutes = []
        forming = FormingCandle(timeframe, minutes)
        if symbol in self._latest:
            forming.apply(self._latest[symbol])
        self._forming[symbol, timeframe] = forming

    def _take(self, message: CandleMessage) -> None:
        candle = message.candle()
        self._queue(candle)
        if candle.timeframe is not Timeframe.M1:
            return
        self._latest[candle.symbol] = candle
        self._tickers[candle.symbol] = self._ticker(candle)
        for key, forming in list(self._forming.items()):
            symbol, timeframe = key
            if symbol != candle.symbol:
                continue
            if not self._hub.has_readers(f"market:{symbol}:{timeframe}"):
                del self._forming[key]
                continue
            so_far = forming.apply(candle)
            if so_far is not None:
                self._queue(so_far)

    def _queue(self, candle: Candle) -> None:
        channel = f"market:{candle.symbol}:{candle.timeframe}"
        if not self._hub.has_readers(channel):
            return
        waiting = self._candles.setdefault(channel, [])
        if waiting and waiting[-1]["time"] == candle.time:
            if waiting[-1]["is_closed"] and not candle.is_closed:
                return
            waiting.pop()
        waiting.append(candle_view(candle))

    def _ticker(self, candle: Candle) -> TickerView:
        day_open = self._day_open.get(candle.symbol)
        change = None if day_open is None else change_percent(candle.close, day_open)
        return TickerView(
            symbol=candle.symbol,
            price=wire(candle.close),
            change_percent=amount(rounded(change)),
            time=candle.time,
        )


def candle_view(candle: Candle) -> CandleView:
    return CandleView(
        time=candle.time,
        open=wire(candle.open),
        high=wire(candle.high),
        low=wire(candle.low),
        close=wire(candle.close),
        volume=wire(candle.volume),
        is_closed=candle.is_closed,
    )


async def feed_events(hub: ClientHub, source: Source) -> None:
    """Decisions, fills and cycles as they are written down."""
    topics: Sequence[Topic[Any]] = (CONSENSUS, ORDER_INTENT, EXECUTION, ORDER_FAILED, CYCLE_UPDATED)
    async for topic, message in source.tap(*topics):
        hub.publish(CHANNEL_OF[topic.name], message.model_dump(mode="json"))


async def feed_balances(hub: ClientHub, source: Source) -> None:
    async for _, raw in source.listen(BALANCE_UPDATED.name):
        try:
            message = BALANCE_UPDATED.decode(raw)
        except ContractError as error:
            logger.debug("balance notice refused", extra={"reason": str(error)})
            continue
        hub.publish("balances", message.model_dump(mode="json"))


async def feed_health(hub: ClientHub, clock: Clock, check: Callable[[], Awaitable[PlatformHealth]]) -> None:
    """Ask all services as long as anyone looks."""
    while True:
        if hub.has_readers("health"):
            hub.publish("health", await check())
        await clock.sleep(HEALTH_EVERY_S)
