"""One story played from its first action until everything is quiet, with the auditor looking on."""

from __future__ import annotations

import gc
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.memory.clock import SimulatedClock
from shared.memory.event_loop import run_simulated
from tests.simulation.actions import told
from tests.simulation.adversary import Story
from tests.simulation.audit.auditor import Auditor, Violation
from tests.simulation.market import Shape
from tests.simulation.witness import Witness
from tests.simulation.world import World

START = datetime(2026, 1, 5, tzinfo=UTC)
# While something happens the auditor looks this often, and this often while nothing does; simulated seconds.
LOOK_S = 1.0
LOOK_IN_CALM_S = 8.0
# Until everything is quiet: at least longer than any pause between two attempts; at most, while the books are not equal
# to the exchange, longer than the rarest comparison there is (of trades: every two minutes).
QUIET_S = 48.0
QUIET_S_MAX = 160.0


@dataclass(frozen=True, slots=True)
class Played:
    """What became of a story. ``journal``: a line for each action, with the time at which it happened."""

    violations: Sequence[Violation]
    journal: Sequence[str] = field(default_factory=tuple)
    trades: int = 0


def play(story: Story) -> Played:
    """Play a story; the same story is played the same way to the byte."""
    logging.disable(logging.CRITICAL)
    gc.disable()
    try:
        return run_simulated(_Play(story).run, start=START)
    finally:
        gc.enable()
        logging.disable(logging.NOTSET)


class _Play:
    def __init__(self, story: Story) -> None:
        self._story = story
        self._auditor = Auditor()
        self._journal: list[str] = []

    async def run(self, clock: SimulatedClock) -> Played:
        world = World(clock, dict(self._story.settings), bnb=self._story.bnb, coins=self._story.coins)
        witness = Witness(world)
        await world.start()
        for action in self._story.actions:
            self._journal.append(f"{clock.monotonic():8.2f} s  {told(action)}")
            await action.act(world)
            world.happened()
            await self._wait(world, witness, action.wait_s, LOOK_S)
        await self._calm(world, witness)
        await world.stop()
        return Played(tuple(self._auditor.violations), tuple(self._journal), len(witness.exchange().trades))

    async def _look(self, world: World, witness: Witness) -> None:
        await world.clock.settle()
        self._auditor.look(witness.exchange(), await witness.books(), witness.weather(), witness.limits())

    async def _wait(self, world: World, witness: Witness, seconds: float, every_s: float) -> None:
        """Let time pass, and look at the end of each part of it."""
        while seconds > every_s:
            await world.clock.pass_by(every_s)
            seconds -= every_s
            await self._look(world, witness)
        await world.clock.pass_by(seconds)
        await self._look(world, witness)

    async def _calm(self, world: World, witness: Witness) -> None:
        """Everything works from here on; whatever was begun comes to its end, positions stay."""
        await world.recover()
        for market in world.markets.values():
            market.shape = Shape.DEEP
            market.offer(world.clock.now_ms())
        world.happened()
        quiet_s = QUIET_S
        await self._wait(world, witness, quiet_s, LOOK_IN_CALM_S)
        while quiet_s < QUIET_S_MAX and not self._auditor.is_settled(witness.exchange(), await witness.books()):
            await self._wait(world, witness, LOOK_IN_CALM_S, LOOK_IN_CALM_S)
            quiet_s += LOOK_IN_CALM_S
        self._auditor.close(witness.exchange(), await witness.books())
