"""The synthetic market: reproducible to the byte, lively enough to trade, the same candles at every speed."""

import hashlib
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.market import series as column
from simulator.market.book import LEVELS, OutsideBook, spread_ticks
from simulator.market.intervals import MINUTE_MS
from simulator.market.source import Tick, thin
from simulator.market.symbols import DEFAULT_PROFILES, default_symbols
from simulator.market.synthetic import SyntheticMarket

START = 1_767_225_600_000


def tape(seed: int, *, minutes: int = 20, steps: int = 4) -> list[Tick]:
    market = SyntheticMarket(DEFAULT_PROFILES, seed=seed, start_ms=START, steps_per_minute=steps, history_minutes=120)
    return [tick for index in range(minutes) for tick in market.minute(START + index * MINUTE_MS)]


def digest(ticks: list[Tick]) -> str:
    return hashlib.sha256("\n".join(map(repr, ticks)).encode()).hexdigest()


def test_the_same_seed_gives_the_same_tape_to_the_byte() -> None:
    assert digest(tape(7)) == digest(tape(7))


def test_another_seed_gives_another_tape() -> None:
    assert digest(tape(7)) != digest(tape(8))


def test_candles_are_the_same_at_every_pace() -> None:
    def corners(ticks: list[Tick]) -> dict[tuple[str, int], tuple[Decimal, ...]]:
        minutes: dict[tuple[str, int], list[Decimal]] = {}
        for tick in ticks:
            minutes.setdefault((tick.symbol, tick.time_ms // MINUTE_MS), []).append(tick.price)
        return {key: (prices[0], max(prices), min(prices), prices[-1]) for key, prices in minutes.items()}

    slow = corners(tape(3, steps=60))

    assert corners(tape(3, steps=4)) == slow
    assert corners(tape(3, steps=12)) == slow


@given(st.lists(st.integers(1, 50), min_size=60, max_size=60), st.sampled_from([4, 12, 60]))
def test_a_thinned_path_keeps_open_extremes_and_close(path: list[int], steps: int) -> None:
    thinned = thin(path, steps)

    assert len(thinned) == steps
    assert (thinned[0], thinned[-1], max(thinned), min(thinned)) == (path[0], path[-1], max(path), min(path))


@pytest.mark.parametrize("steps", [4, 60])
def test_a_minute_of_the_past_has_as_many_trades_as_one_that_is_played(steps: int) -> None:
    market = SyntheticMarket(DEFAULT_PROFILES, seed=7, start_ms=START, steps_per_minute=steps, history_minutes=120)
    played = [tick for tick in market.minute(START) if tick.symbol == "BTCUSDC" and tick.quantity]
    history = market.history("BTCUSDC")
    assert set(history.minutes[:, column.COUNT].tolist()) <= {0, steps}
    assert history.minutes[:, column.COUNT].max() == len(played) == steps
    assert history.hours[:, column.COUNT].max() == 60 * steps


def test_the_history_ends_at_the_symbols_price_and_is_long_enough_to_warm_up() -> None:
    market = SyntheticMarket(DEFAULT_PROFILES, seed=7, start_ms=START, steps_per_minute=4)

    for profile in DEFAULT_PROFILES:
        history = market.history(profile.symbol)
        assert len(history.minutes) >= 1_500
        assert len(history.hours) >= 720
        assert int(history.minutes[-1, column.CLOSE]) == int(profile.price * 10**8)
        assert int(history.minutes[-1, column.OPEN_MS]) == START - MINUTE_MS
        assert set(np.diff(history.minutes[:, column.OPEN_MS])) == {MINUTE_MS}
        assert int(history.hours[-1, column.OPEN_MS]) + 3_600_000 == int(history.minutes[0, column.OPEN_MS])


def test_minutes_move_as_a_lively_market_does() -> None:
    market = SyntheticMarket(DEFAULT_PROFILES, seed=11, start_ms=START, steps_per_minute=4)
    deviations = []
    for profile in DEFAULT_PROFILES:
        closes = np.log(market.history(profile.symbol).minutes[:, column.CLOSE].astype(float))
        deviations.append(float(np.diff(closes).std()))

    assert min(deviations) > 0.0005
    assert max(deviations) < 0.0035


def test_symbols_move_together_but_not_as_one() -> None:
    market = SyntheticMarket(DEFAULT_PROFILES, seed=5, start_ms=START, steps_per_minute=4)
    returns = np.array(
        [
            np.diff(np.log(market.history(name).minutes[:, column.CLOSE].astype(float)))
            for name in ("BTCUSDC", "ETHUSDC", "SOLUSDC", "LINKUSDC")
        ]
    )
    correlations = np.corrcoef(returns)[np.triu_indices(4, 1)]

    assert correlations.min() > 0.3
    assert correlations.max() < 0.95


def test_volume_belongs_to_volatility() -> None:
    market = SyntheticMarket(DEFAULT_PROFILES, seed=5, start_ms=START, steps_per_minute=4)
    rows = market.history("BTCUSDC").minutes.astype(float)
    spans = (rows[:, column.HIGH] - rows[:, column.LOW]) / rows[:, column.CLOSE]

    assert np.corrcoef(spans, rows[:, column.QUOTE])[0, 1] > 0.4


def test_a_minute_cannot_be_played_twice() -> None:
    market = SyntheticMarket(DEFAULT_PROFILES[:2], seed=1, start_ms=START, steps_per_minute=4, history_minutes=0)
    market.minute(START)

    with pytest.raises(ValueError, match="played already"):
        market.minute(START)


def test_steps_lie_in_their_minute_and_in_order() -> None:
    ticks = tape(9, minutes=1)

    assert [tick.time_ms for tick in ticks] == sorted(tick.time_ms for tick in ticks)
    assert all(START <= tick.time_ms < START + MINUTE_MS for tick in ticks)
    assert len(ticks) == 4 * len(DEFAULT_PROFILES)


def test_there_are_the_platforms_22_pairs_on_a_grid_their_prices_fit() -> None:
    symbols = default_symbols()

    assert len(symbols) == 22
    for symbol, profile in zip(symbols, DEFAULT_PROFILES, strict=True):
        assert symbol["symbol"] == f"{symbol['base']}USDC"
        assert Decimal(symbol["last_price"]) % profile.tick == 0


@given(st.sampled_from(DEFAULT_PROFILES), st.integers(-500, 500), st.booleans(), st.integers(0, 10**6))
def test_the_outside_book_never_crosses_and_holds_what_is_to_trade(profile, moved, buys, steps) -> None:  # type: ignore[no-untyped-def]
    price = profile.price + moved * profile.tick
    traded = profile.step * steps

    bids, asks = OutsideBook(profile, 1).around(price, taker_buys=buys, traded=traded)

    assert bids[0][0] < asks[0][0]
    assert [level[0] for level in bids] == sorted({level[0] for level in bids}, reverse=True)
    assert [level[0] for level in asks] == sorted({level[0] for level in asks})
    touched = asks[0] if buys else bids[0]
    assert touched[0] == price
    assert touched[1] >= traded
    assert len(asks) == LEVELS
    assert all(quantity > 0 and quantity % profile.step == 0 for _, quantity in bids + asks)
    assert asks[0][0] - bids[0][0] == profile.tick * spread_ticks(profile, price)
