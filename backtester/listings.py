"""A recorded symbol as the exchange lists it. A recording has no filters: they are those of the pair as the twin lists
it, on the grid that the recorded prices and amounts stand on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from shared.src.domain.symbols import split_symbol
from shared.src.exchange.rules import SymbolRules
from shared.src.market.recorded_history import RecordedHistory
from simulator.market.symbols import Profile, default_filters, profile_of

ORDER_TYPES = ("LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS", "STOP_LOSS_LIMIT", "TAKE_PROFIT", "TAKE_PROFIT_LIMIT")
STEP_DECIMALS_MAX = 8
# the grid is read off the first bars: a price uses all of its decimals soon
BARS_READ = 5_000
# what a step of quantity is worth at most, quote units: volumes are sums, and may be written coarser than the step
STEP_WORTH_MAX = Decimal("0.5")


@dataclass(frozen=True, slots=True)
class RecordedListing:
    """A symbol: what the exchange allows (``rules``), and how it trades (``profile``: spread, turnover)."""

    rules: SymbolRules
    profile: Profile
    filters: Sequence[dict[str, Any]]


def listing_of(history: RecordedHistory) -> RecordedListing:
    """The listing of a recorded symbol.

    Raises:
        ContractError: no known quote asset ends its name.
    """
    base, quote = split_symbol(history.symbol)
    candles = history.candles[:BARS_READ]
    price = candles[0].open
    tick = _grid(number for candle in candles for number in (candle.open, candle.high, candle.low, candle.close))
    step = min(_grid(candle.volume for candle in candles), _step_of(price))
    filters = default_filters(tick, step, price)
    rules = SymbolRules.parse(
        {
            "symbol": history.symbol,
            "baseAsset": base,
            "quoteAsset": quote,
            "status": "TRADING",
            "orderTypes": ORDER_TYPES,
            "ocoAllowed": True,
            "cancelReplaceAllowed": True,
            "allowTrailingStop": True,
            "filters": filters,
        }
    )
    return RecordedListing(rules, profile_of(history.symbol, base, quote, price=price, tick=tick, step=step), filters)


def _grid(numbers: Iterable[Decimal]) -> Decimal:
    """The coarsest power of ten that all numbers are multiples of, at most 1."""
    decimals = max((-int(number.normalize().as_tuple().exponent) for number in numbers), default=0)
    return Decimal(1).scaleb(-min(max(decimals, 0), STEP_DECIMALS_MAX))


def _step_of(price: Decimal) -> Decimal:
    """The largest power of ten of base units that is worth little enough, at most 1."""
    worth = STEP_WORTH_MAX / price
    return min(Decimal(1), Decimal(1).scaleb(max(worth.adjusted(), -STEP_DECIMALS_MAX)))
