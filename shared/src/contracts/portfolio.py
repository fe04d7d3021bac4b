"""Balances and cycles on the wire."""

from __future__ import annotations

from shared.src.contracts.base import Amount, Message, NonNegative, Positive, Symbol
from shared.src.domain.orders import CycleStatus, Side


class BalanceUpdated(Message):
    asset: str
    free: NonNegative
    locked: NonNegative


class CycleUpdated(Message):
    """A cycle changed. Terminal states release what is still reserved for ``intent_id``."""

    cycle_id: str
    intent_id: str
    symbol: Symbol
    strategy: str
    side: Side
    status: CycleStatus
    quantity: NonNegative
    entry_price: Positive | None = None
    exit_price: Positive | None = None
    stop_price: Positive | None = None
    take_profit_price: Positive | None = None
    profit_loss: Amount | None = None
    profit_loss_percent: Amount | None = None
    reason: str = ""
