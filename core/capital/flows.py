"""What moved outside of any trade: by the exchange's own histories, or else by what the balances show of it. Pure.

The exchange converts, lends out, pays interest and turns dust into BNB without a trade: several assets move at once,
in both directions. Whether a trade did it was asked before (``differences.trade_missing``); here it gets its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from core.capital.ledger import Flow, PostingKind
from core.capital.valuation import underlying
from shared.src.domain.money import ZERO

DUST_TARGET = "BNB"


@dataclass(frozen=True, slots=True)
class RecordedFlow:
    """A flow as a history of the exchange has it. ``number``: the same each time it is read, and no other's."""

    number: str
    flow: Flow
    at: datetime


@dataclass(frozen=True, slots=True)
class Histories:
    """What the exchange's histories have, and why some of them could not be read; empty when all could."""

    flows: tuple[RecordedFlow, ...] = ()
    doubt: str = ""


def confirmed(gaps: Mapping[str, Decimal], recorded: Iterable[RecordedFlow]) -> list[RecordedFlow]:
    """Those of the recorded flows that ``gaps`` (exchange minus books) show, the oldest first.

    One is taken when what it leaves of every gap it touches lies between nothing and the whole of it: what the books
    have already, or the exchange has not credited yet, would not.
    """
    rest, found = dict(gaps), []
    for each in sorted(recorded, key=lambda item: (item.at, item.number)):
        if all(is_part(amount, rest.get(asset, ZERO)) for asset, amount in each.flow.moves.items()):
            found.append(each)
            rest |= {asset: rest[asset] - amount for asset, amount in each.flow.moves.items()}
    return found


def is_part(amount: Decimal, whole: Decimal) -> bool:
    """Whether an amount is some or all of a gap."""
    return amount * whole > 0 and abs(amount) <= abs(whole)


def without(gaps: Mapping[str, Decimal], flows: Iterable[Flow]) -> dict[str, Decimal]:
    """What the flows leave of the gaps."""
    rest = dict(gaps)
    for flow in flows:
        for asset, amount in flow.moves.items():
            rest[asset] = rest.get(asset, ZERO) - amount
    return {asset: amount for asset, amount in rest.items() if amount}


def flows_of(gaps: Mapping[str, Decimal]) -> list[Flow]:
    """The flows that ``gaps`` (exchange minus books) can be taken for; together they are exactly the gaps."""
    lent = _earn_moves(gaps)
    rest = {asset: gap for asset, gap in gaps.items() if asset not in lent}
    flows = [Flow(PostingKind.EARN, lent)] if lent else []
    gained = {asset: gap for asset, gap in rest.items() if gap > 0}
    given = {asset: gap for asset, gap in rest.items() if gap < 0}
    if gained and given:
        small = set(gained) == {DUST_TARGET} and len(given) > 1
        return [*flows, Flow(PostingKind.DUST if small else PostingKind.CONVERT, rest)]
    return [*flows, *(Flow(_one_sided(asset, gap), {asset: gap}) for asset, gap in rest.items())]


def _earn_moves(gaps: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """What went into flexible Earn or came out of it, with the interest: an asset and its receipt, opposite ways."""
    moves: dict[str, Decimal] = {}
    for receipt, gap in gaps.items():
        asset = underlying(receipt)
        if asset is not None and gaps.get(asset, ZERO) * gap < 0:
            moves |= {asset: gaps[asset], receipt: gap}
    return moves


def _one_sided(asset: str, gap: Decimal) -> PostingKind:
    """A receipt that grows by itself is interest; anything else came from the owner, or went to him."""
    if gap < 0:
        return PostingKind.WITHDRAWAL
    return PostingKind.DEPOSIT if underlying(asset) is None else PostingKind.REWARD
