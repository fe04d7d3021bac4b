"""What the live platform would have computed on candles of a file: the same core, fed in the order of the market.

Candles go through the series that builds the higher time frames, the indicator engine, the strategy engine and the
consensus. Nothing looks ahead: a row depends on the bars up to its own, so a file cut anywhere gives the same rows up
to the cut. As in live operation, an engine starts over where a bar is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cli.exits import missing, misused
from core.consensus.bar_decision import decided
from core.consensus.decision import ConsensusRules
from core.consensus.strategy_engine import StrategyEngine
from core.consensus.strategy_set import StrategySource
from core.features.indicators.base import IndicatorParameters
from core.features.replay import features_of, in_order, watched
from core.market.series import CandleSeries
from shared.src.config import Settings
from shared.src.contracts.market import CandleMessage
from shared.src.contracts.signals import StrategyVotes
from shared.src.domain.candles import DAY_MS, Candle, Timeframe
from shared.src.domain.clock import from_ms
from shared.src.domain.errors import ConfigurationError
from shared.src.domain.features import BarFeatures
from shared.src.domain.votes import BarVotes, CastVote
from shared.src.market.candle_files import Recorded, bar_milliseconds, read_bars

FAILURES_KEPT = 20
MONTH_SHORTEST_MS = 28 * DAY_MS
Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class RecordedHistory:
    """The closed candles of one symbol, in order. ``gaps`` counts the places where candles are missing, ``corrected``
    the bars that a later row of the file told otherwise, ``moved`` those that the file has off their start."""

    symbol: str
    timeframe: Timeframe
    candles: tuple[Candle, ...]
    corrected: int = 0
    moved: int = 0

    @property
    def gaps(self) -> int:
        due = self.timeframe.next_open
        return sum(after.time > due(before.time) for before, after in pairwise(self.candles))


def read_history(path: Path, symbol: str) -> RecordedHistory:
    """The candles of a file; a repeated bar counts once, and where its rows differ the last one does, as live.

    Archives of 2017 and 2018 have bars some seconds off: each is placed where its interval begins, and counted.

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
    step = bar_milliseconds(bars)
    timeframe = _named_in(path) if step is None else _timeframe_of(step)
    if timeframe is None:
        raise misused(f"{path}: bars {step / 1000 if step else 0:g} s apart", f"one of {', '.join(Timeframe)}")
    placed = [_placed(bar, timeframe) for bar in bars]
    moved = sum(bar.time != before.time for bar, before in zip(placed, bars, strict=True))
    unique = {bar.time: bar for bar in placed}
    corrected = sum(bar != unique[bar.time] for bar in placed)
    candles = tuple(_candle(path, bar, symbol, timeframe) for bar in unique.values())
    return RecordedHistory(symbol, timeframe, candles, corrected, moved)


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
        raise misused(f"{path}, line {bar.line}: {name}{problem['msg'].removeprefix('Value error, ')}") from error
    return candle


def features_of_history(
    history: RecordedHistory,
    parameters: IndicatorParameters,
    timeframes: Collection[Timeframe],
    tick: Tick = lambda: None,
) -> Iterator[BarFeatures]:
    """The features of every bar as they close, of the file's time frame first. ``tick`` is called for each candle."""
    series = CandleSeries(history.symbol, history.timeframe)
    return features_of(series, _ticked(history.candles, tick), parameters, timeframes)


def _ticked(candles: Iterable[Candle], tick: Tick) -> Iterator[Candle]:
    for candle in candles:
        yield candle
        tick()


class Strategist:
    """The strategies over several histories: bars in the order in which they close, every strategy's votes on each."""

    def __init__(self, strategies: Sequence[StrategySource], settings: Settings, decided: Iterable[Timeframe]) -> None:
        self._engine = StrategyEngine(strategies, min_volume=float(settings.min_volume))
        self._parameters = IndicatorParameters.of(settings)
        self._decided = frozenset(decided)
        # the last strategies that raised, with the reason
        self.failures: deque[str] = deque(maxlen=FAILURES_KEPT)

    def votes(self, histories: Sequence[RecordedHistory], tick: Tick = lambda: None) -> Iterator[BarVotes]:
        """Those of each bar that is decided on, also when nobody votes."""
        wanted = watched(self._decided)
        streams = [features_of_history(history, self._parameters, wanted, tick) for history in histories]
        for bar in in_order(streams):
            self._engine.see(bar)
            if bar.timeframe in self._decided:
                evaluation = self._engine.evaluate(bar)
                self.failures.extend(failure.reason for failure in evaluation.failures)
                yield evaluation.votes


def feature_row(bar: BarFeatures) -> dict[str, Any]:
    """One row of ``features``: the bar, then every indicator, None while unknown."""
    values = {name: value for name, value in bar.values.items() if name != "time"}
    return {"time": from_ms(bar.time), "symbol": bar.symbol, "timeframe": bar.timeframe.value, **values}


def signal_row(bar: BarVotes, vote: CastVote) -> dict[str, Any]:
    """One row of ``signals``: one strategy's vote on one bar. ``time`` is the start of the bar, which has closed."""
    return {
        "time": from_ms(bar.time),
        "symbol": bar.symbol,
        "timeframe": bar.timeframe.value,
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


def decision_row(bar: BarVotes, rules: ConsensusRules, mode: str) -> dict[str, Any] | None:
    """One row of ``decisions``: the consensus on one bar, the refused ones too; None when nobody voted."""
    decision = decided(bar, rules, mode)
    if decision is None:
        return None
    correlation = f"{bar.symbol}:{bar.timeframe}:{bar.time}"
    message = StrategyVotes.of(bar, correlation_id=correlation, occurred_at=from_ms(bar.close_time))
    return {
        "time": from_ms(bar.time),
        "symbol": bar.symbol,
        "timeframe": bar.timeframe.value,
        "side": decision.verdict.side,
        "accepted": decision.accepted,
        "reason": decision.verdict.reason,
        "strategy": decision.strategy,
        "strength": decision.strength,
        "level": decision.level.value,
        "confidence": decision.confidence,
        "filter": decision.filter,
        "price": bar.price,
        "stop_loss": decision.stop_loss,
        "take_profit": decision.take_profit,
        "votes_count": len(bar.votes),
        "votes": [vote.model_dump(mode="json") for vote in message.votes],
        "id": decision.id,
    }
