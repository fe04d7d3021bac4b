"""Executions become postings, each once."""

from __future__ import annotations

from collections.abc import Sequence

from core.capital.ledger import Execution, fill_posting
from portfolio.src.ports import Ledger
from shared.src.contracts.orders import ExecutionEvent
from shared.src.domain.errors import ContractError, InvariantError


class UnbookableError(ContractError):
    """An execution that the books have no place for, for the reason in the message."""

    def __init__(self, execution: Execution, reason: str) -> None:
        super().__init__(reason)
        self.execution = execution


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


async def add_fills(ledger: Ledger, executions: Sequence[Execution], *, quote_asset: str) -> list[Execution]:
    """Book executions; answers those that were new.

    Raises:
        UnbookableError: of the first that cannot be booked. The transaction is lost.
    """
    if not executions:
        return []
    opened = await ledger.opened_at()
    new = []
    for execution in executions:
        before_opening = opened is not None and execution.occurred_at < opened
        try:
            posting = fill_posting(execution, quote_asset=quote_asset, before_opening=before_opening)
            is_new = await ledger.add(posting)
        except (ContractError, InvariantError) as error:
            raise UnbookableError(execution, str(error)) from error
        if is_new:
            new.append(execution)
    return new
