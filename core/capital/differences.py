"""When a difference between the books and the exchange is a fact, and what it may be called. Pure.

A fill reaches the exchange's balance before it reaches the books. So a difference is believed only after several
looks during which it did not change. It is called a flow (a deposit, a conversion: ``flows``) only when the exchange
itself shows no trade that the books lack or have differently; such a trade is to be booked first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from shared.src.domain.errors import ContractError
from shared.src.domain.money import wire
from shared.src.domain.symbols import split_symbol

LOOKS_MIN = 4
STANDING_S_MIN = 12.0


class Standing(StrEnum):
    EQUAL = "equal"
    SETTLING = "settling"  # something may still be on its way
    STANDING = "standing"  # some difference is not going away by itself


@dataclass(frozen=True, slots=True)
class _Seen:
    gap: Decimal
    since_s: float
    looks: int


@dataclass(slots=True)
class DifferenceWatch:
    """Remembers the last looks at one account. A gap that is passed on by fills changes; one that stays is believed."""

    _seen: dict[str, _Seen] = field(default_factory=dict)

    def look(self, gaps: Mapping[str, Decimal], at_s: float) -> Standing:
        """Take in one look: exchange minus books, asset by asset."""
        before, self._seen = self._seen, {}
        for asset, gap in gaps.items():
            last = before.get(asset)
            same = last is not None and last.gap == gap
            self._seen[asset] = _Seen(gap, last.since_s, last.looks + 1) if last and same else _Seen(gap, at_s, 1)
        if not gaps:
            return Standing.EQUAL
        return Standing.STANDING if self.standing(at_s) else Standing.SETTLING

    def standing(self, at_s: float) -> dict[str, Decimal]:
        """The gaps that did not move during several looks."""
        return {
            asset: seen.gap
            for asset, seen in self._seen.items()
            if seen.looks >= LOOKS_MIN and at_s - seen.since_s >= STANDING_S_MIN
        }


@dataclass(frozen=True, slots=True)
class Trade:
    """What moved with one trade: base and quote units, and the fee in its own asset.

    Sources name an asset for a fee of zero or none: where nothing was taken, none is kept.
    """

    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str

    def __post_init__(self) -> None:
        if not self.fee:
            object.__setattr__(self, "fee_asset", "")


Trades = Mapping[int, Trade]


def trade_missing(
    symbol: str,
    *,
    listed: Trades,
    booked: Trades,
    gaps: Mapping[str, Decimal],
    quote_asset: str,
    begins_after: int = -1,
) -> str:
    """Which trade of the exchange's list explains a gap because the books lack it or have it differently; else empty.

    A trade that touches none of the assets with a gap is on its way and explains nothing about them. Nor does one
    that was made before its symbol was followed: nobody will book it any more. ``begins_after``: the newest of those.
    """
    for trade_id, trade in sorted(listed.items()):
        known = booked.get(trade_id)
        if known is None and trade_id <= begins_after:
            continue
        fees = {trade.fee_asset, known.fee_asset if known else ""}
        if known != trade and any(asset in fees or _trades(symbol, asset, quote_asset) for asset in gaps):
            return f"trade {trade_id} of {symbol} is {'not booked' if known is None else 'booked differently'}"
    return ""


def _trades(symbol: str, asset: str, quote_asset: str) -> bool:
    """Whether an asset is one of a symbol's two, as far as its name tells."""
    known = _assets(symbol, quote_asset)
    return asset in known if known else symbol.startswith(asset) or symbol.endswith(asset)


def halting(unexplained: Mapping[str, Decimal], *, symbols: Iterable[str], quote_asset: str) -> dict[str, Decimal]:
    """Of the differences that nothing explains, those in assets we trade: they stop new positions."""
    traded = {quote_asset, *(asset for symbol in symbols for asset in _assets(symbol, quote_asset))}
    return {asset: gap for asset, gap in unexplained.items() if asset in traded}


def _assets(symbol: str, quote_asset: str) -> tuple[str, ...]:
    try:
        return split_symbol(symbol, quote_first=quote_asset)
    except ContractError:  # nothing can be booked in it either
        return ()


def describe(gaps: Mapping[str, Decimal]) -> str:
    """The gaps in words, for people."""
    return ", ".join(f"{asset} {wire(gap) if gap < 0 else '+' + wire(gap)}" for asset, gap in sorted(gaps.items()))
