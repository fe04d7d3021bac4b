"""How far the account's trades were compared, symbol by symbol, and which symbols are asked for theirs next. Pure.

A question for the trades of one symbol weighs 20 of the 6,000 units a minute, so not all are asked each time: those
in whose assets something moved since the last comparison, and of the others the few that were not asked for longest.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from shared.src.domain.money import ZERO

ASK_AGAIN_S = 120.0
IN_TURN_MAX = 3


@dataclass(frozen=True, slots=True)
class TradeCursor:
    """Trade ids of one symbol, -1 for none: the newest that is not ours to book, and the newest that was compared."""

    begins_after: int
    compared_to: int


@dataclass(frozen=True, slots=True)
class FollowedSymbol:
    """A symbol whose trades are compared. ``asked_s_ago`` None: not yet, as far as this process knows."""

    symbol: str
    base: str
    quote: str
    asked_s_ago: float | None


def beginning(newest: Iterable[int], known: Collection[int]) -> TradeCursor:
    """Where the cursor of a symbol begins: ids of its newest trades, and of those of them whose orders we know.

    What the account did before the symbol was followed is not ours to book; from the first trade of an order that we
    know on, it is.
    """
    before = min(known) - 1 if known else max(newest, default=-1)
    return TradeCursor(before, before)


def moved_assets(before: Mapping[str, Decimal], now: Mapping[str, Decimal]) -> frozenset[str]:
    """Assets of which there is more or less than there was, in units of each."""
    return frozenset(asset for asset in {*before, *now} if before.get(asset, ZERO) != now.get(asset, ZERO))


def to_ask(followed: Sequence[FollowedSymbol], moved: Collection[str]) -> list[str]:
    """The symbols to ask for their trades now, in the order in which they are followed."""
    others = [each for each in followed if not _is_due(each, followed, moved)]
    oldest = sorted((each for each in others if _age_s(each) >= ASK_AGAIN_S), key=_age_s, reverse=True)
    in_turn = {each.symbol for each in oldest[:IN_TURN_MAX]}
    left_out = {each.symbol for each in others if each.symbol not in in_turn}
    return [each.symbol for each in followed if each.symbol not in left_out]


def _is_due(each: FollowedSymbol, followed: Iterable[FollowedSymbol], moved: Collection[str]) -> bool:
    """Whether something may have been traded in it that is not known.

    A trade moves its base asset. Where a quote asset moved alone, units may have been bought and sold again.
    """
    if each.asked_s_ago is None or each.base in moved:
        return True
    return each.quote in moved and not any(other.base in moved for other in followed if other.quote == each.quote)


def _age_s(each: FollowedSymbol) -> float:
    return each.asked_s_ago or 0.0
