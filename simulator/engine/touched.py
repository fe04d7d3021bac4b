"""What changed since the state was last written down, so that writing costs what changed and not what is."""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.engine.orders import Amendment, EngineFill, EngineOrder, OrderList, PreventedMatch


@dataclass(slots=True)
class Touched:
    """What is to be written: each thing once, however often it changed; history as (account, row)."""

    accounts: dict[str, None] = field(default_factory=dict)
    markets: dict[str, None] = field(default_factory=dict)
    orders: dict[int, EngineOrder] = field(default_factory=dict)
    lists: dict[int, OrderList] = field(default_factory=dict)
    fills: list[tuple[str, EngineFill]] = field(default_factory=list)
    amendments: list[tuple[str, Amendment]] = field(default_factory=list)
    prevented: list[tuple[str, PreventedMatch]] = field(default_factory=list)
    forgotten_orders: list[int] = field(default_factory=list)
    forgotten_lists: list[int] = field(default_factory=list)

    def forget_order(self, order: EngineOrder) -> None:
        self.orders.pop(order.order_id, None)
        self.forgotten_orders.append(order.order_id)

    def forget_list(self, order_list: OrderList) -> None:
        self.lists.pop(order_list.list_id, None)
        self.forgotten_lists.append(order_list.list_id)
