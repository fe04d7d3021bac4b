"""Every strategy on every symbol and time frame, each with an instance of its own: features in, votes out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from core.consensus.strategy_set import StrategySet, StrategySource, replaced, set_of
from core.consensus.votes import StrategyFailure, close_of, votes_of
from core.features.window import FeatureWindow
from shared.src.domain.features import BarFeatures, FeatureValue
from shared.src.domain.money import PRICE_PLACES, score_to_decimal
from shared.src.domain.votes import BarVotes, CastVote

FILTER_FEATURES: Final = (
    *("close", "atr_14", "natr", "market_regime", "regime_confidence", "volume_ratio", "bb_width", "rsi_14"),
    *("stoch_rsi", "williams_r", "momentum_score", "ema_26", "ema_99", "confluence_score", "volume_quality_score"),
    *("volatility_regime", "trend_alignment", "adx_14", "directional_bias", "volume"),
)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The votes on a bar, and the strategies that could not vote."""

    votes: BarVotes
    failures: tuple[StrategyFailure, ...] = ()


class StrategyEngine:
    """Holds the strategies' instances and the feature window they read.

    Args:
        sources: the strategies, in the order in which they vote.
        min_volume: nobody is asked about a bar with less volume (base units).
    """

    def __init__(self, sources: Sequence[StrategySource], *, min_volume: float) -> None:
        self._sources = tuple(sources)
        self._min_volume = min_volume
        self._window = FeatureWindow()
        self._sets: dict[tuple[str, str], StrategySet] = {}

    def replace(self, changed: Sequence[StrategySource]) -> None:
        """Let these strategies, known by their names, decide anew from the next bar on.

        Raises:
            ConfigurationError: one of them cannot be made; nothing was changed.
        """
        for source in changed:
            source.create()
        if not changed:
            return
        by_name = {source.name: source for source in changed}
        self._sources = tuple(by_name.get(source.name, source) for source in self._sources)
        self._sets = {key: replaced(old, changed) for key, old in self._sets.items()}

    def remember(self, bars: Iterable[BarFeatures]) -> None:
        """Begin anew with what strategies look back on; the bars of a series in order."""
        self._window = FeatureWindow()
        for bar in bars:
            self.see(bar)

    def see(self, bar: BarFeatures, *, revised: bool = False) -> None:
        """Add a bar to what strategies may read, or correct one."""
        place = self._window.revise if revised else self._window.push
        place(bar.symbol, bar.timeframe.value, bar.close_time, bar.values)

    def evaluate(self, bar: BarFeatures) -> Evaluation:
        """Every strategy's vote on a bar that ``see`` was called for."""
        volume = bar.values.get("volume") or 0.0
        votes: tuple[CastVote, ...] = ()
        failures: tuple[StrategyFailure, ...] = ()
        if isinstance(volume, float | int) and volume >= self._min_volume:
            votes, failures = self._ask(bar)
        return Evaluation(
            BarVotes(
                symbol=bar.symbol,
                timeframe=bar.timeframe,
                time=bar.time,
                price=score_to_decimal(close_of(bar), PRICE_PLACES),
                votes=votes,
                features=self._filter_features(bar),
            ),
            failures,
        )

    def _ask(self, bar: BarFeatures) -> tuple[tuple[CastVote, ...], tuple[StrategyFailure, ...]]:
        timeframe = bar.timeframe.value
        peers = self._window.symbols(timeframe)
        data = self._window.market_data(bar.symbol, timeframe, start_time=bar.time, peers=peers)
        key = (bar.symbol, timeframe)
        if key not in self._sets:
            self._sets[key] = set_of(self._sources, timeframe)
        return votes_of(self._sets[key].speaking(data), data, bar)

    def _filter_features(self, bar: BarFeatures) -> dict[str, FeatureValue]:
        """What the critical filters read: of the bar, and of the time frame above."""
        known: dict[str, FeatureValue] = {name: bar.values.get(name) for name in FILTER_FEATURES if name in bar.values}
        known["timeframe"] = bar.timeframe.value
        return known | self._window.higher_trend(bar.symbol, bar.timeframe.value)
