"""What a batch of closed candles asks for: bars to compute, and bars to look at again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Generic, Protocol, TypeVar

from shared.src.domain.candles import Candle, Timeframe

Series = tuple[str, Timeframe]


class CarriesCandle(Protocol):
    """``CandleMessage`` does."""

    def candle(self) -> Candle: ...


C = TypeVar("C", bound=CarriesCandle)


@dataclass(frozen=True, slots=True)
class NewBars(Generic[C]):
    """Bars without features, in order."""

    candles: tuple[C, ...]


@dataclass(frozen=True, slots=True)
class KnownBars(Generic[C]):
    """Bars that have features: their candles repeat what is known, or correct it."""

    candles: tuple[C, ...]


def planned(batch: Iterable[C], computed_until: Mapping[Series, int]) -> list[NewBars[C] | KnownBars[C]]:
    """The batch as steps, one after the other: what is corrected comes before what follows it.

    ``computed_until`` has the open time (ms) of the newest bar with features of each series, none if there is none. A
    candle that the batch itself has twice is left out the second time, unless it differs: then it corrects the first.
    """
    steps: list[NewBars[C] | KnownBars[C]] = []
    for known, group in groupby(_sorted_out(batch, computed_until), key=lambda one: one[0]):
        candles = tuple(carrier for _, carrier in group)
        steps.append(KnownBars(candles) if known else NewBars(candles))
    return steps


def _sorted_out(batch: Iterable[C], computed_until: Mapping[Series, int]) -> Iterator[tuple[bool, C]]:
    """Each candle that asks for something, with whether its bar is known."""
    seen: dict[tuple[str, Timeframe, int], Candle] = {}
    for carrier in batch:
        candle = carrier.candle()
        place = (candle.symbol, candle.timeframe, candle.time)
        until = computed_until.get((candle.symbol, candle.timeframe))
        known = place in seen or (until is not None and candle.time <= until)
        if seen.get(place) != candle:
            yield known, carrier
        seen[place] = candle
