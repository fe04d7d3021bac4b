"""The real services as processes on a twin whose market moves only when told, one step at a time.

Between two steps everything comes to rest: what the step caused is decided, sent, filled, booked and protected. So
what happens does not depend on how fast this machine is, and can be compared with the same tape in one process.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from shared.src.clocks import set_stepped
from shared.src.config import Settings
from shared.src.contracts.topics import (
    CANDLE_CLOSED,
    CONSENSUS,
    CYCLE_UPDATED,
    EXECUTION,
    FEATURES,
    KAFKA_TICK,
    ORDER_FAILED,
    ORDER_INTENT,
    TICK_KEY,
    VOTES,
    Topic,
)
from shared.src.database import Database
from shared.src.domain.clock import from_ms
from shared.src.redis_client import redis_from
from shared.src.sql import text
from tests.integration.simulator.conftest import RunningTwin
from tests.processes import ServiceProcess, environment_of, services
from tests.streams import backlog_of

SERVICES = (
    "gateway",
    "dispatcher",
    "market_analyzer",
    "analyzer",
    "signal_aggregator",
    "coordinator",
    "trader",
    "portfolio",
)
# who consumes what, from the market's side to the ledger's: work only moves down this list
CHAIN: tuple[tuple[Topic[Any], str], ...] = (
    (CANDLE_CLOSED, "market_analyzer"),
    (FEATURES, "analyzer"),
    (VOTES, "signal_aggregator"),
    (CONSENSUS, "coordinator"),
    (ORDER_INTENT, "trader"),
    (EXECUTION, "portfolio"),
    (ORDER_FAILED, "portfolio"),
    (CYCLE_UPDATED, "portfolio"),
)
QUIET_S_MAX = 120.0

# What is still to be done, counted; all zero at rest.
UNREST = text("""
SELECT
  (SELECT count(*) FROM trade_outbox) AS outbox,
  (SELECT count(*) FROM orders WHERE status IN ('INTENT', 'SENT', 'UNKNOWN')) AS unresolved,
  (SELECT count(*) FROM decisions d WHERE d.approved
     AND NOT EXISTS (SELECT 1 FROM trade_intents t WHERE t.intent_id = d.intent_id)) AS not_taken,
  (SELECT count(*) FROM orders o WHERE o.executed_quantity >
     (SELECT coalesce(sum(quantity), 0) FROM trade_executions e WHERE e.client_order_id = o.client_order_id))
   AS not_booked,
  (SELECT count(*) FROM trade_executions e
     WHERE NOT EXISTS (SELECT 1 FROM ledger_postings p WHERE p.posting_id = 'fill:' || e.id)) AS not_posted,
  (SELECT count(*) FROM trade_cycles c WHERE c.status NOT IN ('completed', 'canceled', 'failed')
     AND c.exit_reason <> '') AS leaving,
  (SELECT count(*) FROM trade_cycles c WHERE c.status NOT IN ('completed', 'canceled', 'failed')
     AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.cycle_id = c.id AND o.status IN ('NEW', 'PARTIALLY_FILLED')))
   AS unprotected,
  (SELECT count(*) FROM pocket_reservations r JOIN trade_cycles c USING (intent_id)
     WHERE r.status IN ('active', 'committed') AND c.status IN ('completed', 'canceled', 'failed')) AS not_released,
  (SELECT count(*) FROM pocket_reservations r WHERE r.status = 'active'
     AND EXISTS (SELECT 1 FROM trade_executions e JOIN orders o USING (client_order_id)
                 WHERE o.intent_id = r.intent_id)) AS not_committed
""")
OPEN_ORDERS = text("SELECT count(*) FROM orders WHERE status IN ('NEW', 'PARTIALLY_FILLED')")
BOOKS = text("SELECT asset, sum(amount) AS amount FROM ledger_lines WHERE account = 'exchange' GROUP BY asset")
# The price under which the watch sells what a stop did not: its limit, or, of a stop at market, a little under it.
STOPS = text(
    "SELECT symbol, coalesce(price, stop_price * 0.995) AS price FROM orders"
    " WHERE purpose = 'stop_loss' AND status IN ('NEW', 'PARTIALLY_FILLED')"
)
FEATURES_UNTIL = text(
    "SELECT symbol, timeframe, max(time) AS newest FROM analyzer_data WHERE timeframe = ANY(:frames)"
    " GROUP BY symbol, timeframe"
)


class SteppedPlatform:
    """Services at rest at one moment of the market; ``advance`` brings them to the next."""

    def __init__(
        self, settings: Settings, twin: RunningTwin, processes: Mapping[str, ServiceProcess], clock: Path
    ) -> None:
        self.settings = settings
        self.database = Database.of(settings, "stepped")
        self._twin = twin
        self._processes = processes
        self._clock = clock
        self._redis = redis_from(settings)
        self.now_ms = self._start_ms = int(twin.do("GET", "/clock")["market_ms"])

    async def advance(self, step_ms: int) -> None:
        """Play the market for ``step_ms`` and wait until all that follows from it is done."""
        self.now_ms += step_ms
        set_stepped(self._clock, self.now_ms)
        await asyncio.to_thread(self._twin.do, "POST", "/clock", {"advance_ms": step_ms})
        await self.rest()

    async def rest(self) -> None:
        """Wait until nothing is on its way."""
        deadline = time.monotonic() + QUIET_S_MAX
        while busy := await self._busy():
            assert time.monotonic() < deadline, f"no rest at {from_ms(self.now_ms)}: {busy}{self._ended()}"
            await asyncio.sleep(0.02)

    async def _busy(self) -> str:
        """The first thing that is still to be done, in words; empty at rest."""
        if late := await self._late_features():
            return late
        for topic, group in CHAIN:
            if waiting := await backlog_of(self._redis, topic, group):
                return f"{waiting} messages of {topic.name} wait for {group}"
        async with self.database.autocommit() as connection:
            unrest = (await connection.execute(UNREST)).mappings().one()
            ours = (await connection.execute(OPEN_ORDERS)).scalar_one()
            stops = (await connection.execute(STOPS)).all()
            books = {row.asset: row.amount for row in await connection.execute(BOOKS) if row.amount}
        if any(unrest.values()):
            return str({name: count for name, count in unrest.items() if count})
        if behind := await self._late_price():
            return behind
        for stop in stops:
            if Decimal((await asyncio.to_thread(self._ticker, stop.symbol))["bidPrice"]) < (stop.price or 0):
                return f"{stop.symbol} jumped over a stop"
        account = (await asyncio.to_thread(self._twin.do, "GET", "/accounts"))["accounts"][0]
        held = {
            asset: total
            for asset, balance in account["balances"].items()
            if (total := Decimal(balance["free"]) + Decimal(balance["locked"]))
        }
        if held != books:
            return f"the exchange holds {held}, the books say {books}"
        return "" if account["open_orders"] == ours else f"{account['open_orders']} orders are open, we know {ours}"

    async def _late_price(self) -> str:
        """The symbol whose last price on Redis, which the trader decides by, is not yet that of the exchange's book."""
        for symbol in self.settings.trading_symbols if self.now_ms > self._start_ms else ():
            raw = await self._redis.get(TICK_KEY.format(symbol=symbol))
            tick = None if raw is None else KAFKA_TICK.decode(raw)
            book = await asyncio.to_thread(self._ticker, symbol)
            if tick is None or (tick.bid, tick.ask) != (Decimal(book["bidPrice"]), Decimal(book["askPrice"])):
                return f"the price of {symbol} is on its way"
        return ""

    def _ticker(self, symbol: str) -> Any:
        return self._twin.get("/api/v3/ticker/bookTicker", symbol=symbol)

    async def _late_features(self) -> str:
        due = {
            (symbol, frame.value): from_ms(closed_ms - frame.milliseconds)
            for symbol in self.settings.trading_symbols
            for frame in self.settings.interval
            if (closed_ms := frame.open_of(self.now_ms)) > self._start_ms  # the history has none
        }
        async with self.database.autocommit() as connection:
            rows = await connection.execute(FEATURES_UNTIL, {"frames": [f.value for f in self.settings.interval]})
            newest = {(row.symbol, row.timeframe): row.newest for row in rows}
        late = [key for key, time_ in due.items() if key not in newest or newest[key] < time_]
        return f"no features yet of {late}" if late else ""

    def _ended(self) -> str:
        silent = [name for name, process in self._processes.items() if process.health()[0] != 200]
        return f"; not healthy: {silent}" if silent else ""

    async def close(self) -> None:
        await self.database.close()
        await self._redis.aclose()


@contextmanager
def stepped_services(
    settings: Settings, twin: RunningTwin, folder: Path, **variables: str
) -> Iterator[tuple[Mapping[str, ServiceProcess], Path]]:
    """The eight services of the order path against a stepped twin; answers them and the file of their clock."""
    clock = folder / "market.clock"
    set_stepped(clock, int(twin.do("GET", "/clock")["market_ms"]))
    environment = environment_of(
        settings,
        SIMULATOR_URL=twin.rest,
        BINANCE_API_KEY=twin.key,
        BINANCE_SECRET_KEY=twin.secret,
        PLATFORM_CLOCK=f"stepped@{clock}",
        **variables,
    )
    with services(SERVICES, environment, folder) as processes:
        yield processes, clock
