"""How often each strategy speaks: on the recorded markets, the same merged to every longer bar, and generated ones.

    python -m tests.bench.count_signals [--markdown]

Counts votes (BUY/SELL) on whole columns and the share of bars. A strategy with time frames of its own is counted on
those alone.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from shared.src.domain.candles import STORED_TIMEFRAMES, Timeframe
from tests.unit.analyzer.strategies.histories import SEEDS, Series, frames, recordings, synthetic
from tests.unit.analyzer.strategies.markets import rules

Counts = dict[str, tuple[int, int, int]]


def markets() -> Iterator[tuple[str, Series]]:
    """Every market to count on, by name."""
    for period, series in recordings().items():
        yield period, series
    for period, series in recordings().items():
        for timeframe in longer(series.timeframe):
            yield f"{timeframe} of {period}", series.in_timeframe(timeframe)
    for seed in SEEDS:
        yield f"generated {seed}", synthetic(seed)


def longer(timeframe: str) -> list[str]:
    """The time frames that bars of this one can be merged to."""
    own = Timeframe(timeframe).milliseconds
    return [one.value for one in STORED_TIMEFRAMES if one.milliseconds > own and one.milliseconds % own == 0]


def count(series: Series) -> dict[str, Counts]:
    """By symbol and strategy: BUY, SELL and bars."""
    result: dict[str, Counts] = {}
    for symbol, frame in frames(series).items():
        found: Counts = {}
        for name, rule in sorted(rules().items()):
            if rule.timeframes is None or series.timeframe in rule.timeframes:
                side = rule.evaluate(frame).side
                found[name] = (int((side > 0).sum()), int((side < 0).sum()), len(side))
        result[symbol] = found
    return result


def main(arguments: Sequence[str]) -> None:
    table: dict[str, Counts] = {}
    for period, series in markets():
        for symbol, found in count(series).items():
            table[f"{symbol} {period}"] = found
    bars = {column: max(bars for _, _, bars in found.values()) for column, found in table.items()}
    if "--markdown" in arguments:
        print("| strategy | " + " | ".join(f"{column}, {bars[column]} bars" for column in table) + " |")
        print("|---" * (len(table) + 1) + "|")
    for name in sorted(rules()):
        cells = [_cell(found.get(name)) for found in table.values()]
        print("| " + " | ".join([name, *cells]) + " |")


def _cell(found: tuple[int, int, int] | None) -> str:
    if found is None:
        return ""
    buys, sells, bars = found
    return f"{buys}/{sells}{' !' if buys + sells > 0.05 * bars else ''}"


if __name__ == "__main__":
    main(sys.argv[1:])
