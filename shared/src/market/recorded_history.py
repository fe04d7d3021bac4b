"""The history of one symbol from a file: closed candles of one time frame, in order, each bar once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from pydantic import ValidationError

from shared.src.contracts.market import CandleMessage
from shared.src.domain.candles import DAY_MS, Candle, Timeframe
from shared.src.domain.errors import ConfigurationError
from shared.src.market.candle_files import Recorded, bar_milliseconds, read_bars

MONTH_SHORTEST_MS = 28 * DAY_MS


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """The closed candles of one symbol, in order. ``gaps`` counts the places where candles are missing, ``corrected``
    the bars that a later row of the file told otherwise, ``repeated`` the rows that tell a bar again, ``moved`` the
    bars that the file has off their start.
    """

    symbol: str
    timeframe: Timeframe
    candles: tuple[Candle, ...]
    corrected: int = 0
    moved: int = 0
    repeated: int = 0

    @property
    def gaps(self) -> int:
        due = self.timeframe.next_open
        return sum(after.time > due(before.time) for before, after in pairwise(self.candles))


def read_history(path: Path, symbol: str) -> RecordedHistory:
    """The candles of a file; a repeated bar counts once, and where its rows differ the last one does, as live.

    Archives of 2017 and 2018 have bars some seconds off: each is placed where its interval begins, and counted.

    Raises:
        ConfigurationError: it is not a file of candles of one time frame.
    """
    bars = read_bars(path)
    step = bar_milliseconds(bars)
    timeframe = _named_in(path) if step is None else _timeframe_of(step)
    if timeframe is None:
        raise ConfigurationError(f"{path}: bars {step / 1000 if step else 0:g} s apart, not {', '.join(Timeframe)}")
    placed = [_placed(bar, timeframe) for bar in bars]
    moved = sum(bar.time != before.time for bar, before in zip(placed, bars, strict=True))
    unique = {bar.time: bar for bar in placed}
    corrected = sum(bar != unique[bar.time] for bar in placed)
    candles = tuple(_candle(path, bar, symbol, timeframe) for bar in unique.values())
    return RecordedHistory(symbol, timeframe, candles, corrected, moved, repeated=len(bars) - len(candles))


def _timeframe_of(step_ms: int) -> Timeframe | None:
    """The time frame whose bars are so far apart; months are 28 to 31 days long."""
    if MONTH_SHORTEST_MS <= step_ms <= Timeframe.MO1.milliseconds and not step_ms % DAY_MS:
        return Timeframe.MO1
    return next((frame for frame in Timeframe if frame.milliseconds == step_ms), None)


def _placed(bar: Recorded, timeframe: Timeframe) -> Recorded:
    """A bar at the start of its interval. On which day three days begin, nobody says: they stay as they are."""
    if timeframe is Timeframe.D3:
        return bar
    return replace(bar, time=timeframe.open_of(bar.time))


def _named_in(path: Path) -> Timeframe:
    """The time frame that a name such as BTCUSDC-5m-2026-01.zip says, of a file with a single bar; else a minute."""
    parts = path.name.split("-")[1:2]
    return next((frame for frame in Timeframe if [frame.value] == parts), Timeframe.M1)


def _candle(path: Path, bar: Recorded, symbol: str, timeframe: Timeframe) -> Candle:
    candle = Candle(
        symbol=symbol,
        timeframe=timeframe,
        time=bar.time,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        quote_asset_volume=bar.quote_asset_volume,
        number_of_trades=bar.number_of_trades,
        taker_buy_base_asset_volume=bar.taker_buy_base_asset_volume,
        taker_buy_quote_asset_volume=bar.taker_buy_quote_asset_volume,
    )
    try:
        CandleMessage.of(candle, source="file", occurred_at_ms=candle.close_time)
    except ValidationError as error:
        problem = error.errors()[0]
        name = f"{problem['loc'][0]}: " if problem["loc"] else ""
        raise ConfigurationError(
            f"{path}, line {bar.line}: {name}{problem['msg'].removeprefix('Value error, ')}"
        ) from error
    return candle
