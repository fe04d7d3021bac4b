"""The twin put together: exchange, clock, market, streams, faults and keys of one running instance, and its reset.

One ``TwinState`` object lives as long as the process, since the API holds on to it; a reset replaces what is in it.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from shared.src.domain.orders import Side
from simulator.api.auth import ApiKey
from simulator.api.faults.rules import FaultRule, Faults
from simulator.api.market_data import StoredMarketData
from simulator.api.rest.sapi import advance_algos
from simulator.api.state import TwinState
from simulator.api.streams.hub import GOING_AWAY, Hub, render
from simulator.api.streams.sockets import ConnectionLimits
from simulator.api.streams.user_stream import UserStreams
from simulator.fixture import AccountConfig, ExecutionRule, Fixture
from simulator.floor import AccountNews, TradingFloor
from simulator.market.book import Level
from simulator.market.clock import ClockMode
from simulator.market.driver import Driver
from simulator.market.mirror import MirrorDriver, MirrorSource
from simulator.world import World

PULSE_S = 0.1
SHOWN_LEVELS = 10


class Twin:
    """Everything of one instance: build it, ``await start()``, and ``await stop()`` at the end.

    ``world`` and ``resume_ms`` come from a saved state.
    """

    def __init__(self, fixture: Fixture, *, world: World | None = None, resume_ms: int | None = None) -> None:
        self.faults = Faults(fixture.seed)
        self.faults.act = self._act
        self.hub = Hub(self.faults)
        self.connection_limits = ConnectionLimits()
        self._tasks: list[asyncio.Task[None]] = []
        self.changes = 0
        self._enter(world or World(fixture))
        self.users = UserStreams(self.faults, self._now_ms)
        self.state = TwinState(
            self.exchange,
            self.clock,
            StoredMarketData(self.candles, self.horizon),
            keys=self.world.keys,
            limits=self.world.limits,
            fault=self.faults.request,
            flush=self.flush,
            sors=_sors(self.world.fixture),
        )
        if resume_ms is None:
            self.driver.open()
        else:
            self.driver.resume(resume_ms)

    def _now_ms(self) -> int:
        """Server time; the clock itself is another one after a reset."""
        return self.clock.now_ms()

    def horizon(self) -> int:
        """Market time (ms) up to which the market has been played."""
        return self.floor.horizon()

    def _enter(self, world: World) -> None:
        """Make a world the one that is shown."""
        self.world = world
        self.exchange, self.clock, self.candles = world.exchange, world.clock, world.candles
        self.floor = TradingFloor(
            world.exchange,
            world.clock,
            world.candles,
            self.hub,
            on_account=self._on_account,
            monotonic=time.monotonic,
        )
        self.driver = self._driver(world)
        self.floor.due = self.driver.due
        limits = world.fixture.limits
        self.connection_limits.attempts_5m = limits.connections_5m
        self.connection_limits.life_s = limits.connection_life_s
        self.connection_limits.ping_interval_s = limits.ping_interval_s
        self.connection_limits.pong_timeout_s = limits.pong_timeout_s
        self.connection_limits.outbox_messages = limits.outbox_messages

    def _driver(self, world: World) -> Driver | MirrorDriver:
        if isinstance(world.source, MirrorSource):
            return MirrorDriver(world.source, self.floor, world.clock)
        profiles = world.profiles if world.has_outside else {}
        return Driver(world.source, profiles, self.floor, world.clock, world.fixture.seed)

    # -- life ---------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Let the market move and the streams flow."""
        self._tasks = [asyncio.create_task(self._beat(), name="twin pulse")]
        if self.clock.mode != ClockMode.STEPPED:
            self._tasks.append(asyncio.create_task(self.driver.run(), name="twin market"))

    async def stop(self) -> None:
        """Stop the market; connections are the server's to close."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(PULSE_S)
            self._work_algos()
            self.floor.feed.pulse()

    def _work_algos(self) -> None:
        """Work the slices of TWAP orders that are due."""
        if self.state.algos:
            advance_algos(self.state, self.clock.now_ms())
            self.flush()

    def check(self) -> None:
        """Raise what ended the market or the pulse, if anything did."""
        for task in self._tasks:
            if task.done() and not task.cancelled():
                task.result()

    async def reset(self, fixture: Fixture) -> None:
        """Start over. Market stream connections stay; user data subscriptions end."""
        world = await asyncio.to_thread(World, fixture)
        running = bool(self._tasks)
        await self.stop()
        self.faults.forget()
        for connection in self.users.connections():
            self.users.unsubscribe(connection)
        self._enter(world)
        self.state.exchange, self.state.clock = world.exchange, world.clock
        self.state.market = StoredMarketData(world.candles, self.horizon)
        self.state.keys, self.state.limits = world.keys, world.limits
        self.state.sors = _sors(fixture)
        self.state.algos.clear()
        self.users.revoke()
        self.changes += 1
        self.driver.open()
        if running:
            await self.start()

    def flush(self) -> None:
        """Hand out what a request caused."""
        self.changes += 1
        self.floor.flush()

    def _on_account(self, event: AccountNews) -> None:
        self.changes += 1
        self.users.publish(event.account, event)

    # -- what the control API does ---------------------------------------------------------------------------------

    def set_liquidity(self, symbol: str, bids: Sequence[Level], asks: Sequence[Level]) -> None:
        """Replace what outside participants offer. Raises ValueError when the two sides cross."""
        self.exchange.set_liquidity(symbol, bids, asks, self.clock.now_ms())
        self.flush()

    def outside_trade(
        self, symbol: str, side: str, quantity: Decimal, price: Decimal | None, *, print_rest: bool = False
    ) -> Decimal:
        """An outside participant takes; returns what traded."""
        traded = self.exchange.outside_trade(
            symbol, Side(side), quantity, self.clock.now_ms(), price=price, print_rest=print_rest
        )
        self.flush()
        return traded

    async def advance(self, step_ms: int) -> None:
        """Move a stepped clock, playing the market on the way. Raises ValueError for another clock."""
        if self.clock.mode != ClockMode.STEPPED:
            raise ValueError("only a stepped clock can be advanced")
        await self.driver.advance(step_ms)
        self.exchange.tick(self.clock.now_ms())
        self._work_algos()
        self.changes += 1
        self.floor.arrive()

    def change_balance(self, account: str, asset: str, delta: Decimal) -> dict[str, Any]:
        """Deposit or withdraw. Raises ValueError for more than is free."""
        owner = self.exchange.account(account)
        self.exchange.deposit(owner, asset, delta, self.clock.now_ms())
        return self._balance_view(account, asset)

    def lock_balance(self, account: str, asset: str, delta: Decimal) -> dict[str, Any]:
        """Lock or unlock from outside of the exchange. Raises ValueError for more than there is."""
        self.exchange.lock_externally(self.exchange.account(account), asset, delta, self.clock.now_ms())
        return self._balance_view(account, asset)

    def _balance_view(self, account: str, asset: str) -> dict[str, Any]:
        self.flush()
        balance = self.exchange.account(account).balance(asset)
        return {
            "account": account,
            "asset": asset,
            "free": format(balance.free, ".8f"),
            "locked": format(balance.locked, ".8f"),
        }

    def change_symbol(
        self,
        symbol: str,
        *,
        status: str | None = None,
        filters: list[dict[str, Any]] | None = None,
        rules: list[ExecutionRule] | None = None,
    ) -> dict[str, Any]:
        """Change a symbol while running. Raises ValueError for a status or filter that does not exist."""
        now = self.clock.now_ms()
        if filters:
            self.exchange.set_filters(symbol, filters, now)
        if status is not None:
            self.exchange.set_status(symbol, status, now)
            self.driver.freeze(symbol, frozen=status != "TRADING")
        if rules is not None:
            old, rule = self.exchange.market(symbol).rules, rules[0].rule() if rules else None
            self.exchange.set_rules(replace(old, price_range_rule=rule), now)
        self.flush()
        found = self.exchange.market(symbol).rules
        return {"symbol": symbol, "status": found.status, "filters": [dict(entry) for entry in found.filters]}

    def add_account(self, config: AccountConfig) -> dict[str, Any]:
        """Open an account; returns its key. Raises ValueError when the name is taken."""
        key = self.world.open_account(config)
        self.changes += 1
        return _key_view(key)

    def account_keys(self) -> list[dict[str, Any]]:
        """Every account's key, as the ready line shows them."""
        return [_key_view(key) for key in self.world.keys.values()]

    def accounts_view(self) -> list[dict[str, Any]]:
        """Every account's key and balances."""
        views = []
        for key in self.world.keys.values():
            account = self.exchange.account(key.account)
            balances = {
                asset: {"free": format(balance.free, ".8f"), "locked": format(balance.locked, ".8f")}
                for asset, balance in account.balances.items()
                if balance.free or balance.locked
            }
            views.append({**_key_view(key), "balances": balances, "open_orders": len(account.open_orders)})
        return views

    def audit(self) -> dict[str, Any]:
        """The engine's proof that every coin is where it must be."""
        return self.exchange.audit()

    def book(self, symbol: str, levels: int = SHOWN_LEVELS) -> dict[str, Any]:
        """The best levels of a symbol."""
        update_id, bids, asks = self.exchange.depth(symbol, levels)
        return {
            "symbol": symbol,
            "last_update_id": update_id,
            "bids": [[format(price, "f"), format(quantity, "f")] for price, quantity in bids],
            "asks": [[format(price, "f"), format(quantity, "f")] for price, quantity in asks],
        }

    def announce_shutdown(self, close_after_s: float | None) -> int:
        """Send serverShutdown on every connection and close them after a while; returns how many there are."""
        now = self.clock.now_ms()
        self.hub.broadcast("!serverShutdown", lambda unit: _shutdown(now, unit))
        users = self.users.everyone()
        for connection in users:
            connection.put(render({"event": _shutdown(now, connection.unit)}))
        if close_after_s is not None:
            loop = asyncio.get_running_loop()
            for connection in (*self.hub.connections, *users):
                loop.call_later(close_after_s, connection.close, GOING_AWAY, "")
        return len(self.hub.connections) + len(users)

    # -- faults that act on the market or on connections ------------------------------------------------------------

    def _act(self, rule: FaultRule) -> Callable[[], None] | None:
        symbols = [rule.match["symbol"]] if "symbol" in rule.match else list(self.exchange.markets)
        match rule.kind.name:
            case "price_gap":
                for symbol in symbols:
                    self.driver.gap(symbol, float(rule.params["percent"]))
                return None
            case "symbol_halt":
                return self._halt(symbols, str(rule.params["status"]))
            case "filter_change":
                return self._change_filters(symbols, list(rule.params["filters"]))
            case "insufficient_liquidity":
                return self._thin(symbols, float(rule.params["depth"]))
            case "disconnect":
                self._disconnect(rule)
            case "maintenance":
                self.hub.close_all()
                for connection in self.users.everyone():
                    connection.close(GOING_AWAY, "")
        return None

    def _halt(self, symbols: Sequence[str], status: str) -> Callable[[], None]:
        before = {symbol: self.exchange.market(symbol).rules.status for symbol in symbols}
        for symbol in symbols:
            self.change_symbol(symbol, status=status)

        def undo() -> None:
            for symbol, old in before.items():
                self.change_symbol(symbol, status=old)

        return undo

    def _change_filters(self, symbols: Sequence[str], filters: list[dict[str, Any]]) -> Callable[[], None]:
        if not filters:
            raise ValueError("filter_change needs params.filters: Binance filter objects")
        before = {symbol: self.exchange.market(symbol).rules.filters for symbol in symbols}
        for symbol in symbols:
            self.change_symbol(symbol, filters=filters)

        def undo() -> None:
            for symbol, old in before.items():
                self.change_symbol(symbol, filters=[dict(entry) for entry in old])

        return undo

    def _thin(self, symbols: Sequence[str], depth: float) -> Callable[[], None]:
        if not 0 < depth <= 1:
            raise ValueError("insufficient_liquidity needs 0 < params.depth <= 1")
        for symbol in symbols:
            self.driver.thin(symbol, depth)
        self.flush()

        def undo() -> None:
            for symbol in symbols:
                self.driver.thin(symbol, 1.0)
            self.flush()

        return undo

    def _disconnect(self, rule: FaultRule) -> None:
        code, target = int(rule.params["code"]), str(rule.params["target"])
        endpoint = rule.match.get("endpoint")
        if not (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999):
            raise ValueError(f"{code} is no code that a WebSocket connection can be closed with")
        if endpoint is not None:
            return
        if target in ("all", "streams"):
            self.hub.close_all(code)
        if target in ("all", "user"):
            for connection in self.users.connections():
                connection.close(code, "")
        rule.remaining = None


def _sors(fixture: Fixture) -> list[dict[str, Any]]:
    """Smart order routing as exchangeInfo lists it."""
    return [{"baseAsset": sor.base, "symbols": list(sor.symbols)} for sor in fixture.sors]


def _shutdown(now_ms: int, unit: int) -> dict[str, Any]:
    return {"e": "serverShutdown", "E": now_ms * unit}


def _key_view(key: ApiKey) -> dict[str, Any]:
    return {
        "name": key.account,
        "api_key": key.api_key,
        "secret_key": key.secret_key,
        "key_type": key.key_type,
    }
