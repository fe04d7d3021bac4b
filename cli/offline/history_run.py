"""What the live services would have computed on candles of a file: their own classes, fed in the order of the market.

Candles go through the gateway's series (which builds the higher time frames), the indicator engine, the strategies'
manager and the consensus. Nothing looks ahead: a row depends on the bars up to its own, so a file cut anywhere gives
the same rows up to the cut. As in live operation, an engine starts over where a bar is missing.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analyzer.src.multiproc_manager import AnalyzerManager
from analyzer.src.strategy_loader import LoadedStrategy
from cli.exits import missing, misused
from core.consensus.decision import Consensus, decide
from core.features.engine import IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.rules.multi_timeframe import HIGHER_TIMEFRAMES
from gateway.src.series import Built, CandleSeries, Gap, above
from market_analyzer.src.data_listener import feature_frame, parameters_of
from shared.memory.manual_clock import ManualClock
from shared.src.config import Settings
from shared.src.contracts.market import CandleMessage, FeatureFrame
from shared.src.contracts.signals import StrategyVotes, Vote
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ConfigurationError
from shared.src.market.candle_files import Recorded, bar_milliseconds, read_bars
from signal_aggregator.src.consensus import decision_row, rules_of, signal_of

SOURCE = "file"
Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """The closed candles of one symbol, in order. ``gaps`` counts the places where candles are missing, ``corrected``
    the bars that a later row of the file told otherwise."""

    symbol: str
    timeframe: Timeframe
    candles: tuple[Candle, ...]
    corrected: int = 0

    @property
    def gaps(self) -> int:
        step = self.timeframe.milliseconds
        return sum(after.time - before.time > step for before, after in pairwise(self.candles))


def read_history(path: Path, symbol: str) -> RecordedHistory:
    """The candles of a file; a repeated bar counts once, and where its rows differ the last one does, as live.

    Raises:
        CommandError: the file is not there (3), or it is not a file of candles of one time frame (2).
    """
    path = path.expanduser()
    if not path.is_file():
        raise missing(f"there is no file {path}")
    try:
        bars = read_bars(path)
    except ConfigurationError as error:
        raise misused(str(error), "columns: open_time, open, high, low, close, volume") from error
    step = bar_milliseconds(bars) or _named_in(path).milliseconds
    timeframe = next((frame for frame in Timeframe if frame.milliseconds == step), None)
    if timeframe is None:
        raise misused(f"{path}: bars {step / 1000:g} s apart", f"one of {', '.join(Timeframe)}")
    unique = {bar.open_ms: bar for bar in bars}
    corrected = sum(bar != unique[bar.open_ms] for bar in bars)
    candles = tuple(_candle(path, bar, symbol, timeframe) for bar in unique.values())
    return RecordedHistory(symbol, timeframe, candles, corrected)


def _named_in(path: Path) -> Timeframe:
    """The time frame that a name such as BTCUSDC-5m-2026-01.zip says, of a file with a single bar; else a minute."""
    parts = path.name.split("-")[1:2]
    return next((frame for frame in Timeframe if [frame.value] == parts), Timeframe.M1)


def _candle(path: Path, bar: Recorded, symbol: str, timeframe: Timeframe) -> Candle:
    candle = Candle(
        symbol=symbol,
        timeframe=timeframe,
        time=bar.open_ms,
        open=bar.open,
        high=bar.high,
        low=bar.low,
        close=bar.close,
        volume=bar.volume,
        quote_asset_volume=bar.quote_volume,
        number_of_trades=bar.trades,
        taker_buy_base_asset_volume=bar.taker_buy_base,
        taker_buy_quote_asset_volume=bar.taker_buy_quote,
    )
    if timeframe.open_of(bar.open_ms) != bar.open_ms:
        raise misused(f"{path}, line {bar.line}: {from_ms(bar.open_ms)} is not the start of a {timeframe} bar")
    try:
        _message(candle)
    except ValidationError as error:
        problem = error.errors()[0]
        name = f"{problem['loc'][0]}: " if problem["loc"] else ""
        raise misused(f"{path}, line {bar.line}: {name}{problem['msg'].removeprefix('Value error, ')}") from error
    return candle


def _message(candle: Candle) -> CandleMessage:
    return CandleMessage.of(candle, source=SOURCE, occurred_at_ms=candle.close_time)


def decided_on(base: Timeframe, asked: Iterable[Timeframe]) -> tuple[Timeframe, ...]:
    """The time frames that strategies vote on: that of the file, and those asked for that can be built from it."""
    wanted = set(asked)
    return tuple(frame for frame in Timeframe if frame is base or (frame in above(base) and frame in wanted))


def watched(decided: Collection[Timeframe]) -> frozenset[Timeframe]:
    """The time frames whose features are needed: those decided on and those their strategies look up to."""
    looked_up = {Timeframe(name) for frame in decided for name in HIGHER_TIMEFRAMES[frame]}
    return frozenset(decided) | looked_up


def frames_of(
    history: RecordedHistory,
    parameters: IndicatorParameters,
    timeframes: Collection[Timeframe],
    tick: Tick = lambda: None,
) -> Iterator[FeatureFrame]:
    """The features of every bar as they close, of the file's time frame first. ``tick`` is called for each candle."""
    series = CandleSeries(history.symbol, history.timeframe)
    engines: dict[Timeframe, IndicatorEngine] = {}
    for candle in history.candles:
        for closed in _closed(series, candle):
            if closed.timeframe in timeframes:
                yield _frame(engines, closed, parameters)
        tick()


def _closed(series: CandleSeries, candle: Candle) -> tuple[Candle, ...]:
    """The candle and what it completes. Nothing fills a hole of a file: the line starts anew behind it."""
    built = series.append(candle)
    if isinstance(built, Gap):
        series.last_open_ms = None
        built = series.append(candle)
    assert isinstance(built, Built), "the candles of a history are in order and differ"
    return built.candles


def _frame(engines: dict[Timeframe, IndicatorEngine], candle: Candle, parameters: IndicatorParameters) -> FeatureFrame:
    timeframe = candle.timeframe
    engine = engines.get(timeframe)
    if engine is None or engine.last_open_time_ms != candle.time - timeframe.milliseconds:
        engine = engines[timeframe] = IndicatorEngine(candle.symbol, timeframe.value, parameters)
    message = _message(candle)
    return feature_frame(message, engine.update(candle), occurred_at=message.occurred_at)


def in_order(streams: Iterable[Iterator[FeatureFrame]]) -> Iterator[FeatureFrame]:
    """The frames of several symbols as their bars close."""
    return heapq.merge(*streams, key=lambda frame: frame.close_time)


class Strategist:
    """The analyzer over several histories: bars in the order in which they close, every strategy's votes on each."""

    def __init__(self, strategies: Sequence[LoadedStrategy], settings: Settings, decided: Iterable[Timeframe]) -> None:
        self._clock = ManualClock(from_ms(0))
        self._manager = AnalyzerManager(strategies, self._clock, min_volume=settings.min_volume)
        self._parameters = parameters_of(settings)
        self._decided = frozenset(decided)

    @property
    def failures(self) -> list[str]:
        """The last strategies that raised, with the reason."""
        found: list[str] = self._manager.statistics()["failures"]
        return found

    def votes(self, histories: Sequence[RecordedHistory], tick: Tick = lambda: None) -> Iterator[StrategyVotes]:
        """One message for each bar that is decided on, also when nobody votes."""
        wanted = watched(self._decided)
        streams = [frames_of(history, self._parameters, wanted, tick) for history in histories]
        for frame in in_order(streams):
            self._manager.see(frame)
            if frame.timeframe in self._decided:
                self._clock.advance(timedelta(milliseconds=frame.close_time - self._clock.now_ms()).total_seconds())
                yield self._manager.evaluate(frame)


def feature_row(frame: FeatureFrame) -> dict[str, Any]:
    """One row of ``features``: the bar, then every indicator, None while unknown."""
    values = {name: value for name, value in frame.values.items() if name != "open_time"}
    return {"time": from_ms(frame.time), "symbol": frame.symbol, "timeframe": frame.timeframe.value, **values}


def signal_row(message: StrategyVotes, vote: Vote) -> dict[str, Any]:
    """One row of ``signals``: one strategy's vote on one bar. ``time`` is the start of the bar, which has closed."""
    return {
        "time": from_ms(message.time),
        "symbol": message.symbol,
        "timeframe": message.timeframe.value,
        "strategy": vote.strategy,
        "family": vote.family,
        "side": vote.side.value,
        "strength": vote.strength,
        "level": vote.level.value,
        "confidence": vote.confidence,
        "price": vote.price,
        "stop_loss": vote.stop_loss,
        "take_profit": vote.take_profit,
        "reason": vote.reason,
    }


def decision_of(message: StrategyVotes, settings: Settings) -> dict[str, Any] | None:
    """One row of ``decisions``: the consensus on one bar, the refused ones too; None when nobody voted."""
    if not message.votes:
        return None
    verdict = decide(message.votes, message.features, rules_of(settings), settings.market_mode)
    signal = None
    if isinstance(verdict, Consensus):
        signal = signal_of(message, verdict, occurred_at=message.occurred_at)
    stored = decision_row(message, verdict, signal)
    names = ("symbol", "timeframe", "side", "accepted", "reason", "strategy", "strength", "level", "confidence")
    more = ("price", "stop_loss", "take_profit", "votes_count", "votes", "id")
    return {
        "time": from_ms(message.time),
        **{name: stored[name] for name in names},
        "filter": getattr(verdict, "filter", None),
        **{name: stored[name] for name in more},
    }
