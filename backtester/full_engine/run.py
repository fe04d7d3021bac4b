"""One run of the platform in one process over a fixture: from the market's start, for as many minutes as asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from analyzer.src.strategy_loader import LoadedStrategy
from backtester.full_engine.platform import Platform, Stores
from core.risk.halts import ALL
from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import run_simulated
from shared.src.config import Settings
from shared.src.domain.candles import MINUTE_MS
from shared.src.domain.clock import from_ms, to_ms
from simulator.engine.exchange import Engine
from simulator.fixture import Fixture
from simulator.tape import Tape

Tick = Callable[[], None]
MakeTape = Callable[[Fixture, Engine], Tape]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What a run does at which time. Until ``entries_from_ms`` (ms UTC) nothing is opened. A position is looked at when
    it reaches ``age_max_ms``, a second into the minute; None: at the ordinary moments.
    """

    entries_from_ms: int = 0
    age_max_ms: int | None = None


# What happens inside of a minute is known before its candle closes: a stop that was hit comes before a decision.
MOMENTS_MS = (MINUTE_MS - 1, MINUTE_MS)
AT_ONCE = Schedule()
LOOK_MS = 1_000


@dataclass(frozen=True, slots=True)
class Run:
    """What a run left behind: the services' stores, the exchange's audit, and how far the market was played."""

    stores: Stores
    audit: Mapping[str, Any]
    start_ms: int
    end_ms: int


def run(
    fixture: Fixture,
    settings: Settings,
    strategies: Sequence[LoadedStrategy],
    *,
    minutes: int,
    moments_ms: Sequence[int] = MOMENTS_MS,
    schedule: Schedule = AT_ONCE,
    make_tape: MakeTape = Tape,
    tick: Tick = lambda: None,
) -> Run:
    """Play ``minutes`` of the fixture's market; ``tick`` is called after each.

    The fixture's first account trades; its clock is stepped. ``moments_ms``: at which moments of every minute (ms after
    it began, the last one at its end) the platform hears of the market; resting orders are filled in between, at their
    own times, all the same. ``make_tape``: puts the market on the engine. The same arguments give
    the same run to the byte.

    Raises:
        FixtureError: the fixture's clock is not stepped.
        DeadlockError: a service waits for something that nobody is going to do.
    """
    engine = Engine(first_id=1 if fixture.first_id is None else fixture.first_id, history=fixture.history)
    tape = make_tape(fixture, engine)
    owner = fixture.accounts[0]
    engine.add_account(owner.name, owner.balances, owner.maker, owner.taker, bnb_discount=owner.bnb_discount)
    start_ms = tape.now_ms

    async def play(clock: SimulatedClock) -> Stores:
        platform = Platform(
            settings,
            tape=tape,
            engine=engine,
            account=owner.name,
            clock=clock,
            strategies=strategies,
        )
        if schedule.entries_from_ms > start_ms:
            # a bar that closes at that time was decided on before
            until = from_ms(schedule.entries_from_ms + 1)
            await platform.stores.trades.pause(ALL, "history", from_ms(start_ms), until=until)
        await platform.start()
        for minute_ms in range(start_ms, start_ms + minutes * MINUTE_MS, MINUTE_MS):
            looks = (LOOK_MS,) if await _grows_old(platform.stores, schedule, minute_ms) else ()
            for moment_ms in (*looks, *moments_ms):
                await platform.advance(minute_ms + moment_ms)
            tick()
        await platform.stop()
        return platform.stores

    stores = run_simulated(play, start=from_ms(start_ms))
    return Run(stores, engine.audit(), start_ms, tape.now_ms)


async def _grows_old(stores: Stores, schedule: Schedule, minute_ms: int) -> bool:
    """Whether a position reaches its greatest age within this minute."""
    if schedule.age_max_ms is None:
        return False
    opened = [cycle.opened_at for cycle in await stores.trades.open_cycles()]
    old = (to_ms(moment) + schedule.age_max_ms - minute_ms for moment in opened if moment is not None)
    return any(0 <= due < MINUTE_MS for due in old)
