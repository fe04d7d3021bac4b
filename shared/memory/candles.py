"""Closed candles in memory: what ``market_data`` holds, for the platform in one process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

from sortedcontainers import SortedDict

from shared.src.contracts.market import CORRECTION, CandleMessage
from shared.src.domain.candles import MINUTE_MS, STORED_TIMEFRAMES, Candle, Gap, Timeframe
from shared.src.market.ports import HOLES_MAX


@dataclass(frozen=True, slots=True)
class _Stored:
    candle: Candle
    # what orders the candles that came for one key
    moment: tuple[object, ...]
    # grows with every change of any candle's values
    revision: int


class MemoryCandleStore:
    """Implements ``CandleHistory`` and ``CandleWriter``."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, Timeframe], SortedDict[int, _Stored]] = {}
        self.revision = 0

    async def store(self, candles: Sequence[CandleMessage]) -> None:
        for message in candles:
            self._store(message)

    def _store(self, message: CandleMessage) -> None:
        series = self._series.setdefault((message.symbol, message.timeframe), SortedDict())
        candle, known = message.candle(), series.get(message.time)
        moment = _moment(message)
        if known is None or known.candle != candle:
            if known is not None and moment <= known.moment:
                return
            self.revision += 1
            series[message.time] = _Stored(candle, moment, self.revision)
        elif moment > known.moment:
            series[message.time] = _Stored(candle, moment, known.revision)

    def revision_of(self, symbol: str, timeframe: Timeframe, time_ms: int) -> int | None:
        """When the candle's values changed last, by order; None when there is no such candle."""
        series = self._series.get((symbol, timeframe))
        stored = None if series is None else series.get(time_ms)
        return None if stored is None else stored.revision

    async def candles(self, symbol: str, timeframe: Timeframe, *, until_ms: int, count: int) -> list[Candle]:
        series = self._series.get((symbol, timeframe))
        if series is None:
            return []
        newest = list(islice(series.irange(maximum=until_ms, reverse=True), count))
        return [series[time_ms].candle for time_ms in reversed(newest)]

    async def newest(self, symbol: str) -> dict[Timeframe, int]:
        return {
            timeframe: series.peekitem()[0]
            for timeframe in STORED_TIMEFRAMES
            if (series := self._series.get((symbol, timeframe))) is not None
        }

    async def holes(self, *, since_ms: int) -> dict[str, list[Gap]]:
        found: dict[str, list[Gap]] = {}
        left = HOLES_MAX
        for symbol in sorted(symbol for symbol, timeframe in self._series if timeframe is Timeframe.M1):
            times = self._series[(symbol, Timeframe.M1)].irange(minimum=since_ms)
            gaps = [Gap(before + MINUTE_MS, after) for before, after in pairwise(times) if after > before + MINUTE_MS]
            if gaps[:left]:
                found[symbol] = gaps[:left]
            left -= len(gaps[:left])
        return found


def _moment(message: CandleMessage) -> tuple[object, ...]:
    """The later counts, then the correction, then any rule that is fixed; as the dispatcher's statement has it."""
    return (
        *(message.occurred_at, message.source == CORRECTION),
        *(message.open, message.high, message.low, message.close, message.volume, message.quote_asset_volume),
        *(message.taker_buy_base_asset_volume, message.taker_buy_quote_asset_volume, message.number_of_trades),
    )
