"""Finds out that the operator sold a position's coins by hand, where the account has fewer than the positions own."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from core.positions.by_hand import sold_by_hand
from core.positions.model import CycleState
from shared.src.exchange.rules import SymbolRules
from trader.src.ports import Store

logger = logging.getLogger(__name__)


class SalesByHand:
    """A sale that was thought to be of the operator's own coins becomes the position's, with its result."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def explain(self, missing: Decimal, positions: Sequence[tuple[CycleState, SymbolRules]]) -> bool:
        """Whether a sale by hand explains some of ``missing`` base units of these positions; it is theirs then."""
        since: dict[str, datetime] = {}
        for view, _ in positions:
            if view.cycle.opened_at is not None:
                since[view.cycle.symbol] = min(view.cycle.opened_at, since.get(view.cycle.symbol, view.cycle.opened_at))
        sales = [
            order for symbol, opened_at in since.items() for order in await self._store.sales_by_hand(symbol, opened_at)
        ]
        found = sold_by_hand(missing, positions, sales)
        for order, parts in found:
            await self._store.attribute(order, {view.cycle.id: part for view, part in parts})
            log = {"symbol": order.symbol, "order_id": order.exchange_order_id, "cycle_id": order.cycle_id}
            logger.warning("a sale by hand sold a position", extra=log)
        return bool(found)
