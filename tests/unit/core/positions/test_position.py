"""What a cycle holds and earned follows from its fills alone, in whatever asset fees were paid."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from core.positions.model import Fill
from core.positions.position import Position
from core.positions.protection import take_profit_price
from core.risk.exit_levels import ExitRules, settle_order
from shared.memory.manual_clock import ManualClock
from shared.src.domain.exits import ExitMethod, ExitRule
from shared.src.domain.money import ZERO
from shared.src.domain.orders import Side
from tests.unit.trader.fake_exchange import RULES

AT = ManualClock().now()
BNB_PRICE = Decimal(600)
AMOUNTS = st.decimals("0.00001", "5", places=5)
PRICES = st.decimals("0.01", "90000", places=2)


def fill(number: int, side: Side, quantity: Decimal, price: Decimal, fee_asset: str) -> Fill:
    quote = quantity * price
    fee = {"BTC": quantity, "USDC": quote, "BNB": quote / BNB_PRICE}[fee_asset] / 1000
    fee_quote = fee * {"BTC": price, "USDC": Decimal(1), "BNB": BNB_PRICE}[fee_asset]
    return Fill("BTCUSDC", number, "o", side, price, quantity, quote, fee, fee_asset, fee_quote, False, AT)


def test_fees_in_bnb_reduce_the_profit_but_not_the_holding() -> None:
    fills = [
        fill(1, Side.BUY, Decimal(1), Decimal(100), "BNB"),
        fill(2, Side.SELL, Decimal(1), Decimal(110), "BNB"),
    ]
    position = Position.of(fills, "BTC")
    assert position.held == 0
    assert position.fees == Decimal("0.1") + Decimal("0.11")
    assert position.profit_loss == 10 - position.fees


@given(
    buys=st.lists(st.tuples(AMOUNTS, PRICES), min_size=1, max_size=6),
    share=st.decimals("0", "1", places=3),
    price=PRICES,
    fee_asset=st.sampled_from(["BTC", "USDC", "BNB"]),
)
def test_profit_is_cash_flow_plus_what_is_left_at_cost(
    buys: list[tuple[Decimal, Decimal]], share: Decimal, price: Decimal, fee_asset: str
) -> None:
    fills = [fill(n, Side.BUY, quantity, paid, fee_asset) for n, (quantity, paid) in enumerate(buys)]
    sold = Position.of(fills, "BTC").held * share
    if sold:
        fills.append(fill(99, Side.SELL, sold, price, "USDC" if fee_asset == "BTC" else fee_asset))
    position = Position.of(fills, "BTC")
    assert position.entry_price is not None
    cash = sum((-f.quote_quantity if f.side is Side.BUY else f.quote_quantity for f in fills), ZERO)
    other_fees = sum((f.fee_quote for f in fills if f.fee_asset != "BTC"), ZERO)
    assert abs(position.profit_loss - (cash - other_fees + position.held * position.entry_price)) < Decimal("1e-15")


def test_of_a_sale_by_hand_of_more_than_is_held_the_position_gets_its_share() -> None:
    fills = [
        fill(1, Side.BUY, Decimal(1), Decimal(100), "USDC"),
        fill(2, Side.SELL, Decimal(4), Decimal(110), "USDC"),
    ]
    position = Position.of(fills, "BTC")
    assert [position.held, position.sold, position.sold_quote] == [0, 1, 110]
    assert position.fees == Decimal("0.1") + Decimal("0.11")
    assert position.profit_loss == Decimal("9.79")


def test_a_fee_in_coins_of_such_a_sale_is_shared_too() -> None:
    fills = [
        fill(1, Side.BUY, Decimal(1), Decimal(100), "USDC"),
        fill(2, Side.SELL, Decimal(4), Decimal(110), "BTC"),
    ]
    assert Position.of(fills, "BTC").base_fees == Decimal("0.001")


@given(entry=st.decimals("0.05", "90000", places=2), percent=st.decimals("0.1", "20", places=1))
def test_protection_stands_on_allowed_prices_on_the_right_sides(entry: Decimal, percent: Decimal) -> None:
    exits = settle_order(entry, None, None, ExitRules(percent=ExitRule(ExitMethod.PERCENT, percent, percent)))
    trigger = RULES.floor_price(exits.stop_loss)
    target = take_profit_price(exits.take_profit, RULES)
    assert 0 < trigger < entry < target
    assert trigger % RULES.tick == target % RULES.tick == 0
