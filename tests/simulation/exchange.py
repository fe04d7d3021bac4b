"""The account at the exchange as the processes reach it: the twin's engine, behind calls and a stream that may fail.

What the engine does is what a twin does behind HTTP. What an adversary can add is how an answer is lost on the way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from shared.memory.clock import SimulatedClock
from shared.src.domain.errors import OutcomeUnknownError, RejectedError, RootTradingError, TransientError
from shared.src.exchange.calls import Params, Urgency
from shared.src.exchange.listing import refuse_none_listed
from shared.src.exchange.rules import SymbolRules
from shared.src.exchange.verdict import Refusal, error_of
from simulator.api.json_object import JsonObject
from simulator.api.payloads.user import user_payload
from simulator.api.rest.market import exchange_filters
from simulator.engine.accounts import Account
from simulator.engine.errors import ApiError
from simulator.engine.events import OrderEvent
from simulator.engine.exchange import Engine
from trader.src.adapters.engine_exchange import EngineAccount
from trader.src.adapters.in_process import InProcessCalls, refusal
from trader.src.adapters.known_rules import KnownRules
from trader.src.adapters.rest_exchange import RestExchange, tell
from trader.src.ports import Listener

# One way over the network to the exchange, and to the database, simulated seconds: between these.
WAY_S = (0.004, 0.016)
DATABASE_WAY_S = (0.0005, 0.003)
RECONNECT_S = 0.5
NO_SUCH_ORDER = -2013
HELD_BACK_S = 2.0


@dataclass(slots=True)
class CallFault:
    """What happens to a call: the ``after``-th one from now that changes something, or reads (``reads``).

    ``status`` and ``code`` as Binance answers; ``carried_out``: the exchange does it all the same; ``ban_s``: from then
    on it answers nothing for so long, and says so.
    """

    after: int
    status: int
    code: int
    reads: bool = False
    carried_out: bool = False
    ban_s: float = 0.0


@dataclass(slots=True)
class StreamFault:
    """What happens to the next ``count`` events of the user stream: lost, late by ``late_s``, told twice, or held back
    until all of them are there and told the newest first (``reversed``), after ``HELD_BACK_S`` at the latest.
    """

    count: int
    lost: bool = False
    late_s: float = 0.0
    doubled: bool = False
    reversed: bool = False
    held: list[JsonObject] = field(default_factory=list)


class Conditions:
    """How the exchange behaves towards the account's owner at the moment, and when it last misbehaved."""

    def __init__(self, clock: SimulatedClock) -> None:
        self._clock = clock
        self._random = Random(0)
        self.calls: list[CallFault] = []
        self.events: deque[StreamFault] = deque()
        self.banned_until_s = 0.0
        self.banned_since_s: float | None = None
        self.told_to_wait_until_s = 0.0
        self.ban_status = 429
        self.hidden_s = 0.0
        self.no_stream_until_s = 0.0
        self.no_stream_since_s = 0.0
        self.no_answer_until_s = 0.0
        self.no_answer_since_s = 0.0
        self.no_values_until_s = 0.0
        self.lost_s: float | None = None
        self.deaf_s: float | None = None

    async def way(self) -> None:
        """One way to the exchange, or back."""
        await self._clock.sleep(self._random.uniform(*WAY_S))

    async def way_to_database(self) -> None:
        await self._clock.sleep(self._random.uniform(*DATABASE_WAY_S))

    def clear(self) -> None:
        """Everything works from now on."""
        self.calls.clear()
        self.events.clear()
        self.banned_until_s = min(self.banned_until_s, self._clock.monotonic())
        self.told_to_wait_until_s = self.banned_until_s
        self.no_values_until_s = self.hidden_s = self.no_stream_until_s = self.no_answer_until_s = 0.0

    def note_lost(self) -> None:
        self.lost_s = self._clock.monotonic()

    def banned_s(self) -> float | None:
        """When a ban was last in force."""
        return min(self.banned_until_s, self._clock.monotonic()) if self.banned_until_s else None

    def note_deaf(self, seconds: float = 0.0) -> None:
        self.deaf_s = max(self.deaf_s or 0.0, self._clock.monotonic() + seconds)

    def refuse_values(self) -> None:
        """Raises TransientError while the store of last values is away."""
        if self._clock.monotonic() < self.no_values_until_s:
            raise TransientError("Redis is away")

    def blind(self, seconds: float) -> None:
        """Nothing can be read for a while."""
        now_s = self._clock.monotonic()
        if self.no_answer_until_s < now_s:
            self.no_answer_since_s = now_s
        self.no_answer_until_s = now_s + seconds

    def deafen(self, seconds: float) -> None:
        """No stream for a while."""
        now_s = self._clock.monotonic()
        if self.no_stream_until_s < now_s:
            self.no_stream_since_s = now_s
        self.no_stream_until_s = now_s + seconds

    def blind_since_s(self) -> float | None:
        """Since when nothing is told and nothing can be read; None while one of them works."""
        if min(self.no_stream_until_s, self.no_answer_until_s) <= self._clock.monotonic():
            return None
        return max(self.no_stream_since_s, self.no_answer_since_s)

    def ban(self, status: int, seconds: float) -> None:
        self.ban_status, self.banned_since_s = status, self._clock.monotonic()
        self.banned_until_s = self.banned_since_s + seconds

    def banned(self) -> RootTradingError | None:
        """The refusal of every call while a ban lasts."""
        left_s = self.banned_until_s - self._clock.monotonic()
        if left_s <= 0:
            return None
        self.told_to_wait_until_s = self.banned_until_s
        return error_of(Refusal(self.ban_status, -1003, "Too many requests.", retry_after=f"{left_s:.0f}"))

    def next_fault(self, *, reads: bool) -> CallFault | None:
        """The fault of the call that is made now, if it is one's turn."""
        due = None
        for fault in [fault for fault in self.calls if fault.reads == reads]:
            fault.after -= 1
            if fault.after < 0 and due is None:
                due = fault
                self.calls.remove(fault)
        if due is not None and due.ban_s:
            self.ban(due.status, due.ban_s)
        elif due is not None:
            self.note_lost()
        return due


class FaultyCalls:
    """Implements ``shared.src.exchange.calls.SignedCalls``: calls that take time, and may fail on either way."""

    def __init__(
        self,
        calls: InProcessCalls,
        conditions: Conditions,
        clock: SimulatedClock,
        *,
        account: Account,
        unlisted: set[str],
        fence: Callable[[], None],
    ) -> None:
        self._calls = calls
        self._fence = fence
        self._unlisted = unlisted
        self._conditions = conditions
        self._clock = clock
        self._account = account

    async def ask(self, path: str, params: Params, *, weight: int, urgency: Urgency) -> Any:
        await self._conditions.way()
        self._refuse_while_banned()
        if self._clock.monotonic() < self._conditions.no_answer_until_s:
            self._conditions.note_lost()
            raise TransientError("no verdict from the exchange: HTTP 502")
        fault = self._conditions.next_fault(reads=True)
        if fault is not None:
            self._refuse_while_banned()
            raise _of_a_read(error_of(Refusal(fault.status, fault.code, "simulated")))
        if path == "order" and self._is_hidden(params):
            self._conditions.note_lost()
            raise RejectedError(f"{NO_SUCH_ORDER} Order does not exist.", code=NO_SUCH_ORDER)
        answer = await self._calls.ask(path, params, weight=weight, urgency=urgency)
        await self._conditions.way()
        return answer

    async def change(self, method: str, path: str, params: Params) -> Any:
        self._fence()
        await self._conditions.way()
        self._refuse_while_banned()
        if params["symbol"] in self._unlisted:
            raise _invalid_symbol()
        fault = self._conditions.next_fault(reads=False)
        if fault is not None and not fault.carried_out:
            self._refuse_while_banned()
            raise error_of(Refusal(fault.status, fault.code, "simulated"))
        answer = await self._calls.change(method, path, params)
        await self._conditions.way()
        if fault is not None:
            raise error_of(Refusal(fault.status, fault.code, "simulated"))
        return answer

    def _refuse_while_banned(self) -> None:
        error = self._conditions.banned()
        if error is not None:
            raise error

    def _is_hidden(self, params: Params) -> bool:
        """Whether the order asked for is so young that the exchange does not find it yet."""
        found = self._account.last_by_client_id.get((params["symbol"], params.get("origClientOrderId", "")))
        if found is None or not self._conditions.hidden_s:
            return False
        return self._clock.now_ms() - found.time < self._conditions.hidden_s * 1000


def _invalid_symbol() -> RejectedError:
    return RejectedError("-1121 Invalid symbol.", code=-1121)


def _of_a_read(error: RootTradingError) -> RootTradingError:
    """A read without a verdict may be repeated."""
    return TransientError(str(error)) if isinstance(error, OutcomeUnknownError) else error


class EngineRules:
    """Implements ``RulesSource`` on the engine's listings."""

    def __init__(self, engine: Engine, conditions: Conditions, unlisted: set[str]) -> None:
        self._engine = engine
        self._conditions = conditions
        self._unlisted = unlisted

    async def exchange_info(self, symbols: Iterable[str]) -> dict[str, SymbolRules]:
        error = self._conditions.banned()
        if error is not None:
            raise error
        wanted = list(symbols)
        if not wanted:
            wanted = [symbol for symbol in self._engine.markets if symbol not in self._unlisted]
        found = {}
        for symbol in wanted:
            if symbol in self._unlisted or symbol not in self._engine.markets:
                raise _invalid_symbol()
            found[symbol] = SymbolRules.parse(
                self._engine.market(symbol).rules.exchange_info(), exchange_filters(self._engine)
            )
        return found


class UserStreams:
    """Tells what happened to the account to every connection; what a fault is due for goes astray."""

    def __init__(self, engine: Engine, account: str, clock: SimulatedClock, conditions: Conditions) -> None:
        self._engine = engine
        self._account = account
        self._clock = clock
        self._conditions = conditions
        self.connections: list[asyncio.Queue[JsonObject | None]] = []

    def publish(self) -> None:
        """Tell what the engine did since the last call."""
        now_ms = self._clock.now_ms()
        for event in self._engine.drain():
            if getattr(event, "account", None) != self._account:
                continue
            payload = user_payload(event, now_ms)
            if payload is not None:
                self._tell(payload, is_order=isinstance(event, OrderEvent))

    def _tell(self, payload: JsonObject, *, is_order: bool) -> None:
        fault = self._conditions.events[0] if self._conditions.events and is_order else None
        if fault is None:
            self._hand_over(payload)
            return
        fault.count -= 1
        if fault.count <= 0:
            self._conditions.events.popleft()
        self._conditions.note_deaf(HELD_BACK_S if fault.reversed else fault.late_s)
        if fault.lost:
            return
        if fault.reversed:
            self._hold_back(fault, payload)
            return
        if fault.late_s:
            loop = asyncio.get_running_loop()
            loop.call_later(fault.late_s, self._hand_over, payload)
        else:
            self._hand_over(payload)
        if fault.doubled:
            self._hand_over(payload)

    def _hold_back(self, fault: StreamFault, payload: JsonObject) -> None:
        if not fault.held:
            asyncio.get_running_loop().call_later(HELD_BACK_S, self._let_go, fault)
        fault.held.append(payload)
        if fault.count <= 0:
            self._let_go(fault)

    def _let_go(self, fault: StreamFault) -> None:
        while fault.held:
            self._hand_over(fault.held.pop())

    def _hand_over(self, payload: JsonObject) -> None:
        for connection in self.connections:
            connection.put_nowait(payload)

    def cut(self) -> None:
        """End every connection."""
        for connection in self.connections:
            connection.put_nowait(None)
        self._conditions.note_deaf()


class SimulatedExchange(EngineAccount):
    """Implements ``trader.src.ports.OwnExchange`` and ``Prices`` for one process; it keeps rules as live."""

    def __init__(
        self,
        engine: Engine,
        account: str,
        clock: SimulatedClock,
        *,
        streams: UserStreams,
        conditions: Conditions,
        unlisted: set[str],
        symbols: Sequence[str],
        quote_asset: str,
        fence: Callable[[], None],
    ) -> None:
        """``fence``: called right before something is sent; raises when nothing may be."""
        self._fence = fence
        self._symbols = tuple(symbols)
        self._streams = streams
        self._conditions = conditions
        self._simulated = clock
        self._unlisted = unlisted
        self._known = KnownRules(EngineRules(engine, conditions, unlisted), clock, quote_asset=quote_asset)
        self._connection: asyncio.Queue[JsonObject | None] | None = None
        self._hears = False
        super().__init__(engine, account, clock)

    def _enter(self, engine: Engine) -> None:
        super()._enter(engine)
        calls = InProcessCalls(self._simulated, engine, self._name, self._act)
        faulty = FaultyCalls(
            calls,
            self._conditions,
            self._simulated,
            account=engine.account(self._name),
            unlisted=self._unlisted,
            fence=self._fence,
        )
        RestExchange.__init__(self, faulty)

    async def account_name(self) -> str:
        return self._name

    async def prepare(self) -> None:
        refuse_none_listed(self._symbols, await self._known.learn(self._symbols))

    async def follow(self, symbols: Sequence[str]) -> None:
        await self._known.learn(symbols)

    async def blocked_s(self) -> float:
        """As every process learns it from Redis: since any of them was told."""
        return max(0.0, self._conditions.told_to_wait_until_s - self._simulated.monotonic())

    async def rules(self, symbol: str) -> SymbolRules:
        return await self._known.of(symbol)

    async def refresh_rules(self, symbol: str) -> None:
        await self._known.refresh(symbol)

    async def current_rules(self, symbol: str) -> SymbolRules:
        return await self._known.current(symbol)

    async def latest(self, symbol: str) -> Any:
        error = self._conditions.banned()
        if error is not None:
            raise error
        if symbol in self._unlisted:
            raise _invalid_symbol()
        return await super().latest(symbol)

    @property
    def hears(self) -> bool:
        return self._hears

    async def run(self, listener: Listener) -> None:
        """The user stream: connected again after each cut, with a comparison first."""
        while True:
            await self._connect()
            try:
                await listener.connected()
                self._hears = True
                await self._hear(listener)
            except TransientError:
                self._conditions.note_deaf()
            finally:
                self._disconnect()
            await self._simulated.sleep(RECONNECT_S)

    async def _connect(self) -> None:
        while self._simulated.monotonic() < self._conditions.no_stream_until_s:
            self._conditions.note_deaf()
            await self._simulated.sleep(RECONNECT_S)
        self._connection = asyncio.Queue()
        self._streams.connections.append(self._connection)

    def _disconnect(self) -> None:
        self._hears = False
        if self._connection is not None:
            self._streams.connections.remove(self._connection)
            self._connection = None

    async def _hear(self, listener: Listener) -> None:
        assert self._connection is not None
        while (event := await self._connection.get()) is not None:
            await self._conditions.way()
            await tell(listener, event)

    async def _act(self, action: Callable[[], Any]) -> Any:
        try:
            return action()
        except ApiError as error:
            raise refusal(error) from error
        finally:
            self._streams.publish()
