"""What a history is worth as evidence: where it has holes, stands still or shows prices that never were.

A backtest on data nobody looked at proves nothing, so every set is examined, and the findings stay with its hash. What
is beyond the limits makes the set uncertified, with the reason; nothing is repaired here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from backtester.history.bars import Bars
from shared.src.domain.candles import DAY_MS, MINUTE_MS, Timeframe
from shared.src.domain.clock import from_ms

# Of the bars that should be there; Binance's own archives of its large pairs miss about one in ten thousand.
MISSING_SHARE_MAX = 0.01
HOLE_MS_MAX = 7 * DAY_MS
# Rows that contradict an earlier row of the same bar.
CORRECTED_SHARE_MAX = 0.001
# A bar that leaves both of its neighbours so far behind and comes back is a misprint, or a book that was empty.
OUTLIER_RATIO = 1.25
OUTLIER_TIMES_USUAL = 40.0
OUTLIERS_MAX = 0
# Shares of bars without a trade: above the first, halts cannot be told from quiet; above the second, nobody could have
# traded at these prices.
QUIET_SHARE_USUAL = 0.05
QUIET_SHARE_MAX = 0.9
QUIET_RUN_MS = 30 * MINUTE_MS
QUIET_RUN_BARS = 2
HALT_MS = 15 * MINUTE_MS
LISTED_MAX = 50


@dataclass(frozen=True, slots=True)
class Stretch:
    """``bars`` bars in a row from ``start_ms`` on."""

    start_ms: int
    bars: int


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of one kind: how many there are, their bars together, and the longest of them in order of time."""

    count: int = 0
    bars: int = 0
    longest: int = 0
    listed: tuple[Stretch, ...] = ()

    @classmethod
    def of(cls, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> Stretches:
        if not len(lengths):
            return cls()
        kept = np.sort(np.argsort(-lengths, kind="stable")[:LISTED_MAX])
        listed = tuple(Stretch(int(starts[place]), int(lengths[place])) for place in kept)
        return cls(len(lengths), int(lengths.sum()), int(lengths.max()), listed)


@dataclass(frozen=True, slots=True)
class ReadingNotes:
    """What the reading of the files changed: rows that repeat a bar, those of them that tell it otherwise (the last
    counts), bars that were off the start of their interval.
    """

    repeated: int = 0
    corrected: int = 0
    moved: int = 0

    def worse(self, other: ReadingNotes) -> ReadingNotes:
        """The larger of each: a file that is read twice is no worse for that."""
        return ReadingNotes(
            max(self.repeated, other.repeated), max(self.corrected, other.corrected), max(self.moved, other.moved)
        )


UNTOUCHED = ReadingNotes()


@dataclass(frozen=True, slots=True)
class Certificate:
    """The findings on one set. ``outliers``: opens (ms) of bars with a price that their neighbours never saw."""

    symbol: str
    timeframe: Timeframe
    rows: int
    first_ms: int
    last_ms: int
    sha256: str
    missing: Stretches
    quiet: Stretches
    quiet_bars: int
    halts: Stretches
    outliers: tuple[int, ...]
    notes: ReadingNotes
    reasons: tuple[str, ...] = field(default=())

    @property
    def is_certified(self) -> bool:
        return not self.reasons

    def document(self) -> dict[str, Any]:
        """As JSON has it; times in ISO form."""
        return {
            "certified": self.is_certified,
            "reasons": list(self.reasons),
            "symbol": self.symbol,
            "timeframe": self.timeframe.value,
            "rows": self.rows,
            "from": from_ms(self.first_ms).isoformat(),
            "to": from_ms(self.timeframe.next_open(self.last_ms)).isoformat(),
            "sha256": self.sha256,
            "missing": _document(self.missing),
            "without_trades": {"all": self.quiet_bars, "runs": _document(self.quiet)},
            "halts": _document(self.halts),
            "outliers": [from_ms(time_ms).isoformat() for time_ms in self.outliers],
            "reading": asdict(self.notes),
        }


def examine(bars: Bars, notes: ReadingNotes = UNTOUCHED) -> Certificate:
    """Examine a set of at least one bar.

    Raises:
        ValueError: there is no bar.
    """
    if not len(bars):
        raise ValueError("a set without bars has nothing to examine")
    step = bars.timeframe.milliseconds
    missing = _missing(bars)
    is_quiet = bars.volume == 0
    starts, lengths = _runs(is_quiet)
    long_runs = lengths >= max(QUIET_RUN_BARS, QUIET_RUN_MS // step)
    certificate = Certificate(
        symbol=bars.symbol,
        timeframe=bars.timeframe,
        rows=len(bars),
        first_ms=int(bars.time[0]),
        last_ms=int(bars.time[-1]),
        sha256=bars.sha256(),
        missing=missing,
        quiet=Stretches.of(bars.time[starts[long_runs]], lengths[long_runs]),
        quiet_bars=int(is_quiet.sum()),
        halts=_halts(bars, starts, lengths),
        outliers=tuple(int(time_ms) for time_ms in bars.time[_outliers(bars)][:LISTED_MAX]),
        notes=notes,
    )
    return _judged(certificate, step)


def _judged(found: Certificate, step: int) -> Certificate:
    reasons = []
    due = found.rows + found.missing.bars
    if found.missing.bars > MISSING_SHARE_MAX * due:
        reasons.append(f"{found.missing.bars} of {due} bars are missing")
    if found.missing.longest * step > HOLE_MS_MAX:
        reasons.append(f"{found.missing.longest} bars in a row are missing")
    if found.quiet_bars > QUIET_SHARE_MAX * found.rows:
        reasons.append(f"{found.quiet_bars} of {found.rows} bars have no trade")
    if len(found.outliers) > OUTLIERS_MAX:
        first = from_ms(found.outliers[0]).isoformat()
        reasons.append(f"{len(found.outliers)} bars show prices that their neighbours never saw, the first {first}")
    if found.notes.corrected > CORRECTED_SHARE_MAX * found.rows:
        reasons.append(f"{found.notes.corrected} rows contradict an earlier row of the same bar")
    values = {name: getattr(found, name) for name in Certificate.__dataclass_fields__}
    return Certificate(**values | {"reasons": tuple(reasons)})


def _missing(bars: Bars) -> Stretches:
    """The holes between bars: from where, and how many bars."""
    if bars.timeframe is Timeframe.MO1:
        ends = np.array([bars.timeframe.next_open(int(time_ms)) for time_ms in bars.time], np.int64)
    else:
        ends = bars.time + bars.timeframe.milliseconds
    places = np.flatnonzero(bars.time[1:] > ends[:-1])
    distance = bars.time[places + 1] - ends[places]
    # months differ in length: 31 days is the longest, so a hole counts at least one
    lengths = np.maximum(1, np.rint(distance / bars.timeframe.milliseconds).astype(np.int64))
    return Stretches.of(ends[places], lengths)


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Places at which runs of true begin, and how long they are."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return edges[::2], (edges[1::2] - edges[::2]).astype(np.int64)


def _halts(bars: Bars, starts: NDArray[np.intp], lengths: NDArray[np.int64]) -> Stretches:
    """Long stretches without a trade in a market that else trades in nearly every bar: it was closed."""
    if lengths.sum() > QUIET_SHARE_USUAL * len(bars):
        return Stretches()
    long = lengths >= max(QUIET_RUN_BARS, HALT_MS // bars.timeframe.milliseconds)
    return Stretches.of(bars.time[starts[long]], lengths[long])


def _outliers(bars: Bars) -> NDArray[np.intp]:
    """Places of bars whose high or low lies far outside of the close before and of their own close or the next one,
    compared with what is usual for this market.
    """
    if len(bars) < 3:
        return np.empty(0, np.intp)
    before, after = bars.close[:-2], bars.close[2:]
    above = bars.high[1:-1] / np.maximum(before, after)
    below = np.minimum(before, after) / np.maximum(bars.low[1:-1], np.finfo(np.float64).tiny)
    excess = np.maximum(above, below)
    usual = float(np.median(np.abs(np.log(excess))))
    limit = max(OUTLIER_RATIO, float(np.exp(min(OUTLIER_TIMES_USUAL * usual, 10.0))))
    return np.flatnonzero(excess > limit) + 1


def _document(stretches: Stretches) -> dict[str, Any]:
    return {
        "count": stretches.count,
        "bars": stretches.bars,
        "longest": stretches.longest,
        "listed": [{"from": from_ms(item.start_ms).isoformat(), "bars": item.bars} for item in stretches.listed],
    }
