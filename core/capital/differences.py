"""When a difference between the books and the exchange is a fact, and what it may be called. Pure.

A fill reaches the exchange's balance before it reaches the books. So a difference is believed only after several
looks during which it did not change. It is called a deposit or a withdrawal only when the exchange
itself shows no trade that the books lack and every gap has one direction; everything else stays a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

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
    """What moved with one trade: base and quote units, and the fee in its own asset."""

    quantity: Decimal
    quote_quantity: Decimal
    fee: Decimal
    fee_asset: str


Trades = Mapping[int, Trade]


def trade_missing(symbol: str, *, listed: Trades, booked: Trades, gaps: Mapping[str, Decimal], quote_asset: str) -> str:
    """Which trade of the exchange's list explains a gap because the books lack it or have it differently; else empty.

    A trade that touches none of the assets with a gap is on its way and explains nothing about them.
    """
    for trade_id, trade in sorted(listed.items()):
        known = booked.get(trade_id)
        touched = {*split_symbol(symbol, quote_first=quote_asset), trade.fee_asset, known.fee_asset if known else ""}
        if known != trade and not touched.isdisjoint(gaps):
            return f"trade {trade_id} of {symbol} is {'not booked' if known is None else 'booked differently'}"
    return ""


def halting(unexplained: Mapping[str, Decimal], *, symbols: Iterable[str], quote_asset: str) -> dict[str, Decimal]:
    """Of the differences that nothing explains, those in assets we trade: they stop new positions."""
    traded = tuple(symbols)
    return {
        asset: gap
        for asset, gap in unexplained.items()
        if asset == quote_asset or any(symbol.startswith(asset) for symbol in traded)
    }


def one_direction(gaps: Mapping[str, Decimal]) -> bool:
    """Whether all gaps have the same sign: a trade that is missing would show as one of each."""
    return all(gap > 0 for gap in gaps.values()) or all(gap < 0 for gap in gaps.values())


def describe(gaps: Mapping[str, Decimal]) -> str:
    """The gaps in words, for people."""
    return ", ".join(f"{asset} {wire(gap) if gap < 0 else '+' + wire(gap)}" for asset, gap in sorted(gaps.items()))
