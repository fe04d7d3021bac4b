"""How much was lost: since the UTC day began, and since the account stood highest.

What counts is the result of trading, open positions included at what they would bring now (their bid), in the asset of
valuation. Deposits and withdrawals are not results, and never enter: the result is summed over the positions, not read
off the balances.

A loss in percent is measured on an index that grows as the equity would have grown without flows: each look multiplies
it by equity / (equity - result since the last look). A withdrawal makes the next loss larger in percent, not the last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from core.positions.model import Cycle
from core.risk.account import Losses, assets_of
from core.statistics.periods import day_start
from shared.src.domain.money import ONE, ZERO

HUNDRED: Final = Decimal(100)
INDEX_STEP: Final = Decimal("0.000000000001")
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class TradingResult:
    """What trading brought, in units of valuation.

    ``equity``: the capital with the open positions at what they would bring. ``open``: what the open positions have won
    or lost since they were opened. ``ended``: what positions brought that ended since the mark's day began, and
    ``ended_today`` since today did.
    """

    equity: Decimal
    open: Decimal
    ended: Decimal
    ended_today: Decimal


@dataclass(frozen=True, slots=True)
class LossMark:
    """What is remembered from look to look, in the database.

    ``day``: when the day of ``result`` began, a midnight UTC. ``open_before``: what the positions open at that time had
    won or lost by then. ``index``, and what it was when the day began and at its highest.
    """

    day: datetime
    result: Decimal = ZERO
    open_before: Decimal = ZERO
    index: Decimal = ONE
    day_index: Decimal = ONE
    peak_index: Decimal = ONE

    def losses(self, now: datetime) -> Losses:
        """What was lost by ``now``; nothing of a day that is over."""
        drawdown = _fall(self.peak_index, self.index)
        if self.day < day_start(now):
            return Losses(drawdown_percent=drawdown)
        return Losses(self.result, _fall(self.day_index, self.index), drawdown)

    def forgiven(self, *, day: bool, peak: bool) -> LossMark:
        """The mark from which the day's loss, or the drawdown, is measured anew."""
        mark = self
        if day:
            mark = replace(mark, open_before=mark.open_before + mark.result, result=ZERO, day_index=mark.index)
        return replace(mark, peak_index=mark.index) if peak else mark


def looked(mark: LossMark, now: datetime, found: TradingResult) -> LossMark:
    """The mark after a look. What happened since the last look of an earlier day counts to today."""
    result = found.ended + found.open - mark.open_before
    change = result - mark.result
    index = _grown(mark.index, found.equity, change)
    peak = max(mark.peak_index, index)
    today = day_start(now)
    if today <= mark.day:
        return replace(mark, result=result, index=index, peak_index=peak)
    open_before = found.ended_today + found.open - change
    return LossMark(today, change, open_before, index, day_index=mark.index, peak_index=peak)


def _grown(index: Decimal, equity: Decimal, change: Decimal) -> Decimal:
    before = equity - change
    if before <= 0:
        return index  # there was nothing to gain or lose on
    return max(ZERO, index * equity / before).quantize(INDEX_STEP, rounding=ROUND_HALF_EVEN)


def _fall(high: Decimal, now: Decimal) -> Decimal:
    return max(ZERO, HUNDRED * (high - now) / high) if high > 0 else ZERO


@dataclass(frozen=True, slots=True)
class OpenResult:
    """What open positions have won or lost, in units of valuation: in all, and on what is still held of them.

    ``unpriced``: symbols that nobody has a price for, or whose quote asset nobody knows. Their positions are taken at
    their cost: one that cannot be sold any more, of a symbol that is gone, must not stop all others.
    """

    total: Decimal = ZERO
    held: Decimal = ZERO
    unpriced: tuple[str, ...] = ()


def unconvertible(symbols: Iterable[str], rates: Mapping[str, Decimal], quote_asset: str) -> str:
    """The first quote asset of the symbols that has no price in the asset of valuation; empty when all have one."""
    quotes = (assets_of(symbol, quote_asset)[1] for symbol in symbols)
    return next((quote for quote in quotes if quote and quote not in rates), "")


def open_result(
    cycles: Iterable[Cycle], bids: Mapping[str, Decimal], rates: Mapping[str, Decimal], quote_asset: str
) -> OpenResult:
    """What the open cycles would bring at ``bids``, by symbol, less what was paid; ``rates`` as an account has them.

    Ask ``unconvertible`` first.
    """
    total = held = ZERO
    unpriced: list[str] = []
    for cycle in cycles:
        if cycle.entry_price is None:
            continue
        rate = rates.get(assets_of(cycle.symbol, quote_asset)[1])
        if cycle.symbol not in bids or rate is None:
            unpriced.append(cycle.symbol)
            continue
        still = max(ZERO, cycle.quantity - cycle.exit_quantity) * (bids[cycle.symbol] - cycle.entry_price)
        sold = cycle.exit_quantity * ((cycle.exit_price or cycle.entry_price) - cycle.entry_price)
        total += (still + sold - cycle.fees) * rate
        held += still * rate
    return OpenResult(total, held, tuple(dict.fromkeys(unpriced)))


def converted(amounts: Mapping[str, Decimal], rates: Mapping[str, Decimal], quote_asset: str) -> Decimal:
    """The sum of results by symbol, in units of valuation; ask ``unconvertible`` first.

    What is quoted in an asset that nobody knows belongs to no sum.
    """
    worth = (amount * rates.get(assets_of(symbol, quote_asset)[1], ZERO) for symbol, amount in amounts.items())
    return sum(worth, ZERO)
