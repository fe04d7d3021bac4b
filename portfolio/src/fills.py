"""Executions become postings, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from core.capital.ledger import Execution, LedgerFill, fill_posting, ledger_fill
from portfolio.src.ports import Ledger
from shared.src.domain.errors import ContractError

logger = logging.getLogger(__name__)


def bookable(executions: Iterable[Execution], *, quote_asset: str) -> list[LedgerFill]:
    """What can be booked of the executions.

    One that cannot stays unbooked and shows as a difference; the others must not wait for it.
    """
    fills = []
    for execution in executions:
        try:
            fills.append(ledger_fill(execution, quote_asset=quote_asset))
        except ContractError as error:
            logger.error(
                "execution cannot be booked", extra={"execution_id": execution.execution_id, "reason": str(error)}
            )
    return fills


async def add_fills(ledger: Ledger, fills: Sequence[LedgerFill]) -> list[LedgerFill]:
    """Book executions; answers those that were new."""
    if not fills:
        return []
    opened = await ledger.opened_at()
    return [
        fill
        for fill in fills
        if await ledger.add(fill_posting(fill, before_opening=opened is not None and fill.occurred_at < opened))
    ]
