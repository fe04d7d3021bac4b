"""A position's part of a sale by hand: its units, its money and its fees, trade by trade."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from core.positions.by_hand import spread, with_hand_sales
from core.positions.model import CycleState, Fill, HandSale, Purpose
from shared.src.domain.orders import OrderStatus, Side
from tests.unit.core.positions.cycles import NOW, RULES, known, state

D = Decimal
SECOND = timedelta(seconds=1)
NEW, CANCELED, FILLED = OrderStatus.NEW, OrderStatus.CANCELED, OrderStatus.FILLED
BOUGHT = known(Purpose.ENTRY, "2", FILLED)
FIRST = known(Purpose.STOP_LOSS, "2", CANCELED)


def fill(trade_id: int, units: str, quote: str, fee: str, order: str = "hand") -> Fill:
    """A part of a sale by hand; its fee in quote units."""
    return Fill(
        symbol=RULES.symbol,
        trade_id=trade_id,
        client_order_id=order,
        side=Side.SELL,
        price=D(quote) / D(units),
        quantity=D(units),
        quote_quantity=D(quote),
        fee=D(fee),
        fee_asset="USDC",
        fee_quote=D(fee),
        is_maker=False,
        at=NOW,
    )


SALE = replace(
    known(Purpose.EXTERNAL, "6", FILLED).order, client_order_id="hand", executed_quote=D(602), created_at=NOW - SECOND
)
FILLS = (fill(11, "2", "202", "0.2"), fill(10, "4", "400", "0.4"))


def shared(skipped: str, quantity: str) -> CycleState:
    """A position with its part of a sale by hand of 6 units, which was told in two trades, the newer first."""
    sales = (HandSale("hand", D(skipped), D(quantity)),)
    return with_hand_sales(state(BOUGHT, hand_sales=sales), [SALE], FILLS)


def test_a_position_gets_its_part_of_a_sale_by_hand_from_each_trade_of_it() -> None:
    seen = shared("1", "4")
    sold = [each for each in seen.fills if each.side is Side.SELL]
    assert [(each.trade_id, each.quantity, each.quote_quantity) for each in sold] == [
        (10, D(3), D(300)),
        (11, D(1), D(101)),
    ]
    assert [(each.fee, each.fee_quote) for each in sold] == [(D("0.3"), D("0.3")), (D("0.1"), D("0.1"))]


def test_its_part_of_the_order_is_filled_when_all_of_the_part_is() -> None:
    (sale,) = shared("1", "4").of(Side.SELL)
    assert [sale.quantity, sale.executed_quantity] == [4, 4]
    assert sale.status is FILLED
    assert sale.executed_quote == D(602) * 4 / 6
    resting = replace(SALE, status=OrderStatus.PARTIALLY_FILLED, executed_quantity=D(3), executed_quote=D(300))
    sales = (HandSale("hand", D(1), D(4)),)
    (part,) = with_hand_sales(state(BOUGHT, hand_sales=sales), [resting], ()).of(Side.SELL)
    assert [part.executed_quantity, part.executed_quote] == [2, 200]
    assert part.status is OrderStatus.PARTIALLY_FILLED
    late = (HandSale("hand", D(3), D(4)),)
    (nothing,) = with_hand_sales(state(BOUGHT, hand_sales=late), [resting], ()).of(Side.SELL)
    assert [nothing.executed_quantity, nothing.executed_quote] == [0, 0]


def test_a_trade_outside_of_its_part_is_not_its_own() -> None:
    assert [each.trade_id for each in shared("4", "2").fills if each.side is Side.SELL] == [11]
    assert [each.trade_id for each in shared("0", "4").fills if each.side is Side.SELL] == [10]


def test_orders_and_fills_stay_in_the_order_of_time() -> None:
    seen = shared("0", "6")
    assert [order.client_order_id for order in seen.orders] == ["hand", "entry-1"]
    assert [each.trade_id for each in seen.fills] == sorted(each.trade_id for each in seen.fills)


def test_what_another_sale_is_to_sell_is_not_free_for_a_sale_by_hand() -> None:
    leaving = known(Purpose.EXIT, "0.5", NEW, number=2)
    order = replace(SALE, executed_quantity=D(2))
    ((_, part),) = spread(order, [state(BOUGHT, FIRST, leaving)], RULES.base)
    assert part.quantity == D("1.5")
    ((_, whole),) = spread(order, [state(BOUGHT, FIRST)], RULES.base)
    assert whole.quantity == 2
