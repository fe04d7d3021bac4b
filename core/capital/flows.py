"""What moved outside of any trade, by what the balances show of it. Pure.

The exchange converts, lends out, pays interest and turns dust into BNB without a trade: several assets move at once,
in both directions. Whether a trade did it was asked before (``differences.trade_missing``); here it gets its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from core.capital.ledger import Flow, PostingKind
from core.capital.valuation import underlying
from shared.src.domain.money import ZERO

DUST_TARGET = "BNB"


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
