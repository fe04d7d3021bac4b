"""Executions become postings, each once."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

from core.capital.ledger import Execution, fill_posting
from portfolio.src.ports import Ledger
from shared.src.contracts.orders import ExecutionEvent
from shared.src.domain.errors import ContractError
from shared.src.domain.symbols import split_symbol

logger = logging.getLogger(__name__)


def execution_of(event: ExecutionEvent) -> Execution:
    """The execution that a message tells of."""
    return Execution(
        execution_id=event.execution_id,
        order_id=event.order_id,
        symbol=event.symbol,
        trade_id=event.trade_id,
        side=event.side,
        quantity=event.quantity,
        quote_quantity=event.quote_quantity,
        fee=event.fee,
        fee_asset=event.fee_asset,
        occurred_at=event.occurred_at,
    )


def bookable(executions: Iterable[Execution], *, quote_asset: str) -> list[Execution]:
    """Those of the executions whose symbol can be taken apart.

    Others stay unbooked and show as a difference; these must not wait for them.
    """
    readable = []
    for execution in executions:
        try:
            split_symbol(execution.symbol, quote_first=quote_asset)
        except ContractError as error:
            logger.error(
                "execution cannot be booked", extra={"execution_id": execution.execution_id, "reason": str(error)}
            )
        else:
            readable.append(execution)
    return readable


async def add_fills(ledger: Ledger, executions: Sequence[Execution], *, quote_asset: str) -> list[Execution]:
    """Book executions; answers those that were new.

    Raises:
        ContractError: the symbol of one cannot be taken apart.
    """
    if not executions:
        return []
    opened = await ledger.opened_at()
    new = []
    for execution in executions:
        before_opening = opened is not None and execution.occurred_at < opened
        if await ledger.add(fill_posting(execution, quote_asset=quote_asset, before_opening=before_opening)):
            new.append(execution)
    return new
