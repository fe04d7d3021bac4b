"""What a strategy is. A user's class needs ``name`` and ``generate_signal``; a rule also runs on whole columns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from analyzer.strategies.options import Option, resolve
from core.risk.exit_levels import ATR
from core.rules.compiler import Compiled, UntraceableError, compile_rule, source_of_rule
from core.rules.frames import (
    BarFrame,
    Column,
    ColumnFrame,
    Condition,
    Frame,
    Row,
    Value,
    clip,
    numeric_row,
)
from core.rules.multi_timeframe import TREND_FEATURES
from shared.src.domain.signals import StrengthLevel

MarketData = dict[str, Any]
Signal = dict[str, Any]

FAMILIES: Final = ("trend_following", "mean_reversion", "breakout", "volume_based", "structure_based")
# distances in average true ranges that are proposed where a strategy names no level of its own
STOP_ATR: Final = float(ATR.stop)
TARGET_ATR: Final = float(ATR.target)
# a bar range under this share of the price is a market that does not trade
DEAD_RANGE: Final = 1e-5
# of the last 20 bars, how many must have had a trade; in a thinner market every tick looks like a break
ACTIVE_BARS_MIN: Final = 10.0
# what every rule needs besides its own reads
ALWAYS_READ: Final = ("close", "volume", "atr_14", "active_bars_20")


class BaseStrategy(ABC):
    """Base of every strategy. One instance serves one symbol and timeframe, so it may keep state."""

    family: str = "user"
    # None: every timeframe the analyzer decides on
    timeframes: tuple[str, ...] | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """The name votes and cycles are booked under."""

    @abstractmethod
    def generate_signal(self, market_data: MarketData) -> Signal | None:
        """Decide on one closed bar; None means no opinion.

        ``market_data`` has symbol, timeframe, startTime, closeTime, open, high, low, close, volume, ``features`` (every
        indicator of this bar, None while unknown) and ``history`` (the same of the last bars, oldest first).
        """


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule answers: who votes, how strongly, and the numbers it was decided by.

    Levels that are None or unknown are replaced by a distance of the average true range.
    """

    buy: Condition
    sell: Condition
    strength: Value
    confidence: Value
    reason_buy: str = ""
    reason_sell: str = ""
    stop_buy: Value | None = None
    target_buy: Value | None = None
    stop_sell: Value | None = None
    target_sell: Value | None = None
    numbers: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decisions:
    """The votes of one strategy over whole columns; ``side`` is 1 BUY, -1 SELL, 0 none."""

    side: NDArray[np.int8]
    strength: Column
    confidence: Column
    stop_loss: Column
    take_profit: Column


def features_needed(strategies: Iterable[BaseStrategy]) -> frozenset[str] | None:
    """What an engine must compute for these strategies; None when one of them may read anything."""
    needed = {*ALWAYS_READ, *TREND_FEATURES}
    for strategy in strategies:
        if strategy.family == "monitor":
            continue
        if not isinstance(strategy, RuleStrategy):
            return None
        needed.update(strategy.reads)
    return frozenset(needed)


RuleKey = tuple[type["RuleStrategy"], tuple[tuple[str, float], ...]]


class RuleStrategy(BaseStrategy):
    """A strategy whose rule is written once and runs on one bar and on whole columns with equal results."""

    title: ClassVar[str] = ""
    options: ClassVar[tuple[Option, ...]] = ()
    # features the rule reads; the engine of a backtest computes these and no more
    reads: ClassVar[tuple[str, ...]] = ()
    # bars before the current one that the rule reads
    lookback: ClassVar[int] = 1

    def __init__(
        self,
        environment: Mapping[str, str] | None = None,
        overrides: Mapping[str, float] | None = None,
    ) -> None:
        self._options = resolve(self.title, self.options, environment or {}, overrides)
        # a vote says by which parameters it was decided where they are not the defaults
        self._changed = {
            f"parameter_{option.name}": self._options[option.name]
            for option in self.options
            if self._options[option.name] != option.default
        }
        self._on_bar: Compiled | None = None
        self._traced = False

    @property
    def name(self) -> str:
        return self.title

    def option(self, name: str) -> float:
        """The value of one of the strategy's options."""
        return self._options[name]

    def event(self, frame: Frame) -> Condition | None:
        """For a rule that reads other symbols or time frames: what must hold on its own rows before it can vote.

        None where nothing is known to; such a rule is asked on every bar.
        """
        return None

    @property
    def is_plain(self) -> bool:
        """Whether its own rows say that it votes, or at least that it may."""
        if type(self).generate_signal is not RuleStrategy.generate_signal:
            return False
        return self._function() is not None or self.event(BarFrame(())) is not None

    @property
    def key(self) -> RuleKey:
        """What decides: the class and the values of its options."""
        return type(self), tuple(sorted(self._options.items()))

    @abstractmethod
    def rule(self, frame: Frame) -> Verdict:
        """Decide. Use operators and the functions of the frame only, so that bars and columns agree.

        ``atr_14`` and ``natr`` of this bar are never zero here; divide by anything else with ``frame.divide``.
        """

    def generate_signal(self, market_data: MarketData) -> Signal | None:
        frame = frame_of(market_data)
        if not self._speaks(frame):
            return None
        verdict = self.rule(frame)
        proposed = _proposed(frame, verdict)
        if not proposed.side:
            return None
        buying = proposed.side > 0
        strength = float(proposed.strength)
        return {
            "strategy": self.name,
            "family": self.family,
            "symbol": market_data.get("symbol"),
            "timeframe": market_data.get("timeframe"),
            "timestamp": market_data.get("startTime"),
            "side": "BUY" if buying else "SELL",
            "strength": strength,
            "level": StrengthLevel.of(strength).value,
            "confidence": float(proposed.confidence),
            "price": float(frame["close"]),
            "stop_loss": float(proposed.stop),
            "take_profit": float(proposed.target),
            "reason": verdict.reason_buy if buying else verdict.reason_sell,
            "metadata": {name: float(value) for name, value in verdict.numbers.items() if value == value}
            | self._changed,
        }

    def _speaks(self, frame: BarFrame) -> bool:
        """Whether there is a vote at all; most bars have none, and this is the cheapest way to know."""
        on_bar = self._function()
        if on_bar is None:
            return bool(_alive(frame))
        sides = on_bar(frame.rows)
        return sides is not None and sides[0] != 0.0

    def _function(self) -> Compiled | None:
        if not self._traced:
            self._on_bar, self._traced = _compiled(self), True
        return self._on_bar

    def evaluate(self, frame: ColumnFrame) -> Decisions:
        """Decide on every bar of whole columns."""
        length = len(frame["close"])
        with np.errstate(all="ignore"):
            proposed = _proposed(frame, self.rule(frame))

        def column(value: Value) -> Column:
            return np.broadcast_to(np.asarray(value, dtype=np.float64), (length,))

        return Decisions(
            side=np.broadcast_to(np.asarray(proposed.side, dtype=np.int8), (length,)),
            strength=column(proposed.strength),
            confidence=column(proposed.confidence),
            stop_loss=column(proposed.stop),
            take_profit=column(proposed.target),
        )


@dataclass(frozen=True, slots=True)
class _Proposed:
    side: Value
    strength: Value
    confidence: Value
    stop: Value
    target: Value


def _proposed(frame: Frame, verdict: Verdict) -> _Proposed:
    """What holds for every rule: no vote in a market that does not trade, and what it proposes: exit levels are settled
    at the consensus (``core.risk.exit_levels``).
    """
    close, atr, alive = frame["close"], frame["atr_14"], _alive(frame)
    buy = verdict.buy & alive
    sell = verdict.sell & alive & frame.no(verdict.buy)
    risk, reward = STOP_ATR * atr, TARGET_ATR * atr
    stop_buy = _level(frame, verdict.stop_buy, close - risk, below=True)
    target_buy = _level(frame, verdict.target_buy, close + reward, below=False)
    stop_sell = _level(frame, verdict.stop_sell, close + risk, below=False)
    target_sell = _level(frame, verdict.target_sell, close - reward, below=True)
    tiny = close * 0.01  # a level of a very volatile coin must stay a price
    return _Proposed(
        side=frame.where(buy, 1.0, frame.where(sell, -1.0, 0.0)),
        strength=_share(frame, verdict.strength),
        confidence=_share(frame, verdict.confidence),
        stop=frame.maximum(frame.where(buy, stop_buy, stop_sell), tiny),
        target=frame.maximum(frame.where(buy, target_buy, target_sell), tiny),
    )


_COMPILED: dict[RuleKey, Compiled | None] = {}
# the same rules decide on every symbol; a few sets differ by time frame, and by parameters once set
SETS_KEPT: Final = 64
_SETS: dict[tuple[RuleKey, ...], Compiled] = {}


def _compiled(strategy: RuleStrategy) -> Compiled | None:
    """The rule's side as a function of plain rows, shared by all instances; None when it needs a whole frame."""
    if strategy.key not in _COMPILED:
        try:
            _COMPILED[strategy.key] = compile_rule(
                lambda frame: (_proposed(frame, strategy.rule(frame)).side,), guard=_alive
            )
        except UntraceableError:
            _COMPILED[strategy.key] = None
    return _COMPILED[strategy.key]


def compiled_sides(rules: Sequence[RuleStrategy]) -> Compiled:
    """One function of plain rows for many plain rules: 0 for each that does not vote, None where nothing trades."""
    key = tuple(rule.key for rule in rules)
    if key not in _SETS:
        if len(_SETS) >= SETS_KEPT:
            _SETS.clear()
        _SETS[key] = compile_rule(_sides_of(rules), guard=_alive)
    return _SETS[key]


def source_of_sides(rules: Sequence[RuleStrategy]) -> str:
    """The text of that function, for whoever wants to read it."""
    return source_of_rule(_sides_of(rules), guard=_alive)


def _sides_of(rules: Sequence[RuleStrategy]) -> Callable[[Frame], tuple[Value, ...]]:
    def side(rule: RuleStrategy, frame: Frame) -> Value:
        event = rule.event(frame)
        return _proposed(frame, rule.rule(frame)).side if event is None else frame.where(event, 1.0, 0.0)

    return lambda frame: tuple(side(rule, frame) for rule in rules)


def _alive(frame: Frame) -> Condition:
    close, atr = frame["close"], frame["atr_14"]
    thin = frame["active_bars_20"] < ACTIVE_BARS_MIN
    return frame.known(close, atr) & (atr > close * DEAD_RANGE) & (frame["volume"] > 0) & frame.no(thin)


def _share(frame: Frame, value: Value) -> Value:
    held = clip(frame, value, 0.0, 1.0)
    return frame.where(frame.known(held), held, 0.0)


def _level(frame: Frame, wanted: Value | None, fallback: Value, *, below: bool) -> Value:
    if wanted is None:
        return fallback
    close = frame["close"]
    usable = (wanted < close) if below else (wanted > close)
    return frame.where(usable, wanted, fallback)


def mean_target(frame: Frame, mean: Value, *, above: bool) -> Value:
    """The mean as a target where it is one and a half times as far as the usual stop, else unknown: not worth it."""
    close = frame["close"]
    distance = (mean - close) if above else (close - mean)
    return frame.where(distance >= 1.5 * STOP_ATR * frame["atr_14"], mean, frame.constant(float("nan")))


def crossed_above(frame: Frame, upper: str, lower: str) -> Condition:
    """``upper`` is over ``lower`` on this bar and was not on the bar before."""
    return (frame[upper] > frame[lower]) & (frame.prev(upper) <= frame.prev(lower))


def crossed_below(frame: Frame, lower: str, upper: str) -> Condition:
    """``lower`` is under ``upper`` on this bar and was not on the bar before."""
    return (frame[lower] < frame[upper]) & (frame.prev(lower) >= frame.prev(upper))


def rose_above(frame: Frame, name: str, threshold: Value) -> Condition:
    """The feature is over the threshold on this bar and was not on the bar before."""
    return (frame[name] > threshold) & (frame.prev(name) <= threshold)


def fell_below(frame: Frame, name: str, threshold: Value) -> Condition:
    """The feature is under the threshold on this bar and was not on the bar before."""
    return (frame[name] < threshold) & (frame.prev(name) >= threshold)


def stale(frame: Frame, other: Frame) -> Condition:
    """The other symbol's newest bar is more than two bars old."""
    bar = frame["time"] - frame.prev("time")
    return frame["time"] - other["time"] > 2.0 * bar


def graded(*components: tuple[float, Value]) -> tuple[Value, Value]:
    """Strength (.3 to 1) and confidence (.58 to .9) from weighted shares of 0..1 that speak for a signal."""
    total = sum(weight for weight, _ in components)
    share: Value = 0.0
    for weight, part in components:
        share = share + (weight / total) * part
    return 0.3 + 0.7 * share, 0.58 + 0.32 * share


def frame_of(market_data: MarketData) -> BarFrame:
    """The frame a rule reads: the one prepared by ``FeatureWindow``, or one made of ``history``."""
    prepared = market_data.get("frame")
    if isinstance(prepared, BarFrame):
        return prepared
    rows: Sequence[Row] = [numeric_row(row) for row in market_data.get("history", ())]
    if not rows:
        candle = {name: market_data.get(name) for name in ("open", "high", "low", "close", "volume")}
        rows = [numeric_row({**market_data.get("features", {}), **candle})]
    return BarFrame(
        rows,
        symbol=str(market_data.get("symbol", "")),
        timeframe=str(market_data.get("timeframe", "")),
        higher=_rows_by_name(market_data.get("timeframes")),
        peers=_rows_by_name(market_data.get("symbols")),
    )


def _rows_by_name(source: Mapping[str, Any] | None) -> dict[str, list[Row]]:
    return {name: [numeric_row(row) for row in rows] for name, rows in (source or {}).items()}
