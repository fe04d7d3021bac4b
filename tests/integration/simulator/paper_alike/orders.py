"""Orders as the trader makes them, in short, and what to expect of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from core.positions.model import Order, Purpose
from shared.src.domain.orders import OrderStatus, OrderType, Side
from shared.src.exchange.models import ExchangeOrder, OrderReport
from tests.integration.simulator.paper_alike.exchanges import SYMBOL, Behaviour, BothExchanges, Scenario

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT, MAKER = OrderType.MARKET, OrderType.LIMIT, OrderType.LIMIT_MAKER
STOP, STOP_LIMIT = OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT
TAKE, TAKE_LIMIT = OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT
NEW, FILLED, PARTIAL = OrderStatus.NEW, OrderStatus.FILLED, OrderStatus.PARTIALLY_FILLED
CANCELED, EXPIRED = OrderStatus.CANCELED, OrderStatus.EXPIRED


def order(
    client_id: str,
    side: Side,
    kind: OrderType,
    quantity: str,
    price: str | None = None,
    *,
    stop: str | None = None,
    tif: str | None = "GTC",
    trailing: int | None = None,
    symbol: str = SYMBOL,
) -> Order:
    """An order as the trader makes one."""
    limited = kind in {OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
    return Order(
        client_order_id=client_id,
        intent_id="i",
        cycle_id=None,
        attempt=1,
        purpose=Purpose.MANUAL,
        symbol=symbol,
        side=side,
        type=kind,
        quantity=Decimal(quantity),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        status=OrderStatus.SENT,
        time_in_force=tif if limited else None,
        price=None if price is None else Decimal(price),
        stop_price=None if stop is None else Decimal(stop),
        trailing_delta=trailing,
    )


def got(found: ExchangeOrder) -> tuple[OrderStatus, Any]:
    """What became of an order."""
    return found.status, found.executed_quantity


def fills_of(reports: Sequence[OrderReport] | OrderReport) -> list[tuple[str, str]]:
    """(price, quantity) of every fill in reports."""
    several = [reports] if isinstance(reports, OrderReport) else reports
    return [(f"{fill.price:f}", f"{fill.quantity:f}") for report in several for fill in report.fills]


async def with_coins(s: Scenario, quantity: str = "4") -> None:
    """A market at 1000 and coins to sell."""
    await s.tick("999", "1000")
    await s.deposit("BTC", quantity)


async def statuses(s: Scenario) -> list[OrderStatus]:
    return [(await s.state(order(name, SELL, STOP, "1"))).status for name in ("tp", "sl")]


def alike(behaviour: Behaviour) -> Callable[[BothExchanges], Awaitable[None]]:
    """A test that both exchanges behave in this way, and say the same while they do."""

    async def test(both: BothExchanges) -> None:
        await both.play(behaviour)

    test.__name__ = behaviour.__name__
    return test
