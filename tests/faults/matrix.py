"""Writes docs/fault-matrix.md: what each fault of the twin does to a position, by the order it hits and the position's
state, measured on the services of the money path in simulated time.

``python -m tests.faults.matrix`` writes the page; ``measured`` gives one cell.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import run_simulated
from shared.src.domain.orders import Side
from tests.simulation.actions import Leg, Reach
from tests.simulation.exchange import CallFault, StreamFault
from tests.simulation.facts import Exchange
from tests.simulation.market import Shape
from tests.simulation.witness import Witness
from tests.simulation.world import World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fault-matrix.md"
START = datetime(2026, 1, 5, tzinfo=UTC)
SYMBOL, BASE = "BTCUSDC", "BTC"
STOP_PERCENT, TARGET_PERCENT = Decimal(2), Decimal(4)
SETTLED_S = 10.0
LOOK_S = 0.02
WATCHED_S = 40.0
HALT_S = 15.0


class Stage(StrEnum):
    """Which of a position's orders a fault hits, or, for a fault of the market or the stream, what happens then."""

    ENTRY = "entry at the market (LIMIT IOC)"
    LIMIT_ENTRY = "entry by the API (LIMIT GTC)"
    PROTECTION = "protection after the entry (OCO)"
    HELD = "position held, nothing in flight"
    PARTIAL = "protection of the rest of a target (cancel-replace, STOP_LOSS_LIMIT)"
    SALE = "sale in the place of the protection (cancel-replace, MARKET)"


# How many calls that change something come before the one that is meant.
CALLS_BEFORE = {Stage.PROTECTION: 1}
OPENS = (Stage.ENTRY, Stage.LIMIT_ENTRY, Stage.PROTECTION)


@dataclass(frozen=True, slots=True)
class FaultCase:
    """A fault under its name in the twin's catalogue. ``of_calls``: it waits for a call, without one it hits nobody."""

    name: str
    strike: Callable[[World, int], None]
    of_calls: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """``unprotected_s``: the longest time without a stop over all that was held (simulated); ``position``: the states
    of the positions at the end; ``told``: pauses, halts and warnings that the user is shown meanwhile."""

    unprotected_s: float
    position: str
    told: str


def _call(status: int, code: int, *, carried_out: bool = False, ban_s: float = 0.0) -> Callable[[World, int], None]:
    def strike(world: World, after: int) -> None:
        world.conditions.calls.append(CallFault(after, status, code, carried_out=carried_out, ban_s=ban_s))

    return strike


def _events(**fault: float) -> Callable[[World, int], None]:
    def strike(world: World, after: int) -> None:
        world.conditions.events.append(
            StreamFault(
                20,
                lost=bool(fault.get("lost")),
                late_s=float(fault.get("late_s", 0)),
                doubled=bool(fault.get("doubled")),
            )
        )

    return strike


def _hide(world: World, after: int) -> None:
    world.conditions.hidden_s = 2.0
    world.conditions.calls.append(CallFault(after, 504, -1007, carried_out=True))


def _gap(world: World, after: int) -> None:
    market = world.markets[SYMBOL]
    market.move(market.price * Decimal("0.97"), world.clock.now_ms())


def _halt(world: World, after: int) -> None:
    world.engine.set_status(SYMBOL, "HALT", world.clock.now_ms())
    asyncio.get_running_loop().call_later(HALT_S, _reopen, world)


def _reopen(world: World) -> None:
    world.engine.set_status(SYMBOL, "TRADING", world.clock.now_ms())


def _refilter(world: World, after: int) -> None:
    world.change_filters(SYMBOL, 10, Decimal(20))


def _thin(world: World, after: int) -> None:
    market = world.markets[SYMBOL]
    market.shape = Shape.THIN
    market.offer(world.clock.now_ms())


FAULTS = (
    FaultCase("answer_lost", _call(502, 0, carried_out=True)),
    FaultCase("request_lost", _call(502, 0)),
    FaultCase("timeout_1007", _call(504, -1007, carried_out=True)),
    FaultCase("order_not_found_after_create", _hide),
    FaultCase("rate_limit_1003", _call(429, -1003, ban_s=5)),
    FaultCase("ban_418", _call(418, -1003, ban_s=20)),
    FaultCase("clock_skew_1021", _call(400, -1021)),
    FaultCase("reject_protection_leg", _call(400, -2010)),
    FaultCase("stream_drop", _events(lost=1), of_calls=False),
    FaultCase("stream_duplicate", _events(doubled=1), of_calls=False),
    FaultCase("stream_delay", _events(late_s=1), of_calls=False),
    FaultCase("disconnect", lambda world, after: world.streams.cut(), of_calls=False),
    FaultCase("price_gap", _gap, of_calls=False),
    FaultCase("symbol_halt", _halt, of_calls=False),
    FaultCase("filter_change", _refilter, of_calls=False),
    FaultCase("insufficient_liquidity", _thin, of_calls=False),
)


def measured(fault: FaultCase, stage: Stage) -> Outcome | None:
    """What the fault does at a stage; None where it can hit nothing. The same at every call."""
    needless = Stage.HELD if fault.of_calls else Stage.PROTECTION
    if stage is needless:
        return None
    root, heard = logging.getLogger(), Heard()
    root.addHandler(heard)
    try:
        return run_simulated(_Trial(fault, stage, heard).run, start=START)
    finally:
        root.removeHandler(heard)


class Heard(logging.Handler):
    """Each warning of the log once, in the order in which they came."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        self.messages[record.getMessage()] = None


class _Trial:
    """One fault at one stage in a world of its own."""

    def __init__(self, fault: FaultCase, stage: Stage, heard: Heard) -> None:
        self._fault = fault
        self._stage = stage
        self._told = heard.messages
        self._naked_s = self._longest_s = 0.0

    async def run(self, clock: SimulatedClock) -> Outcome:
        world = World(clock, {})
        witness = Witness(world)
        await world.start()
        if self._stage not in OPENS:
            await self._buy(world)
            await clock.pass_by(SETTLED_S)
        self._fault.strike(world, CALLS_BEFORE.get(self._stage, 0))
        await self._act(world)
        world.happened()
        await self._watch(world, witness)
        books = await witness.books()
        positions = ", ".join(cycle.status for cycle in books.cycles) or "none"
        told = "; ".join(self._told) or "nothing"
        await world.stop()
        return Outcome(round(self._longest_s, 2), positions, told)

    @staticmethod
    async def _buy(world: World) -> None:
        await world.signal(SYMBOL, Side.BUY, stop_percent=STOP_PERCENT, target_percent=TARGET_PERCENT)

    async def _act(self, world: World) -> None:
        """What makes the platform send the order that is to be hit."""
        match self._stage:
            case Stage.ENTRY | Stage.PROTECTION:
                await self._buy(world)
            case Stage.LIMIT_ENTRY:
                world.order_by_api(SYMBOL, Decimal(500), world.markets[SYMBOL].price * Decimal("0.995"))
                await world.clock.pass_by(1.0)
                await Reach(Leg.ENTRY, 0, Decimal(1), 0).act(world)
            case Stage.PARTIAL:
                await Reach(Leg.TARGET, 0, Decimal("0.5"), 0).act(world)
            case Stage.SALE:
                await world.signal(SYMBOL, Side.SELL, stop_percent=Decimal(0), target_percent=Decimal(0))
            case Stage.HELD:
                pass

    async def _watch(self, world: World, witness: Witness) -> None:
        for _ in range(round(WATCHED_S / LOOK_S)):
            await world.clock.pass_by(LOOK_S)
            self._naked_s = self._naked_s + LOOK_S if is_naked(witness.exchange()) else 0.0
            self._longest_s = max(self._longest_s, self._naked_s)
            for pause in await world.trades.pauses():
                self._told[f"{pause.scope} paused: {pause.reason}"] = None


def is_naked(exchange: Exchange) -> bool:
    """Whether something sellable is held over what the account had at first without a stop that waits for it."""
    listing = exchange.listings[SYMBOL]
    bought = exchange.held[BASE] - exchange.opening[BASE]
    stops = (order.remaining for order in exchange.orders if order.is_open and order.is_stop and order.waits)
    return listing.sells(bought - sum(stops, Decimal(0)))


def page(faults: Iterable[FaultCase] = FAULTS, stages: Iterable[Stage] = tuple(Stage)) -> str:
    """The page, measured now."""
    parts = [HEAD]
    faults = tuple(faults)
    for stage in stages:
        parts += [
            f"\n## {stage.value[0].upper()}{stage.value[1:]}\n",
            "| fault | unprotected, s | position after 40 s | the user sees |",
        ]
        parts.append("|---|---|---|---|")
        parts += [row(fault, outcome) for fault in faults if (outcome := measured(fault, stage)) is not None]
    return "\n".join(parts) + "\n"


def row(fault: FaultCase, outcome: Outcome) -> str:
    """A line of the page's tables."""
    return f"| `{fault.name}` | {outcome.unprotected_s:.2f} | {outcome.position} | {outcome.told} |"


HEAD = """# The fault matrix

What each fault of the [twin](simulator.md) does to a position, by the order that it hits and the state of the position.
Generated by `python -m tests.faults.matrix`: coordinator, trader and portfolio run on the twin's engine in simulated
time, one way to the exchange takes 4 to 16 ms. A fault of calls hits one call; a ban lasts 20 s, a rate limit 5 s, a
halt 15 s; 20 events of the stream are hit; a gap is 3 % down with a stop 2 % under the price.

*Unprotected* is the longest time in which something sellable was held without an open stop over all of it, looked at
every 20 ms. What the user sees are the pauses of `GET /status` and the warnings of the log; `nothing` is everybody's
work being done without one."""


if __name__ == "__main__":
    PAGE.write_text(page())
