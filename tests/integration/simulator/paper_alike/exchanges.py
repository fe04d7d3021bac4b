"""The twin behind HTTP and the exchange of paper trading, told the same, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Protocol

import httpx
from redis.asyncio import Redis

from core.positions.model import Order
from shared.src.clocks import SystemClock
from shared.src.config import Settings
from shared.src.contracts.market import MarketTick
from shared.src.database import Database
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import RootTradingError
from shared.src.exchange.calls import SignedCalls
from shared.src.exchange.models import Balance, ExchangeOrder, OddRow, OrderReport
from shared.src.redis_client import RedisBus, redis_from
from shared.src.sql import text
from tests.integration.simulator.conftest import TOKEN, RunningTwin
from trader.src.adapters.live_offers import move_of
from trader.src.adapters.paper import NAME, PaperExchange
from trader.src.binance_executor import BinanceExecutor
from trader.src.ports import Exchange, Listener

START_MS = 1_767_225_600_000
SYMBOL = "BTCUSDC"
SYNC = "SYNC"
FILTERS: list[dict[str, Any]] = [
    {"filterType": "PRICE_FILTER", "minPrice": "1.00", "maxPrice": "100000.00", "tickSize": "0.01"},
    {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "100", "stepSize": "0.001"},
    {"filterType": "MARKET_LOT_SIZE", "minQty": "0", "maxQty": "50", "stepSize": "0"},
    {"filterType": "TRAILING_DELTA", "minTrailingAboveDelta": 10, "maxTrailingAboveDelta": 2000,
     "minTrailingBelowDelta": 10, "maxTrailingBelowDelta": 2000},
    {"filterType": "PERCENT_PRICE_BY_SIDE", "bidMultiplierUp": "2", "bidMultiplierDown": "0.5",
     "askMultiplierUp": "2", "askMultiplierDown": "0.5", "avgPriceMins": 5},
    {"filterType": "NOTIONAL", "minNotional": "10", "applyMinToMarket": True, "maxNotional": "50000",
     "applyMaxToMarket": False, "avgPriceMins": 5},
    {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 8},
    {"filterType": "MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders": 3},
]  # fmt: skip
FIXTURE: dict[str, Any] = {
    "clock": {"mode": "stepped", "start": "2026-01-01T00:00:00Z"},
    "market": {"kind": "still"},
    "symbols": [
        {"symbol": SYMBOL, "base": "BTC", "quote": "USDC", "last_price": "1000.00", "filters": FILTERS},
        {"symbol": "BNBUSDC", "base": "BNB", "quote": "USDC", "last_price": "500.00"},
    ],
    "accounts": [{"name": NAME, "balances": {"USDC": "10000"}}],
    "limits": {"connections_5m": 100_000},
}  # fmt: skip


class ManualClock(SystemClock):
    """Market time that stands still until it is moved."""

    def __init__(self) -> None:
        self.market_ms = START_MS

    def now(self) -> datetime:
        return from_ms(self.market_ms)

    def now_ms(self) -> int:
        return self.market_ms


class PlayedExchange(Protocol):
    """One of the two exchanges, and the world around it."""

    @property
    def exchange(self) -> Exchange: ...

    async def tick(self, tick: MarketTick, known: MarketTick | None) -> None: ...
    async def pass_time(self, ms: int) -> None: ...
    async def deposit(self, asset: str, amount: Decimal) -> None: ...
    async def status(self, status: str) -> None: ...
    async def pay_fees_in_bnb(self) -> None: ...
    async def settle(self, heard: list[Any]) -> None:
        """Return when all that has happened has been heard."""
        ...


class Scenario:
    """What a behaviour is written against: it does things and remembers everything it was told."""

    def __init__(self, played: PlayedExchange) -> None:
        self.played = played
        self.exchange = played.exchange
        self.heard: list[Any] = []
        self.transcript: list[Any] = []
        self._ticks: dict[str, MarketTick] = {}

    # -- what happens ---------------------------------------------------------------------------------------------

    async def tick(self, bid: str, ask: str, quantity: str = "1", symbol: str = SYMBOL) -> None:
        """A live price: best bid and ask with the same quantity."""
        amount = Decimal(quantity)
        tick = MarketTick(
            message_id="t",
            occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
            symbol=symbol,
            bid=Decimal(bid),
            bid_quantity=amount,
            ask=Decimal(ask),
            ask_quantity=amount,
            update_id=1,
        )
        await self.played.tick(tick, self._ticks.get(symbol))
        self._ticks[symbol] = tick
        await self._step("tick", None)

    async def pass_time(self, ms: int) -> None:
        await self.played.pass_time(ms)

    async def deposit(self, asset: str, amount: str) -> None:
        await self.played.deposit(asset, Decimal(amount))
        await self._step("deposit", None)

    # -- what the trader does -------------------------------------------------------------------------------------

    async def place(self, order: Order) -> OrderReport:
        return await self._do("place", self.exchange.place(order))  # type: ignore[no-any-return]

    async def pair(self, take_profit: Order, stop: Order, list_id: str = "pair") -> list[OrderReport]:
        return await self._do("pair", self.exchange.place_pair(take_profit, stop, list_id))  # type: ignore[no-any-return]

    async def cancel(self, order: Order, list_id: int | None = None) -> list[ExchangeOrder]:
        return await self._do("cancel", self.exchange.cancel(replace(order, order_list_id=list_id)))  # type: ignore[no-any-return]

    async def ask(self, method: str, path: str, **params: str) -> Any:
        """Any call that changes something, also one that the port does not have; the answer as it is written."""
        calls: SignedCalls = self.exchange._orders._calls  # type: ignore[attr-defined]
        return await self._do(f"{method} {path}", calls.change(method, path, {"symbol": SYMBOL, **params}))

    async def refused(self, doing: Awaitable[Any]) -> tuple[int | None, str]:
        """The code and message with which something is refused."""
        try:
            answer = await doing
        except RootTradingError as error:
            return getattr(error, "code", None), str(error)
        raise AssertionError(f"not refused: {answer}")

    async def balance(self, asset: str) -> tuple[Any, Any]:
        """What is free and what is locked."""
        held = (await self.exchange.account()).balances.get(asset)
        return (held.free, held.locked) if held else (Decimal(0), Decimal(0))

    async def state(self, order: Order) -> ExchangeOrder:
        return await self.exchange.order(order.symbol, order.client_order_id)

    async def _do(self, what: str, doing: Awaitable[Any]) -> Any:
        try:
            answer = await doing
        except RootTradingError as error:
            await self._step(what, (type(error).__name__, getattr(error, "code", None), str(error)))
            raise
        await self._step(what, answer)
        return answer

    async def _step(self, what: str, answer: Any) -> None:
        """Note the answer, what was heard, and how the account stands."""
        await self.played.settle(self.heard)
        told, self.heard[:] = list(self.heard), []
        balances = (await self.exchange.account()).balances
        balances.pop(SYNC, None)
        orders = sorted(await self.exchange.open_orders(), key=lambda order: order.order_id)
        self.transcript.append((what, answer, told, balances, orders))

    async def ending(self) -> None:
        """Note every trade of the account."""
        for symbol in (SYMBOL, "BNBUSDC"):
            self.transcript.append(await self.exchange.trades(symbol, from_id=1))


class TwinOverHttp:
    """The twin as a process, reached as the trader reaches Binance."""

    def __init__(self, control: httpx.Client, exchange: BinanceExecutor, clock: ManualClock) -> None:
        self.exchange, self.clock = exchange, clock
        self._control = control

    def _do(self, path: str, body: dict[str, Any]) -> None:
        answer = self._control.post(path, json=body)
        assert answer.status_code == 200, answer.text

    async def tick(self, tick: MarketTick, known: MarketTick | None) -> None:
        if known is not None and (known.bid, known.ask) == (tick.bid, tick.ask):
            return
        rules = await self.exchange.rules(tick.symbol)
        move = move_of(tick, known, tick_size=rules.tick, step=rules.step)
        bids, asks = ([[str(price), str(quantity)] for price, quantity in rows] for rows in (move.bids, move.asks))
        self._do("/liquidity", {"symbol": tick.symbol, "bids": bids, "asks": asks})
        trade = {"side": move.side.value, "quantity": str(move.quantity), "price": str(move.price), "print_rest": True}
        self._do("/trades", {"symbol": tick.symbol, **trade})

    async def pass_time(self, ms: int) -> None:
        self._do("/clock", {"advance_ms": ms})
        self.clock.market_ms += ms

    async def deposit(self, asset: str, amount: Decimal) -> None:
        self._do("/balances", {"account": NAME, "asset": asset, "delta": str(amount)})

    async def status(self, status: str) -> None:
        self._do("/symbols", {"symbol": SYMBOL, "status": status})

    async def pay_fees_in_bnb(self) -> None:
        """The fixture says it."""

    async def settle(self, heard: list[Any]) -> None:
        """A deposit comes after all that was told before."""
        await self.deposit(SYNC, Decimal(1))
        async with asyncio.timeout(60):
            while not any(isinstance(row, dict) and SYNC in row for row in heard):  # noqa: ASYNC110 - a callback fills it
                await asyncio.sleep(0.001)
        heard[:] = [row for row in heard if not (isinstance(row, dict) and SYNC in row)]


class PaperInProcess:
    """The exchange of paper trading."""

    def __init__(self, exchange: PaperExchange, clock: ManualClock) -> None:
        self.paper = self.exchange = exchange
        self.clock = clock

    async def tick(self, tick: MarketTick, known: MarketTick | None) -> None:
        await self.paper.on_tick(tick)

    async def pass_time(self, ms: int) -> None:
        self.clock.market_ms += ms

    async def deposit(self, asset: str, amount: Decimal) -> None:
        engine = self.paper._engine
        await self.paper._act(lambda: engine.deposit(engine.account(NAME), asset, amount, self.clock.market_ms))

    async def status(self, status: str) -> None:
        self.paper._engine.set_status(SYMBOL, status, self.clock.market_ms)

    async def pay_fees_in_bnb(self) -> None:
        self.paper._engine.account(NAME).bnb_discount = True

    async def settle(self, heard: list[Any]) -> None:
        while not self.paper._news.empty():  # noqa: ASYNC110 - the queue has no event for being empty
            await asyncio.sleep(0)
        await asyncio.sleep(0)


@asynccontextmanager
async def listening(played: PlayedExchange) -> AsyncIterator[Scenario]:
    """A scenario on an exchange, with somebody who listens to its events."""
    scenario = Scenario(played)
    connected = asyncio.Event()

    async def report(news: OrderReport) -> None:
        scenario.heard.append(news)

    async def balances(news: dict[str, Balance]) -> None:
        scenario.heard.append(news)

    async def is_connected() -> None:
        connected.set()

    async def odd(row: OddRow) -> None:
        raise AssertionError(row)

    task = asyncio.create_task(played.exchange.run(Listener(report, balances, is_connected, odd)))
    try:
        async with asyncio.timeout(60):
            await connected.wait()
        yield scenario
        assert not task.done(), task.result()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await played.exchange.close()


Behaviour = Callable[[Scenario], Awaitable[None]]


class BothExchanges:
    """Plays behaviours on both exchanges, each time on fresh exchanges."""

    def __init__(self, twin: RunningTwin, settings: Callable[..., Settings]) -> None:
        self.twin = twin
        self._settings = settings

    async def play(self, behaviour: Behaviour, *, bnb: bool = False) -> int:
        """Both must behave, and must have said exactly the same, step by step. Returns how many trades there were."""
        fixture = {**FIXTURE, "accounts": [{**FIXTURE["accounts"][0], "bnb_discount": bnb}]}
        self.twin.reset(fixture)
        transcripts = []
        async with AsyncExitStack() as stack:
            for opened in (self._server, self._in_process):
                played = await opened(stack)
                if bnb:
                    await played.pay_fees_in_bnb()
                async with listening(played) as scenario:
                    await behaviour(scenario)
                    await scenario.ending()
                transcripts.append(scenario.transcript)
        server, paper = transcripts
        for number, (left, right) in enumerate(zip(server, paper, strict=True)):
            assert left == right, f"step {number} after {server[number - 1][:2]}: {left} is not {right}"
        return sum(map(len, server[-2:]))

    async def _server(self, stack: AsyncExitStack) -> PlayedExchange:
        settings = self._settings(
            simulator_url=self.twin.rest,
            binance_api_key=self.twin.key,
            binance_secret_key=self.twin.secret,
            trading_symbols=f"{SYMBOL},BNBUSDC",
        )
        clock = ManualClock()
        executor = BinanceExecutor(settings, clock)
        await executor.prepare()
        control = httpx.Client(
            base_url=self.twin.control, headers={"X-Control-Token": TOKEN}, timeout=60, trust_env=False
        )
        stack.callback(control.close)
        return TwinOverHttp(control, executor, clock)

    async def _in_process(self, stack: AsyncExitStack) -> PlayedExchange:
        # the rules are the twin's as it is now: nothing of them changed while the other exchange was played
        settings = self._settings(binance_rest_url=self.twin.rest, trading_symbols=f"{SYMBOL},BNBUSDC")
        database, redis = Database.of(settings, "paper"), redis_from(settings)
        stack.push_async_callback(database.close)
        stack.push_async_callback(_closed, redis)
        async with database.begin() as connection:
            await connection.execute(text("DELETE FROM paper_records"))
        clock = ManualClock()
        paper = PaperExchange(settings, clock, database, redis=redis, notices=RedisBus(redis, consumer="paper"))
        await paper.prepare()
        return PaperInProcess(paper, clock)


async def _closed(redis: Redis) -> None:
    await redis.aclose()
