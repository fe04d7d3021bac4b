"""Each rule on a table of bars: the rows that make it buy, those that make it sell, and one number that stops it.

A table lists the last bars, oldest first, as what differs from a quiet bar; a near miss changes one row of the table.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from analyzer.strategies.base_strategy import Signal
from core.rules.frames import BarFrame, numeric_row
from tests.unit.analyzer.strategies.markets import SYMBOLS, market, rules, timeframe_of

QUIET: dict[str, Any] = {
    **{"open": 100.0, "high": 100.4, "low": 99.6, "close": 100.0, "volume": 10.0, "active_bars_20": 20.0},
    **{"time": 0.0, "atr_14": 1.0, "natr": 1.0, "true_range": 1.2, "atr_percentile": 70.0, "volume_ratio": 1.5},
    **{"adx_14": 25.0, "plus_di": 20.0, "minus_di": 20.0, "rsi_14": 50.0, "rsi_21": 50.0, "momentum_score": 50.0},
    **{"volatility_regime": "normal", "market_regime": "RANGING", "move_atr": 0.0, "roc_10": 0.0, "bb_width": 0.04},
    **{"confluence_agreement": 50.0, "support_touches": 2.0, "resistance_touches": 2.0, "bb_position": 0.5},
    **{"obv_divergence": 0.0, "rsi_divergence": 0.0, "bb_squeeze": False, "ema_50": 100.0, "ema_26": 100.0},
    **{"donchian_upper": 105.0, "donchian_lower": 95.0, "bb_middle": 100.0, "bb_upper": 104.0, "bb_lower": 96.0},
    **{"lowest_5": 98.0, "lowest_20": 96.0, "vwap_10": 100.0, "range_is_flat": 0.0, "zscore_20": 0.0},
    **{"nearest_support": 95.0, "nearest_resistance": 105.0, "macd_histogram": 0.0, "ppo_histogram": 0.0},
}
Rows = list[dict[str, Any]]
RISING = {"close": 103.0, "ema_12": 102.0, "ema_26": 101.0, "ema_50": 100.0}
FALLING = {"close": 97.0, "ema_12": 98.0, "ema_26": 99.0, "ema_50": 100.0}


@dataclass
class Table:
    """``miss``: (row, changes) that turn ``buy`` (or ``sell`` where nothing buys) into silence."""

    buy: Rows | None
    sell: Rows | None
    miss: tuple[int, dict[str, Any]]
    symbol: str = "LINKUSDC"
    timeframe: str = "1m"
    higher_buy: dict[str, dict[str, Any]] = field(default_factory=dict)
    higher_sell: dict[str, dict[str, Any]] = field(default_factory=dict)
    peers: dict[str, Rows] = field(default_factory=dict)


def row(**changes: Any) -> dict[str, Any]:
    return changes


TABLES: dict[str, Table] = {
    "ADX_Direction": Table(
        [row(adx_14=21.0, plus_di=26.0, minus_di=14.0), row(adx_14=23.0, plus_di=28.0, minus_di=13.0)],
        [row(adx_14=21.0, plus_di=14.0, minus_di=26.0), row(adx_14=23.0, plus_di=13.0, minus_di=28.0)],
        (1, row(adx_14=21.9)),
    ),
    "ATR_Breakout": Table(
        [*[row()] * 3, row(close=101.5, nearest_resistance=101.0, momentum_score=60.0)],
        [*[row()] * 3, row(close=98.5, nearest_support=99.0, momentum_score=40.0)],
        (3, row(close=101.2)),
    ),
    "Bollinger_Bands": Table(
        [row(close=95.5, bb_user_lower=96.0), row(close=96.5, bb_user_lower=96.2, bb_user_upper=104.0)],
        [row(close=104.5, bb_user_upper=104.0), row(close=103.5, bb_user_upper=103.8, bb_user_lower=96.0)],
        (0, row(close=96.1)),
    ),
    "Bollinger_Touch": Table(
        [row(low=97.0), row(low=95.8, high=97.4, close=97.0, rsi_14=35.0)],
        [row(high=103.0), row(high=104.2, low=102.6, close=103.0, rsi_14=65.0)],
        (0, row(low=95.9)),
    ),
    "CCI_Reversal": Table(
        [row(cci_20=-180.0), row(cci_20=-120.0, open=99.5, close=100.2, rsi_14=38.0)],
        [row(cci_20=180.0), row(cci_20=120.0, open=100.5, close=99.8, rsi_14=62.0)],
        (0, row(cci_20=-140.0)),
    ),
    "Donchian_Breakout": Table(
        [*[row(close=104.0)] * 3, row(close=105.5, rsi_14=65.0)],
        [*[row(close=96.0)] * 3, row(close=94.5, rsi_14=35.0)],
        (3, row(volume_ratio=1.1)),
    ),
    "EMA_Cross": Table(
        [row(ema_12=99.9), row(ema_12=100.1, close=101.0)],
        [row(ema_12=100.1), row(ema_12=99.9, close=99.0)],
        (0, row(ema_12=100.05)),
    ),
    "HullMA_Slope": Table(
        [row(hull_20=100.0), row(hull_20=99.9), row(hull_20=100.0), row(hull_20=100.3, close=101.0)],
        [row(hull_20=100.0), row(hull_20=100.1), row(hull_20=100.0), row(hull_20=99.7, close=99.0)],
        (3, row(hull_20=100.05)),
    ),
    "Liquidity_Sweep_Buy": Table(
        [
            row(low=94.2, close=94.8, nearest_support=95.0),
            row(low=94.3, close=94.9, nearest_support=94.0),
            row(open=94.9, close=95.6, low=94.8, high=95.7, nearest_support=95.2, rsi_14=38.0),
        ],
        None,
        (2, row(close=94.95)),
    ),
    "MACD_Crossover": Table(
        [row(macd_line=-0.2, macd_signal=-0.1), row(macd_line=0.0, macd_signal=-0.08, macd_histogram=0.08)],
        [row(macd_line=0.2, macd_signal=0.1), row(macd_line=0.0, macd_signal=0.08, macd_histogram=-0.08)],
        (1, row(macd_histogram=0.02)),
    ),
    "MultiTF_ConfluentEntry": Table(
        [row(close=100.2, ema_12=100.5), row(close=101.0, ema_12=100.6, ema_26=100.2)],
        [row(close=99.8, ema_12=99.5), row(close=99.0, ema_12=99.4, ema_26=99.8)],
        (1, row(ema_26=100.7)),
        higher_buy={"5m": RISING, "15m": RISING},
        higher_sell={"5m": FALLING, "15m": FALLING},
    ),
    "OBV_Crossover": Table(
        [row(obv_oscillator=-0.4), row(obv_oscillator=-0.2), row(obv_oscillator=1.0, close=101.0)],
        [row(obv_oscillator=0.4), row(obv_oscillator=0.2), row(obv_oscillator=-1.0, close=99.0)],
        (0, row(obv_oscillator=0.1)),
    ),
    "PPO_Crossover": Table(
        [row(ppo=-0.6, ppo_signal=-0.5), row(ppo=-0.4, ppo_signal=-0.45)],
        [row(ppo=0.6, ppo_signal=0.5), row(ppo=0.4, ppo_signal=0.45)],
        (1, row(ppo=-0.1, ppo_signal=-0.2)),
    ),
    "ParabolicSAR_Bounce": Table(
        [
            row(psar=98.0, plus_di=25.0),
            row(psar=98.5, low=98.8, high=99.6, close=99.0),
            row(psar=98.7, low=99.0, open=99.2, close=100.0, plus_di=25.0),
        ],
        [
            row(psar=102.0),
            row(psar=101.5, high=101.2, low=100.4, close=101.0),
            row(psar=101.3, high=101.0, open=100.8, close=100.0, minus_di=25.0),
        ],
        (2, row(close=99.5)),
    ),
    "Pump_Dump_Pattern": Table(
        [row(volume_ratio=1.0), row(volume_ratio=4.0, move_atr=2.0, close=106.0, roc_10=4.0, rsi_14=72.0)],
        [row(roc_10=6.0), row(volume_ratio=2.0, move_atr=-2.0, rsi_14=60.0)],
        (1, row(roc_10=12.0)),
    ),
    "ROC_Threshold": Table(
        [row(roc_10=2.5), row(roc_10=3.5, close=102.0)],
        [row(roc_10=-2.5), row(roc_10=-3.5, close=98.0)],
        (1, row(roc_10=2.9)),
    ),
    "RSI_Cross": Table(
        [row(rsi_14=27.0), row(rsi_14=33.0)],
        [row(rsi_14=73.0), row(rsi_14=67.0)],
        (1, row(rsi_14=29.5)),
    ),
    "RSI_Divergence": Table(
        [row(), row(rsi_divergence=1.0, rsi_14=38.0)],
        [row(), row(rsi_divergence=-1.0, rsi_14=62.0)],
        (1, row(rsi_14=55.0)),
    ),
    "RSI_Strategy": Table(
        [row(rsi_user=32.0), row(rsi_user=29.0)],
        [row(rsi_user=68.0), row(rsi_user=71.0)],
        (0, row(rsi_user=28.0)),
    ),
    "Range_Breakout": Table(
        [*[row(highest_5=101.0, lowest_5=99.5)] * 5, row(close=101.5)],
        [*[row(highest_5=101.0, lowest_5=99.5)] * 5, row(close=99.0)],
        (4, row(lowest_5=98.0)),
        timeframe="1d",
    ),
    "Range_Breakout_Confirmation": Table(
        [row(), row(close=102.2, donchian_upper=102.0, donchian_lower=98.0, range_is_flat=1.0), row(close=102.8)],
        [row(), row(close=97.8, donchian_upper=102.0, donchian_lower=98.0, range_is_flat=1.0), row(close=97.2)],
        (2, row(close=102.1)),
    ),
    "Resistance_Rejection": Table(
        None,
        [row(), row(open=100.2, high=101.1, low=99.9, close=100.0, nearest_resistance=101.0, rsi_14=60.0)],
        (1, row(market_regime="TRENDING_BULL")),
    ),
    "SimpleMA_Cross": Table(
        [*[row(sma_short=99.9, sma_long=100.0)] * 5, row(sma_short=100.2, sma_long=100.0)],
        [*[row(sma_short=100.1, sma_long=100.0)] * 5, row(sma_short=99.8, sma_long=100.0)],
        (5, row(sma_short=100.01)),
    ),
    "Spike_Reaction_Buy": Table(
        [
            row(),
            row(close=95.0, high=96.0),
            row(close=94.0, high=94.8, low=93.5, roc_10=-6.0, volume_ratio=3.0, rsi_14=20.0),
            row(open=94.2, low=93.8, close=95.1, high=95.3, roc_10=-5.0),
        ],
        None,
        (3, row(low=93.0)),
    ),
    "StochRSI_Rebound": Table(
        [row(stoch_rsi=5.0, stoch_rsi_d=8.0), row(stoch_rsi=35.0, stoch_rsi_d=15.0, rsi_14=40.0, open=99.5)],
        [row(stoch_rsi=95.0, stoch_rsi_d=92.0), row(stoch_rsi=65.0, stoch_rsi_d=85.0, rsi_14=60.0, open=100.5)],
        (1, row(stoch_rsi=19.0)),
    ),
    "Stochastic_Oversold_Buy": Table(
        [row(stoch_k=10.0, stoch_d=14.0), row(stoch_k=20.0, stoch_d=14.5, rsi_14=35.0)],
        None,
        (0, row(stoch_d=24.0)),
    ),
    "Supertrend_Reversal": Table(
        [*[row(supertrend_direction=-1.0)] * 4, row(supertrend_direction=1.0, supertrend=97.0)],
        [*[row(supertrend_direction=1.0)] * 4, row(supertrend_direction=-1.0, supertrend=103.0)],
        (1, row(supertrend_direction=1.0)),
    ),
    "Support_Breakout": Table(
        [*[row()] * 3, row(close=101.5, nearest_resistance=101.0, momentum_score=60.0)],
        [*[row()] * 3, row(close=98.5, nearest_support=99.0, momentum_score=40.0)],
        (3, row(resistance_touches=1.0)),
    ),
    "TEMA_Slope": Table(
        [
            *[row(tema_12=100.0)] * 3,
            row(tema_12=100.1),
            row(tema_12=101.0, ema_26=100.2, close=102.0, volume_ratio=2.0),
        ],
        [
            *[row(tema_12=100.0)] * 3,
            row(tema_12=99.9),
            row(tema_12=99.0, ema_26=99.8, close=98.0, volume_ratio=2.0),
        ],
        (4, row(close=100.9)),
    ),
    "TRIX_Crossover": Table(
        [*[row(trix=-0.05, trix_signal=-0.04)] * 5, row(trix=-0.02, trix_signal=-0.03, close=101.0, ema_12=100.0)],
        [*[row(trix=0.05, trix_signal=0.04)] * 5, row(trix=0.02, trix_signal=0.03, close=99.0, ema_12=100.0)],
        (5, row(close=103.0)),
    ),
    "VWAP_Support_Resistance": Table(
        [
            *[row(anchored_vwap=99.0)] * 2,
            row(anchored_vwap=99.0, open=99.3, low=99.0, high=100.0, close=99.8, momentum_score=55.0),
        ],
        [
            *[row(anchored_vwap=101.0)] * 2,
            row(anchored_vwap=101.0, open=100.7, high=101.0, low=100.0, close=100.2, momentum_score=45.0),
        ],
        (1, row(anchored_vwap=100.5)),
    ),
    "WilliamsR_Rebound": Table(
        [
            *[row(williams_r=-90.0)] * 2,
            row(williams_r=-88.0, close=99.0),
            row(williams_r=-70.0, close=99.8, rsi_14=40.0),
        ],
        [
            *[row(williams_r=-10.0)] * 2,
            row(williams_r=-12.0, close=101.0),
            row(williams_r=-30.0, close=100.2, rsi_14=60.0),
        ],
        (0, row(williams_r=-75.0)),
    ),
    "ZScore_Extreme_Reversal": Table(
        [row(zscore_20=-2.5), row(zscore_20=-1.7, close=100.2)],
        [row(zscore_20=2.5), row(zscore_20=1.7, close=99.8)],
        (1, row(zscore_20=-2.05)),
    ),
    "EMA_Daily_Trend": Table(
        [row(ema_21=99.9), row(ema_21=100.1, close=101.0)],
        [row(ema_21=100.1), row(ema_21=99.9, close=99.0)],
        (0, row(ema_21=100.01)),
        timeframe="1d",
    ),
    "Pair_Rotation": Table(
        [row(roc_7=4.0), row(roc_7=8.0), row(roc_7=8.0), row()],
        [row(roc_7=-1.0), row(roc_7=-9.0), row(roc_7=-9.0), row()],
        (1, row(roc_7=5.5)),
        timeframe="1d",
        peers={"BTCUSDC": [row(roc_7=6.0)] * 3, "ETHUSDC": [row(roc_7=-3.0)] * 3},
    ),
    "Cross_Pair_Swing": Table(
        [row(rsi_14=26.0), row(rsi_14=32.0)],
        [row(rsi_14=74.0), row(rsi_14=68.0)],
        (1, row(rsi_14=29.0)),
        peers={"BTCUSDC": [row(), row(rsi_14=52.0, roc_10=0.5)]},
    ),
}


# the same for ``sell`` of those that also buy
SELL_MISSES: dict[str, tuple[int, dict[str, Any]]] = {
    "ADX_Direction": (1, row(adx_14=21.9)),
    "ATR_Breakout": (3, row(close=98.8)),
    "Bollinger_Bands": (0, row(close=103.9)),
    "Bollinger_Touch": (0, row(high=104.1)),
    "CCI_Reversal": (0, row(cci_20=140.0)),
    "Donchian_Breakout": (3, row(volume_ratio=1.1)),
    "EMA_Cross": (0, row(ema_12=99.95)),
    "HullMA_Slope": (3, row(hull_20=99.95)),
    "MACD_Crossover": (1, row(macd_histogram=-0.02)),
    "MultiTF_ConfluentEntry": (1, row(ema_26=99.3)),
    "OBV_Crossover": (0, row(obv_oscillator=-0.1)),
    "PPO_Crossover": (1, row(ppo=0.1, ppo_signal=0.2)),
    "ParabolicSAR_Bounce": (2, row(close=100.5)),
    "Pump_Dump_Pattern": (1, row(move_atr=-1.4)),
    "ROC_Threshold": (1, row(roc_10=-2.9)),
    "RSI_Cross": (1, row(rsi_14=70.5)),
    "RSI_Divergence": (1, row(rsi_14=45.0)),
    "RSI_Strategy": (0, row(rsi_user=72.0)),
    "Range_Breakout": (4, row(highest_5=103.0)),
    "Range_Breakout_Confirmation": (2, row(close=97.9)),
    "SimpleMA_Cross": (5, row(sma_short=99.99)),
    "StochRSI_Rebound": (1, row(stoch_rsi=81.0)),
    "Supertrend_Reversal": (1, row(supertrend_direction=-1.0)),
    "Support_Breakout": (3, row(support_touches=1.0)),
    "TEMA_Slope": (4, row(close=99.1)),
    "TRIX_Crossover": (5, row(close=97.0)),
    "VWAP_Support_Resistance": (1, row(anchored_vwap=99.5)),
    "WilliamsR_Rebound": (0, row(williams_r=-25.0)),
    "ZScore_Extreme_Reversal": (1, row(zscore_20=2.05)),
    "EMA_Daily_Trend": (0, row(ema_21=99.99)),
    "Pair_Rotation": (1, row(roc_7=-3.3)),
    "Cross_Pair_Swing": (1, row(rsi_14=71.0)),
}


def rows_of(table: Rows) -> list[dict[str, float]]:
    return [numeric_row(QUIET | {"time": 60_000.0 * index} | changes) for index, changes in enumerate(table)]


def signal(name: str, table: Table, rows: Rows, above: dict[str, dict[str, Any]]) -> Signal | None:
    frame = BarFrame(
        rows_of(rows),
        symbol=table.symbol,
        timeframe=table.timeframe,
        higher={timeframe: rows_of([changes]) for timeframe, changes in above.items()},
        peers={symbol: rows_of(others) for symbol, others in table.peers.items()},
    )
    return rules()[name].generate_signal({"frame": frame, "symbol": table.symbol, "timeframe": table.timeframe})


def side(name: str, rows: Rows, above: dict[str, dict[str, Any]]) -> str | None:
    found = signal(name, TABLES[name], rows, above)
    return None if found is None else str(found["side"])


def test_every_rule_has_a_table_for_each_side_it_ever_takes_and_a_near_miss() -> None:
    assert set(TABLES) == set(rules())
    for name, table in TABLES.items():
        frames = [market(timeframe_of(rules()[name])).frame(symbol) for symbol in SYMBOLS]
        sides = {int(side) for frame in frames for side in rules()[name].evaluate(frame).side} - {0}
        assert sides == {*([1] if table.buy else []), *([-1] if table.sell else [])}, name
        misses = [(table.miss, table.buy or table.sell)]
        if table.buy and table.sell:
            misses.append((SELL_MISSES[name], table.sell))
        for (place, changes), rows in misses:
            before = (rows or [])[place]
            assert before | changes != before, name


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.buy])
def test_rule_buys_on_its_table(name: str) -> None:
    table = TABLES[name]
    assert side(name, table.buy or [], table.higher_buy) == "BUY"


@pytest.mark.parametrize("name", [name for name, table in TABLES.items() if table.sell])
def test_rule_sells_on_its_table(name: str) -> None:
    table = TABLES[name]
    assert side(name, table.sell or [], table.higher_sell) == "SELL"


@pytest.mark.parametrize("name", TABLES)
def test_rule_is_silent_when_one_number_is_just_not_enough(name: str) -> None:
    table = TABLES[name]
    rows = list(table.buy or table.sell or [])
    place, changes = table.miss
    rows[place] = rows[place] | changes
    assert side(name, rows, table.higher_buy) is None


@pytest.mark.parametrize("name", SELL_MISSES)
def test_rule_does_not_sell_when_one_number_is_just_not_enough(name: str) -> None:
    table = TABLES[name]
    rows = list(table.sell or [])
    place, changes = SELL_MISSES[name]
    rows[place] = rows[place] | changes
    assert side(name, rows, table.higher_sell) is None


@pytest.mark.parametrize("name", TABLES)
def test_rule_is_silent_while_the_event_lasts_but_does_not_happen_again(name: str) -> None:
    table = TABLES[name]
    rows = list(table.buy or table.sell or [])
    assert side(name, [*rows, *[rows[-1]] * 6], table.higher_buy) is None


@pytest.mark.parametrize("name", TABLES)
def test_rule_is_silent_while_a_number_it_needs_is_not_known(name: str) -> None:
    table = TABLES[name]
    rows = [changes | {"atr_14": None} for changes in table.buy or table.sell or []]
    assert side(name, rows, table.higher_buy) is None


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("ATR_Breakout", row(close=101.1)),
        ("Support_Breakout", row(close=101.1)),
        ("OBV_Crossover", row(obv_oscillator=0.1)),
        ("Range_Breakout", row(close=99.2)),
        ("Donchian_Breakout", row(close=105.2)),
        ("SimpleMA_Cross", row(sma_short=100.1, sma_long=100.0)),
        ("TRIX_Crossover", row(trix=-0.03, trix_signal=-0.04)),
        ("WilliamsR_Rebound", row(williams_r=-70.0)),
        ("TEMA_Slope", row(tema_12=98.0)),
        ("Bollinger_Bands", row(close=96.1, bb_user_lower=96.0)),
        ("CCI_Reversal", row(cci_20=-180.0, high=101.0)),
        ("ZScore_Extreme_Reversal", row(zscore_20=-2.5, high=101.0)),
        ("Pair_Rotation", row(roc_7=8.0)),
    ],
)
def test_what_was_not_held_before_is_not_broken_now(name: str, changes: dict[str, Any]) -> None:
    """A level the price went over already, a side OBV was not on, a range that drifts, a weak turn."""
    rows = list(TABLES[name].buy or [])
    rows[0] = rows[0] | changes
    assert side(name, rows, {}) is None


@pytest.mark.parametrize(
    ("divergence", "distance", "close", "votes"),
    [(1.0, 0.2, 101.0, "BUY"), (-1.0, -0.2, 99.0, "SELL"), (1.0, -0.2, 101.0, None), (1.0, 0.2, 99.0, None)],
)
def test_obv_that_diverges_from_the_price_votes_once_it_is_over_its_mean(
    divergence: float, distance: float, close: float, votes: str | None
) -> None:
    rows = [row(obv_oscillator=distance), row(obv_oscillator=distance, obv_divergence=divergence, close=close)]
    assert side("OBV_Crossover", rows, {}) == votes


def test_multi_timeframe_entry_needs_every_timeframe_above() -> None:
    table = TABLES["MultiTF_ConfluentEntry"]
    assert side("MultiTF_ConfluentEntry", table.buy or [], {"5m": RISING}) is None
    assert side("MultiTF_ConfluentEntry", table.buy or [], {"5m": RISING, "15m": FALLING}) is None


def test_the_leader_is_that_of_the_same_quote_asset() -> None:
    table = TABLES["Cross_Pair_Swing"]
    unsteady = [row(), row(rsi_14=80.0, roc_10=5.0)]
    for peers, votes in (
        (table.peers | {"BTCEUR": unsteady}, "BUY"),
        ({"BTCUSDC": unsteady, "BTCUSDT": table.peers["BTCUSDC"]}, None),
        ({"BTCUSDT": table.peers["BTCUSDC"]}, "BUY"),
    ):
        found = signal("Cross_Pair_Swing", replace(table, peers=peers), table.buy or [], {})
        assert (found and found["side"]) == votes


def test_a_pair_that_stopped_trading_leads_nobody() -> None:
    table = TABLES["Cross_Pair_Swing"]
    late = [changes | {"time": 600_000.0 + 60_000.0 * index} for index, changes in enumerate(table.buy or [])]
    assert side("Cross_Pair_Swing", late, {}) is None


@pytest.mark.parametrize("name", ["Bollinger_Touch", "ZScore_Extreme_Reversal"])
@pytest.mark.parametrize(("mean", "target"), [(2.5, 2.5), (2.0, 3.0)])
def test_a_reversal_aims_at_the_mean_where_it_pays_for_the_risk(name: str, mean: float, target: float) -> None:
    *before, last = TABLES[name].buy or []
    rows = [*before, last | {"bb_middle": last["close"] + mean}]
    found = signal(name, TABLES[name], rows, {})
    assert found is not None
    assert found["take_profit"] == found["price"] + target


@pytest.mark.parametrize(("lower", "stop"), [(95.0, 105.5 - 1.5), (104.0, 104.5)])
def test_a_channel_break_stops_at_the_middle_of_the_channel_where_that_is_nearer(lower: float, stop: float) -> None:
    rows = [changes | {"donchian_lower": lower} for changes in TABLES["Donchian_Breakout"].buy or []]
    found = signal("Donchian_Breakout", TABLES["Donchian_Breakout"], rows, {})
    assert found is not None
    assert found["stop_loss"] == stop
