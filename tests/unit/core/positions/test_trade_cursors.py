"""Which symbols are asked for their trades, and from which trade on."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal

import pytest

from core.positions.trade_cursors import FollowedSymbol, TradeCursor, beginning, moved_assets, to_ask

LATELY, LONG_AGO = 30.0, 300.0


def followed(**asked_s_ago: float | None) -> list[FollowedSymbol]:
    return [FollowedSymbol(f"{base}USDC", base, "USDC", ago) for base, ago in asked_s_ago.items()]


@pytest.mark.parametrize(
    ("asked", "moved", "expected"),
    [
        ({"AAA": LATELY, "BBB": LATELY}, set(), []),
        ({"AAA": None, "BBB": LATELY}, set(), ["AAAUSDC"]),
        ({"AAA": LATELY, "BBB": LATELY}, {"BBB", "USDC"}, ["BBBUSDC"]),
        ({"AAA": LATELY, "BBB": LATELY}, {"USDC"}, ["AAAUSDC", "BBBUSDC"]),
        ({"AAA": LATELY, "BBB": LATELY}, {"EUR"}, []),
        ({"AAA": LATELY, "BBB": LONG_AGO}, set(), ["BBBUSDC"]),
        ({"AAA": LATELY, "BBB": 119.9}, set(), []),
    ],
)
def test_symbols_are_asked_when_something_may_have_been_traded(
    asked: dict[str, float | None], moved: Collection[str], expected: list[str]
) -> None:
    assert to_ask(followed(**asked), moved) == expected


def test_where_nothing_moved_three_are_asked_at_a_time_those_first_that_waited_longest() -> None:
    symbols = followed(A=200.0, B=205.0, C=190.0, D=207.0, E=130.0)
    assert to_ask(symbols, set()) == ["AUSDC", "BUSDC", "DUSDC"]


def test_after_a_start_all_are_asked_once() -> None:
    symbols = followed(**{f"A{number}": None for number in range(22)})
    assert len(to_ask(symbols, set())) == 22


def test_a_symbol_begins_at_its_newest_trade_or_below_the_first_of_an_order_that_is_known() -> None:
    assert beginning([], []) == TradeCursor(-1, -1)
    assert beginning([3, 9, 7], []) == TradeCursor(9, 9)
    assert beginning([3, 7, 9], [7]) == TradeCursor(6, 6)


def test_an_asset_that_came_or_went_has_moved() -> None:
    before = {"USDC": Decimal(100), "BTC": Decimal(1), "EUR": Decimal("5.0")}
    now = {"USDC": Decimal(99), "BNB": Decimal(1), "EUR": Decimal(5)}
    assert moved_assets(before, now) == {"USDC", "BTC", "BNB"}
