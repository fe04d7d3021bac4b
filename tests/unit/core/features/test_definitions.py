"""The project's own kernels against their definitions, written the slow way."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from core.features.candle_columns import columns_of
from core.features.engine import IndicatorEngine
from core.features.indicators.base import IndicatorParameters
from core.features.indicators.scores import Confluence
from core.features.registry import build_indicators
from core.rules.labels import LABELS, code_of
from tests.unit.core.features.market import Bar, generated
from tests.unit.core.features.test_engine_equality import batch

CANDLES = generated(1200, seed=31)
COLUMNS = batch(CANDLES)
BARS = range(150, 1200, 7)


def known(value: float) -> bool:
    return not math.isnan(value)


def test_vwap_10_weighs_ten_typical_prices_by_their_volume() -> None:
    for index in BARS:
        window = CANDLES[index - 9 : index + 1]
        volume = sum(bar.volume for bar in window)
        if volume:
            expected = sum((bar.high + bar.low + bar.close) / 3 * bar.volume for bar in window) / volume
            assert COLUMNS["vwap_10"][index] == pytest.approx(expected, rel=1e-12)


def test_vwap_is_unknown_when_ten_bars_had_no_trade() -> None:
    candles = generated(450)
    dead = [index for index in range(20, 450) if all(bar.volume == 0 for bar in candles[index - 9 : index + 1])]
    assert dead
    column = batch(candles)["vwap_10"]
    assert all(math.isnan(column[index]) for index in dead)


def test_anchored_vwap_starts_anew_each_utc_day() -> None:
    candles = generated(3000, seed=8)
    columns = batch(candles)
    for index in (1439, 1440, 1500, 2879, 2880, 2999):
        day = [bar for bar in candles[: index + 1] if bar.time // 86_400_000 == candles[index].time // 86_400_000]
        prices = np.array([(bar.high + bar.low + bar.close) / 3 for bar in day])
        weights = np.array([bar.volume for bar in day])
        mean = float(np.average(prices, weights=weights))
        deviation = math.sqrt(float(np.average((prices - mean) ** 2, weights=weights)))
        assert columns["anchored_vwap"][index] == pytest.approx(mean, rel=1e-9)
        assert columns["vwap_upper_band"][index] - mean == pytest.approx(deviation, rel=1e-4, abs=1e-9)


def test_anchored_vwap_is_unknown_until_a_session_is_seen_from_its_start() -> None:
    candles = generated(3000, seed=8)[100:]
    column = batch(candles)["anchored_vwap"]
    assert np.isnan(column[:1340]).all()
    assert known(column[1340])


def test_volume_ratio_compares_with_the_twenty_bars_before() -> None:
    for index in BARS:
        before = sum(bar.volume for bar in CANDLES[index - 20 : index]) / 20
        if before:
            assert COLUMNS["volume_ratio"][index] == pytest.approx(CANDLES[index].volume / before, rel=1e-12)


def test_zscore_and_band_position_follow_from_twenty_closes() -> None:
    for index in BARS:
        window = np.array([bar.close for bar in CANDLES[index - 19 : index + 1]])
        deviation = float(window.std())
        if deviation / window.mean() > 1e-6:
            zscore = (window[-1] - window.mean()) / deviation
            assert COLUMNS["zscore_20"][index] == pytest.approx(zscore, rel=1e-5, abs=1e-6)
            assert COLUMNS["bb_position"][index] == pytest.approx((zscore + 2) / 4, rel=1e-5, abs=1e-6)
            assert COLUMNS["bb_width"][index] == pytest.approx(4 * deviation / window.mean(), rel=1e-5)


def test_donchian_channel_is_that_of_the_bars_before() -> None:
    for index in BARS:
        assert COLUMNS["donchian_upper"][index] == max(bar.high for bar in CANDLES[index - 20 : index])
        assert COLUMNS["donchian_lower"][index] == min(bar.low for bar in CANDLES[index - 20 : index])


def swings(index: int, highs: bool) -> list[tuple[int, float]]:
    """Swing points confirmed up to a bar: at, price."""
    found = []
    for at in range(3, index - 2):
        values = [bar.high if highs else -bar.low for bar in CANDLES[at - 3 : at + 4]]
        if all(values[3] > other for place, other in enumerate(values) if place != 3):
            found.append((at, abs(values[3])))
    return found


def test_levels_are_swings_known_before_the_bar_on_each_side_of_the_previous_close() -> None:
    for index in range(200, 1200, 97):
        levels = [price for highs in (True, False) for _, price in swings(index - 1, highs)[-10:]]
        reference = CANDLES[index - 1].close
        support = max((level for level in levels if level < reference), default=math.nan)
        resistance = min((level for level in levels if level > reference), default=math.nan)
        np.testing.assert_equal(COLUMNS["nearest_support"][index], support)
        np.testing.assert_equal(COLUMNS["nearest_resistance"][index], resistance)


def test_a_close_can_be_beyond_the_nearest_level() -> None:
    close = COLUMNS["close"]
    assert (close > COLUMNS["nearest_resistance"]).any()
    assert (close < COLUMNS["nearest_support"]).any()


def test_divergence_is_a_new_low_of_the_price_with_a_higher_rsi() -> None:
    expected = {}
    lows = swings(len(CANDLES) - 1, highs=False)
    rsi = COLUMNS["rsi_14"]
    for (first, low), (second, lower) in itertools.pairwise(lows):
        if lower < low and rsi[second] > rsi[first] and second - first <= 60:
            expected[second + 3] = 1.0
    found = dict.fromkeys(np.flatnonzero(COLUMNS["rsi_divergence"] == 1.0).tolist(), 1.0)
    bearish = set(np.flatnonzero(COLUMNS["rsi_divergence"] == -1.0).tolist())
    assert found == {index: value for index, value in expected.items() if index not in bearish}
    assert found


def test_volume_profile_holds_seventy_percent_of_twenty_bars() -> None:
    for index in BARS:
        window = CANDLES[index - 19 : index + 1]
        low, high = min(bar.low for bar in window), max(bar.high for bar in window)
        total = sum(bar.volume for bar in window)
        if high <= low or not total:
            continue
        bins = [0.0] * 24
        for bar in window:
            typical = (bar.high + bar.low + bar.close) / 3
            bins[min(int((typical - low) / (high - low) * 24), 23)] += bar.volume
        step = (high - low) / 24
        assert COLUMNS["volume_profile_poc"][index] == pytest.approx(low + (bins.index(max(bins)) + 0.5) * step)
        first = round((COLUMNS["volume_profile_val"][index] - low) / step)
        last = round((COLUMNS["volume_profile_vah"][index] - low) / step)
        assert sum(bins[first:last]) >= 0.7 * total * (1 - 1e-9)
        assert max(bins) == max(bins[first:last])


def test_a_regime_holds_until_another_was_seen_three_bars_in_a_row() -> None:
    raw, regime = COLUMNS["regime_of_bar"], COLUMNS["market_regime"]
    changes = [index for index in range(1, 1200) if known(regime[index - 1]) and regime[index] != regime[index - 1]]
    assert changes
    for index in changes:
        assert raw[index] == raw[index - 1] == raw[index - 2] == regime[index]
        assert COLUMNS["regime_duration"][index] == 0
    for index in range(3, 1200):
        if raw[index] == raw[index - 1] == raw[index - 2]:
            assert regime[index] == raw[index]


def test_regimes_know_the_direction() -> None:
    regime = COLUMNS["market_regime"]
    bull = regime == code_of("market_regime", "TRENDING_BULL")
    bear = regime == code_of("market_regime", "TRENDING_BEAR")
    assert bull.any()
    assert bear.any()
    assert np.nanmean(COLUMNS["roc_20"][bull]) > 0 > np.nanmean(COLUMNS["roc_20"][bear])


def test_confluence_is_the_other_way_round_when_the_market_is() -> None:
    mirrored = columns_of(CANDLES)
    top = 1.0 / mirrored["low"], 1.0 / mirrored["high"]
    mirrored |= {"open": 1 / mirrored["open"], "close": 1 / mirrored["close"], "high": top[0], "low": top[1]}
    score = IndicatorEngine("TEST", "1m").batch(mirrored)["confluence_score"]
    together = np.isfinite(score) & np.isfinite(COLUMNS["confluence_score"])
    assert np.corrcoef(score[together], COLUMNS["confluence_score"][together])[0, 1] < -0.95


def test_every_label_of_a_generated_market_has_a_name() -> None:
    for name, labels in LABELS.items():
        codes = COLUMNS[name][~np.isnan(COLUMNS[name])]
        assert len(codes), name
        assert set(codes.tolist()) <= {float(code) for code in range(len(labels))}, name


def test_two_indicators_may_not_write_one_column() -> None:
    names = [name for indicator in build_indicators(IndicatorParameters()) for name in indicator.writes]
    assert len(names) == len(set(names))


def test_windows_out_of_bounds_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="RSI_WINDOW"):
        IndicatorParameters(rsi_window=1)
    with pytest.raises(ValueError, match="SHORT_WINDOW"):
        IndicatorParameters(short_window=20, long_window=20)
    with pytest.raises(ValueError, match="BB_STD"):
        IndicatorParameters(bb_std=0.0)


def test_the_users_windows_change_the_users_columns() -> None:
    engine = IndicatorEngine("TEST", "1m", IndicatorParameters(rsi_window=5, bb_window=10, bb_std=1.0))
    columns = engine.batch(columns_of(CANDLES))
    assert not np.allclose(columns["rsi_user"][200:], columns["rsi_14"][200:])
    assert (columns["bb_user_upper"] < columns["bb_upper"])[200:].mean() > 0.9


@pytest.mark.parametrize("noise", [1e-12, -1e-12])
def test_what_rounding_leaves_of_two_equal_averages_is_no_opinion(noise: float) -> None:
    names = ("ema_12", "ema_26", "ema_50", "bb_middle", "close")
    still = dict.fromkeys(names, np.full(3, 100.0)) | dict.fromkeys(("stoch_k", "stoch_d"), np.zeros(3))
    still |= {"rsi_14": np.full(3, 50.0), "adx_14": np.full(3, 30.0), "supertrend_direction": np.zeros(3)}
    still |= dict.fromkeys(("plus_di", "minus_di", "macd_line", "macd_signal", "obv_oscillator"), np.zeros(3))
    for name in ("ema_12", "stoch_k", "plus_di", "macd_line", "obv_oscillator", "close"):
        shaken = still | {name: still[name] + noise}
        found = Confluence(IndicatorParameters()).fill(shaken, 3)
        np.testing.assert_array_equal(found["confluence_score"], 50.0, err_msg=name)


def test_a_price_that_stands_still_breaks_out_of_no_band() -> None:
    moving = generated(120, seed=3)
    last = moving[-1]
    still = [Bar(last.time + 60_000 * age, last.close, last.close, last.close, last.close, 0.0) for age in range(1, 60)]
    found = IndicatorEngine("TEST", "1m").batch(columns_of([*moving, *still]))["bb_breakout_direction"]
    assert set(found[-30:]) == {code_of("bb_breakout_direction", "NONE")}
