"""What the monitors are shown of futures, and for how long."""

from __future__ import annotations

from typing import Any

import orjson

from analyzer.src.monitors import FUTURES_EVERY_S, MonitorRunner
from analyzer.src.ports import FuturesSource
from analyzer.src.strategy_loader import StrategyLoader
from core.risk.fees import FeeModel
from shared.memory.last_values import MemoryLastValues
from shared.memory.manual_clock import ManualClock
from shared.src.contracts.topics import MONITOR_KEY
from shared.src.domain.errors import TransientError

ROWS = [
    {"symbol": "ETHUSDT", "markPrice": "2000.0", "lastFundingRate": "0.0005"},
    {"symbol": "ETHUSDT_261225", "markPrice": "2030.0", "lastFundingRate": ""},
]


class Futures:
    """Returns the answers in order; one that is an error is raised."""

    def __init__(self, *answers: Any) -> None:
        self._answers = list(answers)

    async def premium_index(self) -> Any:
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


class World:
    def __init__(self, futures: FuturesSource | None) -> None:
        self.clock = ManualClock()
        self.values = MemoryLastValues(self.clock)
        names = ("Funding_Monitor", "Calendar_Spread_Monitor")
        loaded = StrategyLoader(only=names).load().loaded
        self.runner = MonitorRunner(
            loaded, self.values, self.clock, symbols=["ETHUSDC"], futures=futures, fees=FeeModel()
        )

    async def seen(self) -> dict[str, tuple[str, list[str]]]:
        """By monitor, its state and the subjects that are out of line."""
        await self.runner.look()
        return {
            one["monitor"]: (one["state"], [found["subject"] for found in one["observations"]])
            for one in self.runner.report
        }


async def test_what_is_out_of_line_is_seen_and_kept_for_those_who_look() -> None:
    world = World(Futures(ROWS))
    seen = await world.seen()
    assert seen == {"Funding_Monitor": ("ok", ["ETHUSDT"]), "Calendar_Spread_Monitor": ("ok", ["ETHUSDT_261225"])}
    (raw,) = await world.values.get([MONITOR_KEY])
    assert raw is not None
    assert [one["monitor"] for one in orjson.loads(raw)["monitors"]] == sorted(seen)


async def test_futures_are_asked_for_once_a_minute_and_forgotten_when_nobody_answers() -> None:
    world = World(Futures(ROWS, TransientError("the host is away"), [{"code": -1121}]))
    first = await world.seen()
    world.clock.advance(FUTURES_EVERY_S / 2)
    assert await world.seen() == first
    world.clock.advance(FUTURES_EVERY_S)
    assert (await world.seen())["Funding_Monitor"] == ("no answer: TransientError: the host is away", [])
    world.clock.advance(FUTURES_EVERY_S)
    assert (await world.seen())["Funding_Monitor"] == ("no answer: KeyError: 'symbol'", [])


async def test_without_a_source_the_state_says_so() -> None:
    assert (await World(None).seen())["Funding_Monitor"] == ("off: FUTURES_DATA_URL is not set", [])
