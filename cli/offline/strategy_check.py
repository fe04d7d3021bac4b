"""A strategy file tried out: loaded as the analyzer loads it, run over a seeded market of three coins, and searched for
lookahead."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from analyzer.src.strategy_loader import LoadedStrategy, RefusedStrategy, StrategyLoader
from analyzer.strategies.base_strategy import RuleStrategy
from cli.offline.history_run import FAILURES_KEPT, features_of_history
from cli.offline.strategy_lookahead import Decided, Seen, on_bars, on_columns
from core.consensus.strategy_engine import StrategyEngine
from core.features.indicators.base import IndicatorParameters
from core.features.replay import in_order, watched
from shared.src.domain.candles import Candle, Timeframe
from shared.src.domain.clock import Clock
from shared.src.domain.features import BarFeatures
from shared.src.market.recorded_history import RecordedHistory
from simulator.market.series import PRICE_SCALE, VOLUME, Rows
from simulator.market.symbols import DEFAULT_PROFILES, Profile
from simulator.market.synthetic import SyntheticMarket

BARS = 1_500
COINS = DEFAULT_PROFILES[:3]
START_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def check_file(path: Path, environment: dict[str, str], clock: Clock) -> dict[str, Any]:
    """What became of every strategy class of the file; ``ok`` is false when one is refused, or fails on a bar."""
    outcomes = StrategyLoader((), environment=environment).load_file(path)
    refused = [outcome.error for outcome in outcomes if isinstance(outcome, RefusedStrategy)]
    tried = [_try_out(outcome, clock) for outcome in outcomes if isinstance(outcome, LoadedStrategy)]
    if not outcomes:
        refused = ["it defines no strategy: a class with BaseStrategy or RuleStrategy as its base"]
    ok = not refused and all(not strategy["failures"] for strategy in tried)
    return {"ok": ok, "file": str(path), "strategies": tried, "refused": refused}


@lru_cache(maxsize=2)
def market(timeframe: Timeframe) -> tuple[BarFeatures, ...]:
    """The features of every bar of that market, as they close."""
    streams = [
        features_of_history(history, IndicatorParameters(), watched([timeframe])) for history in generated(timeframe)
    ]
    return tuple(in_order(streams))


def generated(timeframe: Timeframe) -> list[RecordedHistory]:
    """The same seeded market every time; its minutes are read as bars of the time frame."""
    market = SyntheticMarket(COINS, seed=7, start_ms=START_MS, steps_per_minute=4, history_minutes=BARS)
    return [
        RecordedHistory(coin.symbol, timeframe, _candles(market.history(coin.symbol).minutes, coin, timeframe))
        for coin in COINS
    ]


def _candles(rows: Rows, coin: Profile, timeframe: Timeframe) -> tuple[Candle, ...]:
    first = timeframe.open_of(START_MS) - len(rows) * timeframe.milliseconds
    candles = []
    for place, row in enumerate(rows.tolist()):
        opened, high, low, close = (Decimal(price) / PRICE_SCALE for price in row[1:VOLUME])
        volume = Decimal(row[VOLUME]).scaleb(-coin.decimals)
        at = first + place * timeframe.milliseconds
        candles.append(Candle(coin.symbol, timeframe, at, opened, high, low, close, volume))
    return tuple(candles)


def _try_out(loaded: LoadedStrategy, clock: Clock) -> dict[str, Any]:
    strategy = loaded.create()
    timeframe = Timeframe(strategy.timeframes[0]) if strategy.timeframes else Timeframe.M1
    frames = market(timeframe)
    began = clock.monotonic()
    decided, failures = _votes(loaded, frames, timeframe)
    seconds = clock.monotonic() - began
    times = [frame.close_time for frame in frames if frame.timeframe is timeframe]
    return {
        "name": loaded.name,
        "family": loaded.family,
        "timeframe": timeframe.value,
        "bars": len(times),
        "signals": {side: list(decided.values()).count(side) for side in ("BUY", "SELL")},
        "microseconds_per_bar": round(1e6 * seconds / len(times), 1),
        "failures": failures or _lookahead(loaded, frames, timeframe, decided),
    }


def _votes(loaded: LoadedStrategy, frames: Sequence[BarFeatures], timeframe: Timeframe) -> tuple[Decided, list[str]]:
    """The side of every vote, by close time and symbol; and what failed."""
    engine = StrategyEngine([loaded], min_volume=0.0)
    decided: Decided = {}
    failures: deque[str] = deque(maxlen=FAILURES_KEPT)
    for frame in frames:
        engine.see(frame)
        if frame.timeframe is timeframe:
            evaluation = engine.evaluate(frame)
            failures.extend(failure.reason for failure in evaluation.failures)
            for vote in evaluation.votes.votes:
                decided[(frame.close_time, frame.symbol)] = vote.side.value
    return decided, list(failures)


def _lookahead(
    loaded: LoadedStrategy, frames: Sequence[BarFeatures], timeframe: Timeframe, decided: Decided
) -> list[str]:
    def run(until: int) -> Decided:
        return _votes(loaded, [frame for frame in frames if frame.close_time < until], timeframe)[0]

    found = on_bars(run, decided, [frame.close_time for frame in frames])
    strategy = loaded.create()
    if not found and isinstance(strategy, RuleStrategy):
        try:
            found = on_columns(strategy, Seen(frames), timeframe, decided)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a user's rule may raise anything on columns
            found = [f"fails on whole columns: {type(error).__name__}: {error}"]
    return found
