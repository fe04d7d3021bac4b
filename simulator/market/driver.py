"""Plays a market at the clock's pace, giving others a turn.

A driver that is late plays what it missed without waiting, so that no step is ever lost.
"""

import asyncio
from collections.abc import Callable

from simulator.market.player import Player

# Others get a turn this often while a backlog is played
TICKS_PER_TURN = 50


class Driver(Player):
    """A player that waits for its clock."""

    async def _play_all(self, until: Callable[[], int]) -> None:
        """Play what is due, giving others a turn in between."""
        done = self.play_until(until(), TICKS_PER_TURN)
        while not done:
            await asyncio.sleep(0)
            done = self.play_until(until(), TICKS_PER_TURN)

    async def run(self) -> None:
        """Play for ever. A stepped market is played by ``advance`` instead."""
        while True:
            await self._clock.sleep_until(self.due())
            await self._play_all(self._clock.market_ms)

    async def advance(self, step_ms: int) -> None:
        """Move a stepped market, playing every step at its own time.

        Raises ValueError when the clock is not stepped, or for a step back.
        """
        for _ in self.moments(self._clock.market_ms() + step_ms):
            await self._play_all(self._clock.market_ms)
