"""What an open position would bring."""

from __future__ import annotations

from decimal import Decimal

from core.statistics.open_positions import Unrealised, unrealised

HELD, ENTRY, PRICE = Decimal("0.5"), Decimal(100), Decimal(120)


def test_a_rise_is_profit_on_what_is_held() -> None:
    assert unrealised(HELD, entry_price=ENTRY, price=PRICE) == Unrealised(Decimal(60), Decimal(10), Decimal(20))


def test_a_fall_is_a_loss() -> None:
    assert unrealised(HELD, entry_price=PRICE, price=Decimal(90)) == Unrealised(Decimal(45), Decimal(-15), Decimal(-25))


def test_without_a_price_nothing_is_known() -> None:
    assert unrealised(HELD, entry_price=ENTRY, price=None) == Unrealised()


def test_before_the_entry_there_is_no_profit() -> None:
    assert unrealised(HELD, entry_price=None, price=PRICE) == Unrealised(value=Decimal(60))


def test_a_position_of_nothing_has_no_percentage() -> None:
    assert unrealised(Decimal(0), entry_price=ENTRY, price=PRICE).percent is None
